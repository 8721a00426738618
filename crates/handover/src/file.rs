//! Layout of the handoff file: a header, then parts that carry their own checksums, so that damage
//! to one part leaves the others readable.
//!
//! ```text
//!   head   magic (12 bytes) | major (2) | minor (2) | number of parts (4) | checksum (4)
//!   part   kind (4) | checksum (4) | length (8) | bytes
//! ```
//!
//! Numbers are little-endian. Checksums are CRC-32: in the header over the bytes before it, in a
//! part over kind, length and bytes.

use std::fmt;

const MAGIC: &[u8; 12] = b"tf-handover\n";
const HEAD: usize = 24;
const PART_HEAD: usize = 16;

/// Format version. A reader of another major version rejects the file.
pub const MAJOR: u16 = 1;
/// Increased when a part or field is added that older readers can skip.
pub const MINOR: u16 = 0;

/// Message type of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A [`Process`](crate::Process).
    Process,
    /// A [`Forwards`](crate::Forwards).
    Forwards,
    /// A [`Worker`](crate::Worker). The file has one per worker thread.
    Worker,
}

impl Part {
    const ALL: [(u32, Self); 3] = [(1, Self::Process), (2, Self::Forwards), (3, Self::Worker)];

    fn number(self) -> u32 {
        Self::ALL.iter().find(|(_, part)| *part == self).map_or(0, |(number, _)| *number)
    }

    fn of(number: u32) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == number).map(|(_, part)| *part)
    }
}

/// Reasons for rejecting a file, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Not a handoff file, or its header is damaged.
    NoHead,
    /// Written in a format version that this program cannot read.
    Version {
        /// The writer's major version.
        major: u16,
    },
    /// A part fails its checksum, or the file is truncated within a part.
    Part,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHead => f.write_str("it does not start with a valid header"),
            Self::Version { major } => {
                write!(f, "its format is version {major}, and this program reads version {MAJOR}")
            }
            Self::Part => f.write_str("one of its parts is damaged or cut off"),
        }
    }
}

/// Headers to write between the encoded parts.
pub struct WriteFile;

impl WriteFile {
    /// The file header, for a file with `parts` parts.
    pub fn head(parts: usize) -> Vec<u8> {
        head(MAJOR, MINOR, parts)
    }

    /// The header that precedes the bytes of a part.
    pub fn part_head(part: Part, bytes: &[u8]) -> [u8; PART_HEAD] {
        part_head(part.number(), bytes)
    }
}

fn head(major: u16, minor: u16, parts: usize) -> Vec<u8> {
    let parts = u32::try_from(parts).expect("there are a few parts, and one for each thread");
    let mut head = MAGIC.to_vec();
    head.extend(major.to_le_bytes());
    head.extend(minor.to_le_bytes());
    head.extend(parts.to_le_bytes());
    head.extend(crc32fast::hash(&head).to_le_bytes());
    head
}

fn part_head(kind: u32, bytes: &[u8]) -> [u8; PART_HEAD] {
    let kind = kind.to_le_bytes();
    let length = (bytes.len() as u64).to_le_bytes();
    let mut head = [0; PART_HEAD];
    head[..4].copy_from_slice(&kind);
    head[4..8].copy_from_slice(&checksum(kind, length, bytes).to_le_bytes());
    head[8..].copy_from_slice(&length);
    head
}

fn checksum(kind: [u8; 4], length: [u8; 8], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&kind);
    hasher.update(&length);
    hasher.update(bytes);
    hasher.finalize()
}

/// A parsed handoff file: its intact parts, and the damage found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Intact parts of the kinds that this version knows, in file order. Later kinds are skipped.
    pub parts: Vec<(Part, &'a [u8])>,
    /// The last damage found, if any. `parts` may still hold intact parts.
    pub damage: Option<Damage>,
}

impl<'a> File<'a> {
    /// Parses a file. Damage is reported in [`Self::damage`]; this never panics.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut file = Self { parts: Vec::new(), damage: None };
        match read_head(bytes) {
            Ok((count, rest)) => file.read_parts(count, rest),
            Err(damage) => file.damage = Some(damage),
        }
        file
    }

    /// The first part of a kind.
    pub fn part(&self, wanted: Part) -> Option<&'a [u8]> {
        self.all(wanted).next()
    }

    /// Every part of a kind, in file order.
    pub fn all(&self, wanted: Part) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.parts.iter().filter(move |(part, _)| *part == wanted).map(|(_, bytes)| *bytes)
    }

    fn read_parts(&mut self, count: u32, mut rest: &'a [u8]) {
        for _ in 0..count {
            // The length locates the next part, so parsing stops when a part does not fit into the
            // file. A wrong length that still fits fails the checksum.
            let Some((kind, sound, bytes, after)) = split_part(rest) else {
                self.damage = Some(Damage::Part);
                return;
            };
            rest = after;
            match Part::of(kind) {
                _ if !sound => self.damage = Some(Damage::Part),
                Some(part) => self.parts.push((part, bytes)),
                // Kinds of later versions are skipped.
                None => {}
            }
        }
    }
}

fn read_head(bytes: &[u8]) -> Result<(u32, &[u8]), Damage> {
    let (head, rest) = bytes.split_at_checked(HEAD).ok_or(Damage::NoHead)?;
    let (checked, checksum) = head.split_at(HEAD - 4);
    if !head.starts_with(MAGIC) || checksum != crc32fast::hash(checked).to_le_bytes() {
        return Err(Damage::NoHead);
    }
    let major = u16::from_le_bytes([head[12], head[13]]);
    if major != MAJOR {
        return Err(Damage::Version { major });
    }
    Ok((u32::from_le_bytes([head[16], head[17], head[18], head[19]]), rest))
}

/// Splits off the first part: its kind, whether the checksum matches, its bytes, and the rest of
/// the file. `None` if the part is truncated.
fn split_part(bytes: &[u8]) -> Option<(u32, bool, &[u8], &[u8])> {
    let (kind, bytes) = bytes.split_first_chunk::<4>()?;
    let (expected, bytes) = bytes.split_first_chunk::<4>()?;
    let (length, bytes) = bytes.split_first_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (body, rest) = bytes.split_at_checked(count)?;
    let sound = checksum(*kind, *length, body).to_le_bytes() == *expected;
    Some((u32::from_le_bytes(*kind), sound, body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file_of(parts: &[(u32, &[u8])]) -> Vec<u8> {
        let mut bytes = head(MAJOR, MINOR, parts.len());
        for (kind, part) in parts {
            bytes.extend(part_head(*kind, part));
            bytes.extend(*part);
        }
        bytes
    }

    #[test]
    fn written_parts_are_read_back() {
        let bytes = file_of(&[(1, b"process"), (3, b"one"), (77, b"a later kind"), (3, b"")]);
        let file = File::read(&bytes);
        assert_eq!(file.damage, None);
        assert_eq!(file.part(Part::Process), Some(&b"process"[..]));
        assert_eq!(file.part(Part::Forwards), None);
        assert_eq!(file.all(Part::Worker).collect::<Vec<_>>(), [&b"one"[..], b""]);
    }

    #[test]
    fn a_minor_version_is_read_and_a_major_one_is_not() {
        assert_eq!(File::read(&head(MAJOR, MINOR + 9, 0)).damage, None);
        let damage = File::read(&head(MAJOR + 1, 0, 0)).damage;
        assert_eq!(damage, Some(Damage::Version { major: MAJOR + 1 }));
    }

    #[test]
    fn a_damaged_part_leaves_the_others_readable() {
        let mut bytes = file_of(&[(1, b"process"), (3, b"one"), (3, b"two")]);
        let at = bytes.windows(3).position(|text| text == b"one").unwrap();
        bytes[at] ^= 1;
        let file = File::read(&bytes);
        assert_eq!(file.damage, Some(Damage::Part));
        assert_eq!(file.part(Part::Process), Some(&b"process"[..]));
        assert_eq!(file.all(Part::Worker).collect::<Vec<_>>(), [b"two"]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = File::read(&bytes);
        }

        /// Detects any change of one byte and any truncation.
        #[test]
        fn damage_is_detected(at in 0usize..80, change in 1u8.., cut in 0usize..80) {
            let whole = file_of(&[(1, b"process"), (2, b"forwards"), (3, b"worker")]);
            let mut bytes = whole.clone();
            let at = at % bytes.len();
            bytes[at] ^= change;
            prop_assert!(File::read(&bytes).damage.is_some());
            let cut = cut % whole.len();
            prop_assert!(File::read(&whole[..cut]).damage.is_some());
        }
    }
}
