//! The bytes of a stream: each follows from the stream and its position, so that a receiver checks
//! every byte without a copy of the sent ones.

use crate::random::mix;

/// Names one stream of one session, by any number.
pub(crate) type Stream = u64;

const WORD: usize = 8;

fn word(stream: Stream, index: u64) -> [u8; WORD] {
    mix(stream ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes()
}

/// Fills `bytes` with those of the stream from `position` on.
pub(crate) fn fill(stream: Stream, position: u64, bytes: &mut [u8]) {
    let (head, rest) = bytes.split_at_mut(to_next_word(position).min(bytes.len()));
    let (words, tail) = rest.as_chunks_mut();
    let mut index = position.div_ceil(8);
    head.copy_from_slice(&word(stream, position / 8)[in_word(position)..][..head.len()]);
    for bytes in words {
        *bytes = word(stream, index);
        index += 1;
    }
    tail.copy_from_slice(&word(stream, index)[..tail.len()]);
}

/// The first position at which `bytes`, received from `position` on, differ from the stream.
pub(crate) fn difference(stream: Stream, position: u64, bytes: &[u8]) -> Option<u64> {
    let (head, rest) = bytes.split_at(to_next_word(position).min(bytes.len()));
    let (words, tail) = rest.as_chunks();
    let index = position.div_ceil(8);
    let mut numbered = words.iter().zip(index..);
    // Compares whole words: a run checks gigabytes.
    let is_wrong = |(bytes, index): &(&[u8; WORD], u64)| **bytes != word(stream, *index);
    difference_in_word(stream, position, head).or_else(|| match numbered.find(is_wrong) {
        Some((bytes, index)) => difference_in_word(stream, index * 8, bytes),
        None => difference_in_word(stream, (index + words.len() as u64) * 8, tail),
    })
}

/// Like [`difference`], for bytes of one word.
fn difference_in_word(stream: Stream, position: u64, bytes: &[u8]) -> Option<u64> {
    let word = word(stream, position / 8);
    let expected = &word[in_word(position)..];
    let same = bytes.iter().zip(expected).take_while(|(one, other)| one == other).count();
    (same < bytes.len()).then(|| position + same as u64)
}

/// Position within its word.
fn in_word(position: u64) -> usize {
    usize::try_from(position % 8).unwrap_or(0)
}

/// Number of bytes from `position` to the next word.
fn to_next_word(position: u64) -> usize {
    in_word(position.wrapping_neg())
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
