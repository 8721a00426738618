//! The fields of a serializable struct as fields of a log line.
//!
//! An event in the log and the same event of `GET /v1/events` are one struct of crate `api`. Fields
//! without a value are omitted, and a nested struct becomes a group.

use super::line::{Line, Name};
use serde::ser::{Impossible, Serialize, SerializeStruct, Serializer};
use std::fmt::{self, Write as _};

impl Line {
    /// Appends the fields of a struct. Allowed are numbers, booleans, strings, options of these, and
    /// one level of nested structs; a field of another type is a bug in the struct and is omitted.
    pub(super) fn fields(&mut self, of: &impl Serialize) {
        let result = of.serialize(Fields { line: self, name: None });
        debug_assert!(result.is_ok(), "a log event has a field that a line cannot hold");
    }
}

/// Serializes one value: the outer struct if `name` is `None`, else the field of that name.
struct Fields<'a> {
    line: &'a mut Line,
    name: Option<Name>,
}

/// The value's type cannot be a field of a log line.
#[derive(Debug)]
struct Unfit;

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a field of a log line")
    }
}

impl std::error::Error for Unfit {}

impl serde::ser::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Fields<'_> {
    fn plain(self, value: impl fmt::Display) -> Result<(), Unfit> {
        self.line.plain(self.name.ok_or(Unfit)?, value);
        Ok(())
    }
}

impl<'a> Serializer for Fields<'a> {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Impossible<(), Unfit>;
    type SerializeTuple = Impossible<(), Unfit>;
    type SerializeTupleStruct = Impossible<(), Unfit>;
    type SerializeTupleVariant = Impossible<(), Unfit>;
    type SerializeMap = Impossible<(), Unfit>;
    type SerializeStruct = Group<'a>;
    type SerializeStructVariant = Impossible<(), Unfit>;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Group<'a>, Unfit> {
        let group = match self.name {
            None => None,
            Some(Name { group: None, key }) => Some(key),
            Some(Name { group: Some(_), .. }) => return Err(Unfit),
        };
        Ok(Group { line: self.line, group })
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unfit> {
        self.plain(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unfit> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unfit> {
        self.line.float(self.name.ok_or(Unfit)?, value);
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Unfit> {
        self.line.text(self.name.ok_or(Unfit)?, |text| text.push_str(value));
        Ok(())
    }

    fn collect_str<T: ?Sized + fmt::Display>(self, value: &T) -> Result<(), Unfit> {
        // Writing to a String cannot fail.
        self.line.text(self.name.ok_or(Unfit)?, |text| _ = write!(text, "{value}"));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unfit> {
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unfit> {
        self.serialize_str(variant)
    }

    fn serialize_char(self, value: char) -> Result<(), Unfit> {
        self.collect_str(&value)
    }

    fn serialize_unit(self) -> Result<(), Unfit> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unfit> {
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Unfit> {
        Err(Unfit)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unfit> {
        Err(Unfit)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unfit> {
        Err(Unfit)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unfit> {
        Err(Unfit)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unfit> {
        Err(Unfit)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unfit> {
        Err(Unfit)
    }
}

/// The fields of one struct, all in the same group.
struct Group<'a> {
    line: &'a mut Line,
    group: Option<&'static str>,
}

impl SerializeStruct for Group<'_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        let name = Some(Name { group: self.group, key });
        value.serialize(Fields { line: self.line, name })
    }

    fn end(self) -> Result<(), Unfit> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::{Form, Reader};
    use super::Line;
    use api::{Close, ClosedTcp, SessionClosed, Word};
    use plan::LogFormat;
    use tracing::Level;

    /// A session record with values that exercise quoting, options and groups.
    fn session_closed() -> SessionClosed<'static> {
        SessionClosed {
            id: 17,
            forward: "web \"1\"".into(),
            client: "[2001:db8::1]:50000".to_owned(),
            proxy: None,
            sni: None,
            listener: ":18080".into(),
            target: Some("db.internal:80".into()),
            target_address: None,
            attempts: 3,
            started: "2026-01-02T03:04:05.678Z".to_owned(),
            duration: 12.000_345,
            connect_time: Some(0.000_25),
            first_byte: Some(0.5),
            bytes_up: 0,
            bytes_down: u64::MAX,
            stalled_up: 0.0,
            stalled_down: 7.125,
            path_up: Word::of("copy+splice"),
            path_down: Word::of("none"),
            fallback_up: Word::of("no_pipe"),
            fallback_down: Word::of("none"),
            verdict: Word::of("client-slow"),
            close: Close {
                by: Word::of("target"),
                phase: Word::of("relay"),
                cause: Word::of("reset"),
                errno: Some("ECONNRESET".into()),
            },
            client_tcp: Some(ClosedTcp { rtt: 1.0, retransmits: 3 }),
            target_tcp: None,
        }
    }

    fn form(format: LogFormat) -> Form {
        Form { format, reader: Reader::Any, color: false }
    }

    fn line(format: LogFormat) -> String {
        let mut line = Line::begin(form(format), "TIME", Level::INFO);
        line.fields(&session_closed());
        line.message("session ended");
        line.end()
    }

    #[test]
    fn session_records_match_the_golden_files() {
        let event = serde_json::to_string(&session_closed()).unwrap() + "\n";
        let golden = [
            (line(LogFormat::Text), include_str!("golden/session_record.text")),
            (line(LogFormat::Json), include_str!("golden/session_record.json")),
            (event, include_str!("golden/session_closed.json")),
        ];
        for (written, golden) in golden {
            assert_eq!(written, golden);
        }
    }

    #[test]
    fn unsupported_types_are_refused() {
        use serde::Serialize;
        let mut line = Line::begin(form(LogFormat::Text), "TIME", Level::INFO);
        let refused =
            |of: &dyn Fn(&mut Line) -> Result<(), super::Unfit>, line: &mut _| of(line).is_err();
        assert!(refused(&|line| [1, 2].serialize(super::Fields { line, name: None }), &mut line));
        assert!(refused(&|line| 7.serialize(super::Fields { line, name: None }), &mut line));
    }
}
