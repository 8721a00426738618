//! How a stream is cut, and where it pauses.

use std::time::{Duration, Instant};

use crate::random::Random;
use crate::stats::{size, wide};

/// The largest piece is `2^PIECE_BITS` bytes.
const PIECE_BITS: u64 = 16;

/// Longest pause, in microseconds.
const PAUSE_MAX_MICROS: u64 = 20_000;

/// One of so many pieces is followed by a pause.
const PAUSE_ONE_IN: u64 = 24;

/// Room for the largest piece.
pub(super) const ROOM: usize = 1 << PIECE_BITS;

/// A random division of a stream into pieces, with pauses.
#[derive(Debug)]
pub(super) struct Pieces {
    random: Random,
    left: u64,
    pause_until: Option<Instant>,
}

impl Pieces {
    /// The division of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), left: 0, pause_until: None }
    }

    /// How long the next piece is, at most; or until when there is a pause.
    pub(super) fn next(&mut self, now: Instant) -> Result<usize, Instant> {
        match self.pause_until {
            Some(time) if now < time => return Err(time),
            _ => self.pause_until = None,
        }
        if self.left == 0 {
            self.left = self.random.size(PIECE_BITS);
        }
        Ok(size(self.left).min(ROOM))
    }

    /// So many bytes of the piece were moved.
    pub(super) fn took(&mut self, count: usize, now: Instant) {
        self.left = self.left.saturating_sub(wide(count));
        if self.left == 0 && self.random.below(PAUSE_ONE_IN) == 0 {
            let pause = Duration::from_micros(self.random.below(PAUSE_MAX_MICROS));
            self.pause_until = Some(now + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_pauses_and_add_up() {
        let mut pieces = Pieces::new(3);
        let now = Instant::now();
        let mut pauses = 0;
        for _ in 0..1000 {
            if let Ok(count) = pieces.next(now) {
                pieces.took(count, now);
            } else {
                pauses += 1;
                pieces.pause_until = None;
            }
        }
        assert!((5..200).contains(&pauses), "{pauses}");
    }
}
