//! A log line in text or JSON, built field by field. A busy process writes thousands per second, so
//! values are formatted in place.

use super::escape::{escape_json, escape_text, quote_if_needed};
use super::form::{Form, Paint};
use plan::LogFormat;
use std::fmt::{self, Write as _};
use std::time::SystemTime;
use tracing::Level;
use tracing::field::{Field, Visit};

/// Initial capacity of a line, in bytes: enough for most.
const USUAL: usize = 768;

/// The name of a field, optionally within a group.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) group: Option<&'static str>,
    pub(super) key: &'static str,
}

impl From<&'static str> for Name {
    /// Splits `a.b` into field `b` of group `a`.
    fn from(name: &'static str) -> Self {
        match name.split_once('.') {
            Some((group, key)) => Self { group: Some(group), key },
            None => Self { group: None, key: name },
        }
    }
}

/// A line under construction. In JSON it is one object; consecutive fields `a.b` and `a.c` become
/// `"a": {"b": …, "c": …}`.
pub(super) struct Line {
    format: LogFormat,
    paint: Paint,
    text: String,
    /// Position of the message, which may be set after fields.
    message_at: usize,
    /// Group of the last field.
    group: Option<&'static str>,
}

impl Line {
    /// Begins a line with the current time and without a message.
    pub(super) fn now(form: Form, level: Level) -> Self {
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        if form.is_short() {
            // The time of day, without its fraction.
            let time = time.to_string();
            let time = time.get(11..19).unwrap_or_default();
            return Self::begin(form, format_args!("{time}Z"), level);
        }
        Self::begin(form, time, level)
    }

    /// Begins a line with this time and without a message.
    pub(super) fn begin(form: Form, time: impl fmt::Display, level: Level) -> Self {
        let paint = form.paint(level);
        let mut text = String::with_capacity(USUAL);
        // Writing to a String cannot fail.
        let _ = form.begin(&mut text, time, level, paint);
        let message_at = text.len();
        if form.format == LogFormat::Json {
            text.push('"');
        }
        Self { format: form.format, paint, text, message_at, group: None }
    }

    pub(super) fn message(&mut self, message: impl fmt::Display) {
        let rest = self.text.split_off(self.message_at);
        let _ = write!(self.text, "{message}");
        match self.format {
            LogFormat::Text => escape_text(&mut self.text, self.message_at),
            LogFormat::Json => escape_json(&mut self.text, self.message_at),
        }
        self.text.push_str(&rest);
    }

    /// Appends a number or a boolean, which needs no escaping in either format.
    pub(super) fn plain(&mut self, name: impl Into<Name>, value: impl fmt::Display) {
        self.name(name.into());
        let _ = write!(self.text, "{value}");
    }

    /// Appends a floating-point number.
    pub(super) fn float(&mut self, name: impl Into<Name>, value: f64) {
        if value.is_finite() {
            self.plain(name, value);
        } else {
            // JSON has no literal for NaN and infinities.
            self.plain(name, "null");
        }
    }

    /// Appends the text that `write` produces, escaped and, where necessary, quoted.
    pub(super) fn text(&mut self, name: impl Into<Name>, write: impl FnOnce(&mut String)) {
        self.name(name.into());
        let json = self.format == LogFormat::Json;
        if json {
            self.text.push('"');
        }
        let from = self.text.len();
        write(&mut self.text);
        if json {
            escape_json(&mut self.text, from);
            self.text.push('"');
        } else {
            quote_if_needed(&mut self.text, from);
        }
    }

    fn name(&mut self, name: Name) {
        let Name { group, key } = name;
        if self.format == LogFormat::Text {
            let Paint { dim, plain, .. } = self.paint;
            return match group {
                Some(group) => self.push([" ", dim, group, ".", key, "=", plain]),
                None => self.push([" ", dim, key, "=", plain]),
            };
        }
        if group == self.group {
            return self.push([",\"", key, "\":"]);
        }
        self.push([if self.group.is_some() { "},\"" } else { ",\"" }]);
        if let Some(group) = group {
            self.push([group, "\":{\""]);
        }
        self.push([key, "\":"]);
        self.group = group;
    }

    fn push<const N: usize>(&mut self, parts: [&str; N]) {
        for part in parts {
            self.text.push_str(part);
        }
    }

    /// Finishes the line with a newline.
    pub(super) fn end(mut self) -> String {
        self.push(match (self.format, self.group) {
            (LogFormat::Text, _) => ["\n"],
            (LogFormat::Json, None) => ["}\n"],
            (LogFormat::Json, Some(_)) => ["}}\n"],
        });
        self.text
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message(format_args!("{value:?}"));
        } else {
            self.text(field.name(), |text| _ = write!(text, "{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), |text| text.push_str(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.float(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Reader;
    use super::*;

    fn form(format: LogFormat, reader: Reader) -> Form {
        Form { format, reader, color: false }
    }

    fn line(format: LogFormat, fields: &[(&'static str, &str)]) -> String {
        let mut line = Line::begin(form(format, Reader::Any), "now", Level::WARN);
        line.plain("id", 7);
        line.message("line one\nline two");
        for (name, value) in fields {
            line.text(*name, |text| text.push_str(value));
        }
        line.end()
    }

    #[test]
    fn text_lines_escape_control_characters() {
        let fields =
            [("name", "a b=\"c\"\r\n\x1b[31m\u{202e}\\"), ("plain", "127.0.0.1:80"), ("empty", "")];
        assert_eq!(
            line(LogFormat::Text, &fields),
            "now  WARN line one\\nline two id=7 \
             name=\"a b=\\\"c\\\"\\r\\n\\u{1b}[31m\\u{202e}\\\\\" plain=127.0.0.1:80 empty=\"\"\n"
        );
    }

    #[test]
    fn json_lines_are_valid_and_group_fields() {
        let fields = [
            ("close.by", "cli\"ent"),
            ("close.errno", "E\n"),
            ("tcp.state", "\\"),
            ("last", "\u{1}ü"),
        ];
        let line = line(LogFormat::Json, &fields);
        assert_eq!(
            line,
            "{\"time\":\"now\",\"level\":\"warn\",\"message\":\"line one\\nline two\",\"id\":7,\
             \"close\":{\"by\":\"cli\\\"ent\",\"errno\":\"E\\n\"},\"tcp\":{\"state\":\"\\\\\"},\
             \"last\":\"\\u0001ü\"}\n"
        );
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["close"]["by"], "cli\"ent");
        assert_eq!(value["last"], "\u{1}ü");
    }

    #[test]
    fn a_json_line_may_end_in_a_group() {
        let line = line(LogFormat::Json, &[("a.b", "c")]);
        assert!(line.ends_with(",\"a\":{\"b\":\"c\"}}\n"), "{line}");
    }

    #[test]
    fn lines_for_terminals_are_short_and_colored() {
        let written = |level, color| {
            let form = Form { format: LogFormat::Text, reader: Reader::Terminal, color };
            let mut line = Line::begin(form, "now", level);
            line.message("ready");
            line.plain("forwards", 1);
            line.end()
        };
        assert_eq!(
            written(Level::INFO, true),
            "\x1b[2mnow\x1b[0m ready \x1b[2mforwards=\x1b[0m1\n"
        );
        assert_eq!(
            written(Level::WARN, true),
            "\x1b[2mnow\x1b[0m \x1b[33mWARN\x1b[0m ready \x1b[2mforwards=\x1b[0m1\n"
        );
        assert_eq!(written(Level::DEBUG, false), "now DEBUG ready forwards=1\n");
    }

    #[test]
    fn lines_for_the_journal_have_a_priority_and_no_time() {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        let written = |format, level| {
            let mut line = Line::begin(form(format, Reader::Journal), "now", level);
            line.message("one\ntwo");
            line.end()
        };
        assert_eq!(
            levels.map(|level| written(LogFormat::Text, level)).concat(),
            "<3>ERROR one\\ntwo\n<4>WARN one\\ntwo\n<6>INFO one\\ntwo\n<7>DEBUG one\\ntwo\n\
             <7>TRACE one\\ntwo\n"
        );
        let json = written(LogFormat::Json, Level::WARN);
        assert_eq!(json, "<4>{\"time\":\"now\",\"level\":\"warn\",\"message\":\"one\\ntwo\"}\n");
    }
}
