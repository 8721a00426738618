//! When a session last showed a sign of life.

use crate::Time;

/// Bytes that the kernel holds for each peer and that the peer has not acknowledged (`SIOCOUTQ`,
/// tcp(7)). They are progress that no lane sees: a slow reader of a full socket buffer is not idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unacked {
    /// On the client's socket.
    pub client: u32,
    /// On the target's socket.
    pub target: u32,
}

/// State of the last sign of life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    /// When a byte last moved in a lane.
    pub(crate) last_byte: Time,
    /// When `unacked` was last seen to change.
    pub(crate) last_ack: Time,
    pub(crate) unacked: Unacked,
}

impl Silence {
    pub(crate) fn new(now: Time) -> Self {
        Self { last_byte: now, last_ack: now, unacked: Unacked::default() }
    }

    pub(crate) fn byte_moved(&mut self, now: Time) {
        self.last_byte = now;
    }

    pub(crate) fn last_byte(&self) -> Time {
        self.last_byte
    }

    pub(crate) fn began(&self) -> Time {
        self.last_byte.max(self.last_ack)
    }

    /// Compares with the last look. Without a byte in a lane the numbers can only fall, so any
    /// difference is progress. Where a byte has moved since, the last look says nothing: this one
    /// is the first, and bytes on their way get one more limit to show progress in.
    pub(crate) fn look(&mut self, now: Time, unacked: Unacked) {
        let first_look = self.last_ack <= self.last_byte;
        let last = if first_look { Unacked::default() } else { self.unacked };
        if unacked != last {
            self.last_ack = now;
        }
        self.unacked = unacked;
    }
}
