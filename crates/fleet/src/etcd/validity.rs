//! The validity of a certificate.

use std::time::SystemTime;

/// The time within which a certificate is valid (RFC 5280, 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub from: SystemTime,
    /// The last second.
    pub until: SystemTime,
}

// Tags of DER (X.690).
const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl Validity {
    /// Reads it from a certificate in DER. `None` for other bytes.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let mut certificate = Der(Der(certificate).value(SEQUENCE)?);
        let mut fields = Der(certificate.value(SEQUENCE)?);
        if fields.0.first() == Some(&VERSION) {
            fields.value(VERSION)?;
        }
        fields.value(INTEGER)?; // The serial number.
        fields.value(SEQUENCE)?; // The algorithm of the signature.
        fields.value(SEQUENCE)?; // The issuer.
        let mut validity = Der(fields.value(SEQUENCE)?);
        Some(Self { from: validity.time()?, until: validity.time()? })
    }

    /// A time as its day.
    pub fn day(time: SystemTime) -> String {
        let text = humantime::format_rfc3339_seconds(time).to_string();
        text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
    }
}

/// The rest of a value in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, if it has this tag.
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match usize::from(*first) {
            short @ ..0x80 => (short, rest),
            // As many bytes, the highest first. Four are enough for any file.
            long => {
                let (bytes, rest) = rest.split_at_checked(long - 0x80)?;
                if bytes.is_empty() || bytes.len() > 4 {
                    return None;
                }
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(content)
    }

    /// The next element, a time in UTC: `YYMMDDHHMMSSZ` of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
    fn time(&mut self) -> Option<SystemTime> {
        let (digits, century) = match *self.0.first()? {
            UTC_TIME => {
                let digits = self.value(UTC_TIME)?;
                (digits, if *digits.first()? < b'5' { "20" } else { "19" })
            }
            _ => (self.value(GENERALIZED_TIME)?, ""),
        };
        let digits = std::str::from_utf8(digits).ok()?.strip_suffix('Z')?;
        let text = format!("{century}{digits}");
        if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (day, time) = text.split_at(8);
        let (year, day) = day.split_at(4);
        // A certificate without an end has the year 9999.
        let text = format!(
            "{year}-{}-{}T{}:{}:{}Z",
            &day[..2],
            &day[2..],
            &time[..2],
            &time[2..4],
            &time[4..]
        );
        humantime::parse_rfc3339(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element of DER.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    fn certificate(from: (u8, &str), until: (u8, &str)) -> Vec<u8> {
        let [from, until] = [from, until].map(|(tag, time)| element(tag, time.as_bytes()));
        let fields = [
            element(VERSION, &element(INTEGER, &[2])),
            element(INTEGER, &[7; 20]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[1; 300]),
            element(SEQUENCE, &[from, until].concat()),
            element(SEQUENCE, &[]),
        ];
        element(SEQUENCE, &element(SEQUENCE, &fields.concat()))
    }

    fn days(from: (u8, &str), until: (u8, &str)) -> Option<[String; 2]> {
        let validity = Validity::of(&certificate(from, until))?;
        Some([validity.from, validity.until].map(Validity::day))
    }

    #[test]
    fn both_forms_of_a_time_are_read() {
        let early = (UTC_TIME, "700101000000Z");
        for (until, expected) in [
            ((UTC_TIME, "491231235959Z"), "2049-12-31"),
            ((UTC_TIME, "280229000000Z"), "2028-02-29"),
            ((GENERALIZED_TIME, "20500101000000Z"), "2050-01-01"),
            ((GENERALIZED_TIME, "99991231235959Z"), "9999-12-31"),
        ] {
            assert_eq!(days(early, until), Some(["1970-01-01".to_owned(), expected.to_owned()]));
        }
    }

    #[test]
    fn other_bytes_are_no_certificate() {
        let good = (UTC_TIME, "280229000000Z");
        for bad in ["270229000000Z", "280229000000", "28022900000é", "2802290000+1Z", "", "Z"] {
            assert_eq!(days(good, (UTC_TIME, bad)), None, "{bad}");
        }
        let whole = certificate(good, good);
        for end in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..end]), None, "{end}");
        }
        // Any other byte in any place is read or refused.
        for place in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut other = whole.clone();
                other[place] = byte;
                let _ = Validity::of(&other);
            }
        }
    }
}
