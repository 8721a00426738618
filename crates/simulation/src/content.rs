//! The bytes of a stream: each follows from the stream and its position, so that a receiver checks
//! every byte without a copy of the sent ones.

use crate::random::mix;
use std::sync::Arc;

/// One stream of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// Any number: names the stream.
    key: u64,
    /// Its first bytes.
    beginning: Arc<[u8]>,
}

impl Stream {
    pub(crate) fn new(key: u64, beginning: Arc<[u8]>) -> Self {
        Self { key, beginning }
    }

    /// The stream with these bytes in front.
    pub(crate) fn behind(&self, bytes: &[u8]) -> Self {
        Self { key: self.key, beginning: [bytes, &self.beginning].concat().into() }
    }

    /// Length of its beginning.
    pub(crate) fn begins_with(&self) -> usize {
        self.beginning.len()
    }

    /// The bytes of the beginning from `position` on.
    fn rest(&self, position: u64) -> &[u8] {
        let from = usize::try_from(position).unwrap_or(usize::MAX);
        self.beginning.get(from..).unwrap_or_default()
    }

    /// The position of a byte behind the beginning.
    fn behind_beginning(&self, position: u64) -> u64 {
        position.saturating_sub(self.beginning.len() as u64)
    }
}

const WORD: usize = 8;

fn word(stream: u64, index: u64) -> [u8; WORD] {
    mix(stream ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes()
}

/// Fills `bytes` with those of the stream from `position` on.
pub(crate) fn fill(stream: &Stream, position: u64, bytes: &mut [u8]) {
    let rest = stream.rest(position);
    let (first, bytes) = bytes.split_at_mut(rest.len().min(bytes.len()));
    first.copy_from_slice(&rest[..first.len()]);
    let position = stream.behind_beginning(position + first.len() as u64);
    fill_words(stream.key, position, bytes);
}

fn fill_words(stream: u64, position: u64, bytes: &mut [u8]) {
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
pub(crate) fn difference(stream: &Stream, position: u64, bytes: &[u8]) -> Option<u64> {
    let rest = stream.rest(position);
    let (first, bytes) = bytes.split_at(rest.len().min(bytes.len()));
    let same = first.iter().zip(rest).take_while(|(one, other)| one == other).count();
    if same < first.len() {
        return Some(position + same as u64);
    }
    let behind = stream.behind_beginning(position + first.len() as u64);
    let at = difference_in_words(stream.key, behind, bytes)?;
    Some(stream.beginning.len() as u64 + at)
}

fn difference_in_words(stream: u64, position: u64, bytes: &[u8]) -> Option<u64> {
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

/// Like [`difference_in_words`], for bytes of one word.
fn difference_in_word(stream: u64, position: u64, bytes: &[u8]) -> Option<u64> {
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
        let stream = Stream::new(9, b"begin".as_slice().into());
        let mut whole = [0; 100];
        fill(&stream, 0, &mut whole);
        assert_eq!(&whole[..5], b"begin");
        for size in 1..20 {
            for (piece, at) in whole.chunks(size).zip((0..).step_by(size)) {
                assert_eq!(difference(&stream, at, piece), None, "{size} bytes at {at}");
            }
        }
    }

    #[test]
    fn the_first_difference_is_found() {
        let stream = Stream::new(9, [7; 20].into());
        let mut bytes = [0; 64];
        fill(&stream, 13, &mut bytes);
        for at in 0..bytes.len() {
            let mut wrong = bytes;
            wrong[at] ^= 1;
            wrong[63] ^= 2;
            assert_eq!(difference(&stream, 13, &wrong), Some(13 + at as u64));
        }
        assert!(
            difference(&Stream::new(10, [7; 20].into()), 13, &bytes).is_some(),
            "another stream"
        );
    }
}
