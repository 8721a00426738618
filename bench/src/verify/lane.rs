//! One direction: its sender at one end, its checker at the other.

use std::time::Instant;

use rustix::fd::BorrowedFd;

use super::pieces::Pieces;
use super::script::LaneScript;
use crate::random::fill;
use crate::stats::{size, wide};

/// The end that sends.
#[derive(Debug)]
pub(super) struct Sender {
    script: LaneScript,
    pieces: Pieces,
    /// Bytes the kernel has taken.
    pub(super) at: u64,
    /// It has sent its FIN.
    pub(super) ended: bool,
}

/// What a sender did or waits for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Some bytes were sent.
    Some,
    /// It waits for the end of the other lane.
    Held,
    /// Pauses until this time.
    Paused(Instant),
    /// It sent its last byte, and its FIN.
    Ended,
    /// Now is the time for the reset of the script.
    Reset,
}

impl Sender {
    /// At the beginning of its lane.
    pub(super) fn new(script: LaneScript) -> Self {
        let pieces = Pieces::new(script.seed ^ 0x5e4d);
        Self { script, pieces, at: 0, ended: false }
    }

    /// Sends one piece; `EAGAIN` if the kernel has no room.
    pub(super) fn step(
        &mut self,
        socket: BorrowedFd<'_>,
        other_ended: bool,
        now: Instant,
        scratch: &mut [u8],
    ) -> sys::Result<Sent> {
        let script = &self.script;
        if script.reset_at == Some(self.at) {
            return Ok(Sent::Reset);
        }
        if script.hold_at == Some(self.at) && !other_ended {
            return Ok(Sent::Held);
        }
        if self.at == script.length {
            sys::socket::shut_write(socket)?;
            self.ended = true;
            return Ok(Sent::Ended);
        }
        let piece = match self.pieces.next(now) {
            Ok(piece) => piece,
            Err(time) => return Ok(Sent::Paused(time)),
        };
        let stops = [script.reset_at, script.hold_at, Some(script.length)];
        let stop = stops.into_iter().flatten().filter(|stop| *stop > self.at).min();
        let left = stop.map_or(0, |stop| stop - self.at);
        let piece = piece.min(size(left));
        let bytes = &mut scratch[..piece];
        fill(script.seed, self.at, bytes);
        let count = sys::stream::send(socket, bytes)?;
        self.at += wide(count);
        self.pieces.took(count, now);
        Ok(Sent::Some)
    }
}

/// The end that receives.
#[derive(Debug)]
pub(super) struct Checker {
    seed: u64,
    length: u64,
    pieces: Pieces,
    /// Bytes that came and were right.
    pub(super) at: u64,
    /// The FIN has come after the last byte.
    pub(super) ended: bool,
}

/// What a checker found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// Bytes, as they should be.
    Some,
    /// It pauses, to be a slow reader.
    Paused(Instant),
    /// The end, where it should be.
    Ended,
    /// Something else than was sent, in words.
    Wrong(String),
}

impl Checker {
    /// At the beginning of its lane.
    pub(super) fn new(script: &LaneScript) -> Self {
        let pieces = Pieces::new(script.seed ^ 0xc4ec);
        Self { seed: script.seed, length: script.length, pieces, at: 0, ended: false }
    }

    /// Receives one piece; `EAGAIN` if nothing waits.
    pub(super) fn step(
        &mut self,
        socket: BorrowedFd<'_>,
        now: Instant,
        scratch: &mut [u8],
        expected: &mut [u8],
    ) -> sys::Result<Got> {
        let piece = match self.pieces.next(now) {
            Ok(piece) => piece,
            Err(time) => return Ok(Got::Paused(time)),
        };
        let count = sys::stream::receive(socket, &mut scratch[..piece])?;
        if count == 0 {
            return Ok(self.end());
        }
        self.pieces.took(count, now);
        Ok(self.check(&scratch[..count], &mut expected[..count]))
    }

    fn end(&mut self) -> Got {
        if self.at < self.length {
            return Got::Wrong(format!("a clean end at byte {} of {}", self.at, self.length));
        }
        self.ended = true;
        Got::Ended
    }

    /// Compares received bytes with the expected ones.
    pub(super) fn check(&mut self, got: &[u8], expected: &mut [u8]) -> Got {
        fill(self.seed, self.at, expected);
        let Some(index) = got.iter().zip(&*expected).position(|(got, expected)| got != expected)
        else {
            self.at += wide(got.len());
            if self.at > self.length {
                return Got::Wrong(format!("{} bytes too many", self.at - self.length));
            }
            return Got::Some;
        };
        let offset = self.at + wide(index);
        let (got, expected) = (got[index], expected[index]);
        Got::Wrong(format!("at offset {offset}: got {got:#04x}, expected {expected:#04x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checker() -> Checker {
        let script = LaneScript { seed: 5, length: 100, hold_at: None, reset_at: None };
        Checker::new(&script)
    }

    #[test]
    fn a_flipped_byte_is_found_with_its_offset() {
        let mut bytes = [0; 100];
        fill(5, 0, &mut bytes);
        let mut checker = checker();
        let mut expected = [0; 100];
        assert_eq!(checker.check(&bytes[..40], &mut expected[..40]), Got::Some);
        bytes[50] ^= 1;
        let Got::Wrong(words) = checker.check(&bytes[40..], &mut expected[40..]) else {
            panic!("not found")
        };
        assert!(words.starts_with("at offset 50: got 0x"), "{words}");
    }

    #[test]
    fn an_early_end_and_a_late_byte_are_found() {
        assert_eq!(checker().end(), Got::Wrong("a clean end at byte 0 of 100".into()));
        let mut bytes = [0; 101];
        fill(5, 0, &mut bytes);
        let got = checker().check(&bytes, &mut [0; 101]);
        assert_eq!(got, Got::Wrong("1 bytes too many".into()));
    }
}
