//! Encoder for pprof's format: gzip-compressed Protocol Buffers in which entities refer to each
//! other by id.

use crate::message::{self, Function, Line, Location, Mapping, ValueType};
use crate::{Frame, Profile, Symbols, ValueKind};
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

/// Id of the only mapping, which stands for the whole program.
const MAPPING: u64 = 1;

/// Encodes a profile in the format of pprof, compressed with gzip.
pub fn pprof(profile: &Profile, symbols: &Symbols) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&Writer::new().message(profile, symbols).encode_to_vec())?;
    gzip.finish()
}

/// Assigns ids to strings, functions and locations.
#[derive(Default)]
struct Writer {
    strings: Numbers<String>,
    functions: Numbers<(String, String)>,
    locations: Numbers<usize>,
    message: message::Profile,
}

/// Assigns consecutive indices in order of first use.
struct Numbers<Key>(HashMap<Key, usize>);

impl<Key> Default for Numbers<Key> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<Key: std::hash::Hash + Eq> Numbers<Key> {
    /// The index of `key`, from 0, and whether it is new.
    fn number(&mut self, key: Key) -> (usize, bool) {
        let next = self.0.len();
        let number = *self.0.entry(key).or_insert(next);
        (number, number == next)
    }
}

impl Writer {
    fn new() -> Self {
        let mut writer = Self::default();
        // The format requires the empty string at index 0.
        writer.string("");
        writer
    }

    fn message(mut self, profile: &Profile, symbols: &Symbols) -> message::Profile {
        let program = std::env::current_exe().unwrap_or_default();
        self.message.mapping = vec![Mapping {
            id: MAPPING,
            filename: self.string(&program.to_string_lossy()),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
            has_inline_frames: true,
        }];
        self.message.sample_type =
            profile.kinds.iter().map(|kind| self.value_type(*kind)).collect();
        self.message.period_type = Some(self.value_type(profile.period.0));
        self.message.period = profile.period.1;
        self.message.time_nanos =
            nanos(profile.since.duration_since(UNIX_EPOCH).unwrap_or_default());
        self.message.duration_nanos = nanos(profile.duration);
        self.message.comment = profile.remarks.iter().map(|remark| self.string(remark)).collect();
        for sample in &profile.samples {
            let addresses = sample.addresses.iter();
            let location_id = addresses.map(|address| self.location(*address, symbols)).collect();
            let value = sample.values.clone();
            self.message.sample.push(message::Sample { location_id, value });
        }
        self.message
    }

    fn value_type(&mut self, kind: ValueKind) -> ValueType {
        ValueType { kind: self.string(kind.name), unit: self.string(kind.unit) }
    }

    /// The index of `text` in the table of strings.
    fn string(&mut self, text: &str) -> i64 {
        let (number, new) = self.strings.number(text.to_owned());
        if new {
            self.message.string_table.push(text.to_owned());
        }
        i64::try_from(number).expect("no table in memory has 2^63 entries")
    }

    fn location(&mut self, address: usize, symbols: &Symbols) -> u64 {
        let (number, new) = self.locations.number(address);
        // Id 0 means "none" in pprof.
        let id = number as u64 + 1;
        if new {
            let line = symbols.at(address).iter().map(|frame| self.line(frame)).collect();
            let address = address as u64;
            self.message.location.push(Location { id, mapping_id: MAPPING, address, line });
        }
        id
    }

    fn line(&mut self, frame: &Frame) -> Line {
        let key = (frame.function.clone(), frame.file.clone());
        let (number, new) = self.functions.number(key);
        let id = number as u64 + 1;
        if new {
            let name = self.string(&frame.function);
            let filename = self.string(&frame.file);
            self.message.function.push(Function { id, name, filename });
        }
        Line { function_id: id, line: i64::from(frame.line) }
    }
}

/// The format's unit of time. Saturates at 292 years.
fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;
    use std::io::Read;
    use std::time::SystemTime;

    const CPU: ValueKind = ValueKind { name: "cpu", unit: "nanoseconds" };

    fn encoded(profile: &Profile, symbols: &Symbols) -> message::Profile {
        let bytes = pprof(profile, symbols).unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
        message::Profile::decode(&plain[..]).unwrap()
    }

    #[test]
    fn samples_resolve_to_their_functions() {
        let sample = |addresses: &[usize], value| Sample {
            addresses: addresses.to_vec(),
            values: vec![value],
        };
        let profile = Profile {
            kinds: &[CPU],
            samples: vec![sample(&[30, 10], 5), sample(&[20, 10], 7)],
            period: (CPU, 9),
            since: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
            duration: Duration::from_millis(2),
            remarks: vec!["a remark".to_owned()],
        };
        let symbols = Symbols::named(&[(10, &["main"]), (30, &["inlined", "work"])]);
        let encoded = encoded(&profile, &symbols);
        let text = |number: i64| &encoded.string_table[usize::try_from(number).unwrap()];
        let stack = |sample: &message::Sample| -> Vec<String> {
            let location = |id| encoded.location.iter().find(|it| it.id == id).unwrap();
            let function = |id| encoded.function.iter().find(|it| it.id == id).unwrap();
            let ids = sample.location_id.iter();
            let lines = ids.flat_map(|id| &location(*id).line);
            lines.map(|line| text(function(line.function_id).name).clone()).collect()
        };
        assert_eq!(encoded.string_table[0], "");
        assert_eq!(encoded.location.len(), 3, "each address once");
        assert_eq!(stack(&encoded.sample[0]), ["inlined", "work", "main"]);
        // Addresses without a symbol are kept: pprof shows the number.
        assert_eq!(stack(&encoded.sample[1]), ["main"]);
        assert_eq!(encoded.sample[1].value, [7]);
        assert_eq!((encoded.time_nanos, encoded.duration_nanos), (1_000_000_000, 2_000_000));
        assert_eq!((text(encoded.sample_type[0].kind).as_str(), encoded.period), ("cpu", 9));
        assert_eq!(text(encoded.comment[0]), "a remark");
    }
}
