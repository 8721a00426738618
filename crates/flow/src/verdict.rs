//! A session's condition in one word, from an observation at one moment.

use crate::words::words;
use std::time::Duration;

words! {
    /// The condition of a session.
    Verdict {
        TargetsFull = "targets-full": "It waits for a place: every target that may serve is at its `max_sessions`.",
        ClientSlow = "client-slow": "The client takes bytes more slowly than the target sends them.",
        TargetSlow = "target-slow": "The target takes bytes more slowly than the client sends them.",
        NetworkLossy = "network-lossy": "Segments to the client or to the target are lost.",
        Idle = "idle": "No byte has moved for ten seconds, and none waits.",
        Ok = "ok": "Nothing is wrong with it.",
    }
}

/// Without a byte for this long, bytes in a socket's queue are stuck there, not in flight.
pub const STUCK_AFTER: Duration = Duration::from_secs(1);
/// Without a byte for this long, a session without waiting bytes is idle.
pub const IDLE_AFTER: Duration = Duration::from_secs(10);

/// An observation of the way to one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Bytes received from the other peer that this one's socket has not taken yet.
    pub held: u64,
    /// Bytes in its socket that were not sent yet.
    pub unsent: u32,
    /// Retransmission timeouts in a row that are not over.
    pub backoffs: u8,
    /// Segments that the kernel counts as lost.
    pub lost: u32,
}

impl Way {
    fn is_lossy(&self) -> bool {
        self.backoffs > 0 || self.lost > 0
    }

    fn waiting(&self) -> u64 {
        self.held + u64::from(self.unsent)
    }

    /// Held bytes mean that the socket is full. A queue without held bytes is in flight as long as
    /// bytes move.
    fn is_slow(&self, quiet: Duration) -> bool {
        self.held > 0 || (self.unsent > 0 && quiet >= STUCK_AFTER)
    }
}

/// The first of these conditions that holds: segments are lost; a peer is slow (of two, the one that
/// more bytes wait for); nothing moves; nothing is wrong. `quiet` is the time since a byte last moved.
pub fn verdict(client: Way, target: Way, quiet: Duration) -> Verdict {
    if client.is_lossy() || target.is_lossy() {
        return Verdict::NetworkLossy;
    }
    match (client.is_slow(quiet), target.is_slow(quiet)) {
        (true, true) if client.waiting() >= target.waiting() => Verdict::ClientSlow,
        (_, true) => Verdict::TargetSlow,
        (true, false) => Verdict::ClientSlow,
        (false, false) if quiet >= IDLE_AFTER => Verdict::Idle,
        (false, false) => Verdict::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: Way = Way { held: 0, unsent: 0, backoffs: 0, lost: 0 };

    fn at(seconds: u64, client: Way, target: Way) -> Verdict {
        verdict(client, target, Duration::from_secs(seconds))
    }

    #[test]
    fn silence_is_idle_only_where_nothing_waits() {
        assert_eq!(at(9, CLEAR, CLEAR), Verdict::Ok);
        assert_eq!(at(10, CLEAR, CLEAR), Verdict::Idle);
        assert_eq!(at(100, Way { unsent: 1, ..CLEAR }, CLEAR), Verdict::ClientSlow);
    }

    #[test]
    fn a_full_queue_is_slow_only_if_it_stands_still() {
        let queue = Way { unsent: 100, ..CLEAR };
        assert_eq!(at(0, queue, CLEAR), Verdict::Ok);
        assert_eq!(at(1, queue, CLEAR), Verdict::ClientSlow);
        assert_eq!(at(1, CLEAR, queue), Verdict::TargetSlow);
    }

    #[test]
    fn held_bytes_are_slow_at_once_and_more_of_them_decide() {
        let (little, much) = (Way { held: 1, ..CLEAR }, Way { held: 1, unsent: 5, ..CLEAR });
        assert_eq!(at(0, little, CLEAR), Verdict::ClientSlow);
        assert_eq!(at(0, CLEAR, little), Verdict::TargetSlow);
        assert_eq!(at(0, little, much), Verdict::TargetSlow);
        assert_eq!(at(0, much, little), Verdict::ClientSlow);
    }

    #[test]
    fn loss_comes_before_all_else() {
        let slow = Way { held: 9, ..CLEAR };
        for lossy in [Way { lost: 1, ..CLEAR }, Way { backoffs: 1, ..CLEAR }] {
            assert_eq!(at(100, lossy, slow), Verdict::NetworkLossy);
            assert_eq!(at(0, slow, lossy), Verdict::NetworkLossy);
        }
    }
}
