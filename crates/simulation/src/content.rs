//! The bytes of a stream: each follows from the stream and its position, so that a receiver checks
//! every byte without a copy of the sent ones.

use crate::random::mix;

/// Names one stream of one session, by any number.
pub(crate) type Stream = u64;

fn word(stream: Stream, index: u64) -> [u8; 8] {
    mix(stream ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes()
}

/// Fills `bytes` with those of the stream from `position` on.
pub(crate) fn fill(stream: Stream, position: u64, bytes: &mut [u8]) {
    for (chunk, at) in chunks_mut(position, bytes) {
        let from = usize::try_from(at % 8).unwrap_or(0);
        chunk.copy_from_slice(&word(stream, at / 8)[from..from + chunk.len()]);
    }
}

/// The first position at which `bytes`, received from `position` on, differ from the stream.
pub(crate) fn difference(stream: Stream, position: u64, bytes: &[u8]) -> Option<u64> {
    chunks(position, bytes).find_map(|(chunk, at)| {
        let from = usize::try_from(at % 8).unwrap_or(0);
        let expected = &word(stream, at / 8)[from..from + chunk.len()];
        if chunk == expected {
            return None;
        }
        let same = chunk.iter().zip(expected).take_while(|(one, other)| one == other).count();
        Some(at + same as u64)
    })
}

/// Number of bytes from `position` to the next word.
fn to_next_word(position: u64) -> usize {
    usize::try_from(position.wrapping_neg() % 8).unwrap_or(0)
}

/// Splits `bytes` at words of the stream; each part with its position.
fn chunks(position: u64, bytes: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    let (head, rest) = bytes.split_at(to_next_word(position).min(bytes.len()));
    let behind = position + head.len() as u64;
    std::iter::once((head, position)).chain(rest.chunks(8).zip((behind..).step_by(8)))
}

fn chunks_mut(position: u64, bytes: &mut [u8]) -> impl Iterator<Item = (&mut [u8], u64)> {
    let (head, rest) = bytes.split_at_mut(to_next_word(position).min(bytes.len()));
    let behind = position + head.len() as u64;
    std::iter::once((head, position)).chain(rest.chunks_mut(8).zip((behind..).step_by(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_in_pieces_of_any_size() {
        let mut whole = [0; 100];
        fill(9, 0, &mut whole);
        for size in 1..20 {
            for (piece, at) in whole.chunks(size).zip((0..).step_by(size)) {
                assert_eq!(difference(9, at, piece), None, "{size} bytes at {at}");
            }
        }
    }

    #[test]
    fn the_first_difference_is_found() {
        let mut bytes = [0; 64];
        fill(9, 13, &mut bytes);
        for at in 0..bytes.len() {
            let mut wrong = bytes;
            wrong[at] ^= 1;
            wrong[63] ^= 2;
            assert_eq!(difference(9, 13, &wrong), Some(13 + at as u64));
        }
        assert!(difference(10, 13, &bytes).is_some(), "another stream");
    }
}
