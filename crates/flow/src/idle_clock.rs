//! Since when a session is idle.

use crate::Time;

/// Bytes sent on each socket that its peer has not acknowledged (`SIOCOUTQ`, tcp(7)). They show
/// progress that no lane sees: a peer that reads slowly from a full socket buffer is not idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unacked {
    /// On the client's socket.
    pub client: u32,
    /// On the target's socket.
    pub target: u32,
}

/// The times of the last progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleClock {
    /// When a byte last moved in a lane.
    pub(crate) last_byte: Time,
    /// When a check last found `unacked` changed.
    pub(crate) last_ack: Time,
    /// The counts at the last check.
    pub(crate) unacked: Unacked,
}

impl IdleClock {
    pub(crate) fn new(now: Time) -> Self {
        Self { last_byte: now, last_ack: now, unacked: Unacked::default() }
    }

    pub(crate) fn byte_moved(&mut self, now: Time) {
        self.last_byte = now;
    }

    pub(crate) fn last_byte(&self) -> Time {
        self.last_byte
    }

    /// The moment of the last progress, of bytes or of acknowledgements.
    pub(crate) fn idle_since(&self) -> Time {
        self.last_byte.max(self.last_ack)
    }

    /// Compares `unacked` with the last check. Without a byte in a lane the counts can only fall, so any
    /// difference is progress. If a byte has moved since the last check, that one says nothing: this
    /// check is then the first, and bytes in flight get one more limit to show progress in.
    pub(crate) fn check(&mut self, now: Time, unacked: Unacked) {
        let is_first = self.last_ack <= self.last_byte;
        let last = if is_first { Unacked::default() } else { self.unacked };
        if unacked != last {
            self.last_ack = now;
        }
        self.unacked = unacked;
    }
}
