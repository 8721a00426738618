//! A published text as the parts in which the store holds it.

use crate::model::TextHash;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::error::Error;
use std::fmt;
use std::io::{Read, Write};

/// Bytes of a part. etcd takes requests of at most 1.5 MiB, and its JSON is a third longer than the bytes in it:
/// <https://etcd.io/docs/latest/dev-guide/limit/>.
const PART_MAX: usize = 1 << 20;
/// Bytes of a text. 50,000 forwards with random names have 9 MiB.
pub(crate) const TEXT_MAX: usize = 64 << 20;

/// A text ready for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedText {
    /// The hash of the text.
    pub hash: TextHash,
    /// The compressed text, in parts of at most 1 MiB; at least one.
    pub parts: Vec<Vec<u8>>,
}

/// Why parts are not the text of a hash.
#[derive(Debug)]
pub enum TextError {
    /// The store has no part of it.
    Missing(TextHash),
    /// The parts are not gzip, or not text.
    Damaged(TextHash, std::io::Error),
    /// The text has another hash.
    Differs {
        /// The hash of the key.
        expected: TextHash,
        /// The hash of the text.
        found: TextHash,
    },
    /// The text has more than 64 MiB.
    TooLong,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(hash) => {
                write!(f, "the store does not have the text {}: publish it again", hash.short())
            }
            Self::Damaged(hash, error) => {
                write!(
                    f,
                    "the text {} in the store is damaged ({error}): publish it again",
                    hash.short()
                )
            }
            Self::Differs { expected, found } => write!(
                f,
                "the text {} in the store is another one, {}: publish it again",
                expected.short(),
                found.short()
            ),
            Self::TooLong => {
                write!(
                    f,
                    "a published text has at most {} MiB: divide it between fleets",
                    TEXT_MAX >> 20
                )
            }
        }
    }
}

impl Error for TextError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Damaged(_, error) => Some(error),
            Self::Missing(_) | Self::Differs { .. } | Self::TooLong => None,
        }
    }
}

/// Compresses a text and divides it. Equal texts give equal parts.
///
/// # Errors
///
/// [`TextError::TooLong`].
pub fn pack(text: &str) -> Result<PackedText, TextError> {
    if text.len() > TEXT_MAX {
        return Err(TextError::TooLong);
    }
    let parts = compress(text).chunks(PART_MAX).map(<[u8]>::to_vec).collect();
    Ok(PackedText { hash: TextHash::of(text), parts })
}

fn compress(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.expect("writes to memory succeed")
}

/// Joins the parts of a text and checks them against its hash.
///
/// # Errors
///
/// There are no parts, or they are not the text of the hash.
pub fn unpack<P: AsRef<[u8]>>(hash: TextHash, parts: &[P]) -> Result<String, TextError> {
    if parts.is_empty() {
        return Err(TextError::Missing(hash));
    }
    let joined: Vec<u8> = parts.iter().flat_map(AsRef::as_ref).copied().collect();
    let mut text = String::new();
    let limit = TEXT_MAX as u64 + 1;
    let read = GzDecoder::new(joined.as_slice()).take(limit).read_to_string(&mut text);
    read.map_err(|error| TextError::Damaged(hash, error))?;
    if text.len() > TEXT_MAX {
        return Err(TextError::TooLong);
    }
    let found = TextHash::of(&text);
    if found != hash {
        return Err(TextError::Differs { expected: hash, found });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_comes_back_from_its_parts() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{state:016x}")
        };
        let text: String = std::iter::repeat_with(&mut noise).take(200_000).collect();
        let packed = pack(&text).unwrap();
        assert!(packed.parts.len() > 1);
        assert!(packed.parts.iter().all(|part| part.len() <= PART_MAX));
        assert_eq!(unpack(packed.hash, &packed.parts).unwrap(), text);
        assert_eq!(pack(&text).unwrap(), packed);
    }

    #[test]
    fn wrong_parts_are_no_text() {
        let packed = pack("a").unwrap();
        let none: [&[u8]; 0] = [];
        assert!(matches!(unpack(packed.hash, &none), Err(TextError::Missing(_))));
        let other = pack("b").unwrap();
        let differs = unpack(packed.hash, &other.parts);
        assert!(matches!(differs, Err(TextError::Differs { .. })), "{differs:?}");
        let cut = &packed.parts[0][..packed.parts[0].len() - 1];
        assert!(matches!(unpack(packed.hash, &[cut]), Err(TextError::Damaged(..))));
    }

    #[test]
    fn a_text_that_would_fill_the_memory_is_refused() {
        let zeros = "0".repeat(TEXT_MAX + 1);
        assert!(matches!(pack(&zeros), Err(TextError::TooLong)));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(zeros.as_bytes()).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(matches!(unpack(TextHash::of("a"), &[bomb]), Err(TextError::TooLong)));
    }
}
