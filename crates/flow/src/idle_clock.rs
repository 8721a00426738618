//! When bytes have moved, and since when a session is idle.

use crate::Time;
use crate::time::ShortSpan;
use std::time::Duration;

/// Bytes sent on each socket that its peer has not acknowledged (`SIOCOUTQ`, tcp(7)). They show
/// progress that no lane sees: a peer that reads slowly from a full socket buffer is not idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unacked {
    /// On the client's socket.
    pub client: u32,
    /// On the target's socket.
    pub target: u32,
}

/// The times of the first and the last progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleClock {
    /// From acceptance to the first byte of the target.
    pub(crate) first_byte: Option<ShortSpan>,
    /// One more than the whole milliseconds from the last byte to a check that found `unacked` changed; 0 before
    /// one. Rounded up, it would lie ahead of the next byte.
    pub(crate) acked_after: u32,
    /// When a byte last moved in a lane.
    pub(crate) last_byte: Time,
    /// The counts at the last check.
    pub(crate) unacked: Unacked,
}

impl IdleClock {
    pub(crate) fn new(now: Time) -> Self {
        Self { first_byte: None, acked_after: 0, last_byte: now, unacked: Unacked::default() }
    }

    pub(crate) fn byte_moved(&mut self, now: Time) {
        self.last_byte = now;
        self.acked_after = 0;
    }

    pub(crate) fn last_byte(&self) -> Time {
        self.last_byte
    }

    /// The moment of the last progress, of bytes or of acknowledgements.
    pub(crate) fn idle_since(&self) -> Time {
        let acked_after = self.acked_after.saturating_sub(1);
        self.last_byte.after(Duration::from_millis(acked_after.into()))
    }

    /// Compares `unacked` with the last check. Without a byte in a lane the counts can only fall, so any
    /// difference is progress. If a byte has moved since the last check, that one says nothing: this
    /// check is then the first, and bytes in flight get one more limit to show progress in.
    pub(crate) fn check(&mut self, now: Time, unacked: Unacked) {
        let last = if self.acked_after == 0 { Unacked::default() } else { self.unacked };
        if unacked != last {
            self.note_ack(now);
        }
        self.unacked = unacked;
    }

    /// Notes progress of acknowledgements.
    pub(crate) fn note_ack(&mut self, at: Time) {
        let millis = at.since(self.last_byte).as_millis();
        self.acked_after = u32::try_from(millis).unwrap_or(u32::MAX).saturating_add(1);
    }
}
