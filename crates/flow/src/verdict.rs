//! A session's condition in one word, from an observation at one moment.

use crate::direction::Peer;
use crate::words::words;
use std::time::Duration;

words! {
    /// The condition of a session.
    Verdict {
        TargetsFull = "targets-full": "It waits for a place: every target that may serve is at its `max_sessions`.",
        NetworkLossy = "network-lossy": "Segments to the client or to the target are lost.",
        Greeting = "greeting": "It waits for the first bytes of its client: a PROXY header or a ClientHello.",
        Connecting = "connecting": "It waits for a name server, or for a target to accept the connection.",
        ClientSlow = "client-slow": "The client takes bytes more slowly than the target sends them.",
        TargetSlow = "target-slow": "The target takes bytes more slowly than the client sends them.",
        RateLimited = "rate-limited": "Bytes wait because of its own `rate`.",
        ClientClosed = "client-closed": "The client has sent its FIN, and the target has not: `half_close_timeout` runs.",
        TargetClosed = "target-closed": "The target has sent its FIN, and the client has not: `half_close_timeout` runs.",
        Idle = "idle": "No byte has moved for ten seconds, and none waits.",
        Ok = "ok": "Nothing is wrong with it.",
    }
}

/// Without a byte for this long, bytes in a socket's queue are stuck there, not in flight.
pub const STUCK_AFTER: Duration = Duration::from_secs(1);
/// Without a byte for this long, a session without waiting bytes is idle.
pub const IDLE_AFTER: Duration = Duration::from_secs(10);
/// Part of the life of a session, as a divisor, in which the bytes for a slow peer have waited.
const SLOW_PART: u32 = 10;

/// An observation of the way to one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Bytes received from the other peer that this one's socket has not taken yet.
    pub held: u64,
    /// The socket has not taken them because it is full.
    pub is_blocked: bool,
    /// Bytes in its socket that were not sent yet.
    pub unsent: u32,
    /// Retransmission timeouts in a row that are not over.
    pub backoffs: u8,
    /// Segments that the kernel counts as lost.
    pub lost: u32,
    /// A `rate` limits the way, and the peer has room for more bytes.
    pub is_paced: bool,
}

/// Why the bytes on the way to a peer wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slowness {
    None,
    /// The peer takes them slowly.
    OfPeer,
    /// They are sent at their own rate.
    OfRate,
}

impl Way {
    fn is_lossy(&self) -> bool {
        self.backoffs > 0 || self.lost > 0
    }

    fn waiting(&self) -> u64 {
        self.held + u64::from(self.unsent)
    }

    /// A queue in front of a socket that is not full is in flight as long as bytes move. Bytes that are held
    /// although the socket takes some wait for their turn here, which is none of the peer's fault.
    fn slowness(&self, quiet: Duration) -> Slowness {
        match self.is_blocked || (self.unsent > 0 && quiet >= STUCK_AFTER) {
            false => Slowness::None,
            true if self.is_paced => Slowness::OfRate,
            true => Slowness::OfPeer,
        }
    }
}

/// What a session needs before bytes flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prerequisite {
    /// The first bytes of its client.
    Greeting,
    /// A place in a target.
    Place,
    /// The connection to a target.
    Connection,
}

/// An observation of a session at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What it waits for; `None` while bytes flow.
    pub missing: Option<Prerequisite>,
    /// The way to the client.
    pub client: Way,
    /// The way to the target.
    pub target: Way,
    /// The peer whose FIN was passed on, while the other one's was not.
    pub closed: Option<Peer>,
    /// Time since a byte last moved.
    pub quiet: Duration,
}

impl Observation {
    /// The first of these conditions that holds: it waits for a place; segments are lost; it waits for something
    /// else; a peer is slow (of two, the one that more bytes wait for); bytes wait for their rate; one peer has
    /// closed; nothing moves; nothing is wrong.
    pub fn verdict(&self) -> Verdict {
        let Self { missing, client, target, closed, quiet } = *self;
        if missing == Some(Prerequisite::Place) {
            return Verdict::TargetsFull;
        }
        if client.is_lossy() || target.is_lossy() {
            return Verdict::NetworkLossy;
        }
        match missing {
            Some(Prerequisite::Greeting) => return Verdict::Greeting,
            Some(Prerequisite::Connection) => return Verdict::Connecting,
            Some(Prerequisite::Place) | None => {}
        }
        let slowness = [client.slowness(quiet), target.slowness(quiet)];
        match slowness.map(|it| it == Slowness::OfPeer) {
            [true, true] if client.waiting() >= target.waiting() => Verdict::ClientSlow,
            [_, true] => Verdict::TargetSlow,
            [true, false] => Verdict::ClientSlow,
            _ if slowness.contains(&Slowness::OfRate) => Verdict::RateLimited,
            _ => match closed {
                Some(Peer::Client) => Verdict::ClientClosed,
                Some(Peer::Target) => Verdict::TargetClosed,
                None if quiet >= IDLE_AFTER => Verdict::Idle,
                None => Verdict::Ok,
            },
        }
    }

    /// The verdict about a session that has ended after `lived`: the last one. If nothing was wrong with it then,
    /// the cause for which bytes have waited most, if for a second and a tenth of its life: of `stalled`, for the
    /// peers that take the lanes up and down; `paced`, for their own rate.
    pub fn last_verdict(
        &self,
        lived: Duration,
        stalled: [Duration; 2],
        paced: Duration,
    ) -> Verdict {
        let last = self.verdict();
        if !matches!(last, Verdict::Ok | Verdict::Idle) {
            return last;
        }
        let [up, down] = stalled;
        let waits =
            [(paced, Verdict::RateLimited), (down, Verdict::ClientSlow), (up, Verdict::TargetSlow)];
        let is_much = |wait: &Duration| *wait >= STUCK_AFTER && *wait >= lived / SLOW_PART;
        let most =
            waits.into_iter().filter(|(wait, _)| is_much(wait)).max_by_key(|(wait, _)| *wait);
        most.map_or(last, |(_, verdict)| verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: Way =
        Way { held: 0, is_blocked: false, unsent: 0, backoffs: 0, lost: 0, is_paced: false };

    fn observed(seconds: u64, client: Way, target: Way) -> Observation {
        let quiet = Duration::from_secs(seconds);
        Observation { client, target, quiet, ..Observation::default() }
    }

    fn at(seconds: u64, client: Way, target: Way) -> Verdict {
        observed(seconds, client, target).verdict()
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
    fn bytes_for_a_full_socket_are_slow_at_once_and_more_of_them_decide() {
        let little = Way { held: 1, is_blocked: true, ..CLEAR };
        let much = Way { unsent: 5, ..little };
        assert_eq!(at(0, little, CLEAR), Verdict::ClientSlow);
        assert_eq!(at(0, CLEAR, little), Verdict::TargetSlow);
        assert_eq!(at(0, little, much), Verdict::TargetSlow);
        assert_eq!(at(0, much, little), Verdict::ClientSlow);
        assert_eq!(at(0, Way { held: 9, ..CLEAR }, CLEAR), Verdict::Ok, "they wait for their turn");
    }

    #[test]
    fn loss_comes_before_slowness() {
        let slow = Way { held: 9, is_blocked: true, ..CLEAR };
        for lossy in [Way { lost: 1, ..CLEAR }, Way { backoffs: 1, ..CLEAR }] {
            assert_eq!(at(100, lossy, slow), Verdict::NetworkLossy);
            assert_eq!(at(0, slow, lossy), Verdict::NetworkLossy);
        }
    }

    #[test]
    fn a_rate_is_blamed_on_no_peer() {
        let paced = Way { held: 9, is_blocked: true, unsent: 9, is_paced: true, ..CLEAR };
        let slow = Way { held: 1, is_blocked: true, ..CLEAR };
        assert_eq!(at(0, paced, CLEAR), Verdict::RateLimited);
        assert_eq!(at(5, CLEAR, Way { held: 0, is_blocked: false, ..paced }), Verdict::RateLimited);
        assert_eq!(at(0, paced, slow), Verdict::TargetSlow, "the other side is slow by itself");
    }

    #[test]
    fn a_session_without_both_sockets_waits_for_no_peer_to_take_bytes() {
        let waits = |missing| {
            Observation { missing: Some(missing), ..observed(99, CLEAR, CLEAR) }.verdict()
        };
        assert_eq!(waits(Prerequisite::Greeting), Verdict::Greeting);
        assert_eq!(waits(Prerequisite::Place), Verdict::TargetsFull);
        assert_eq!(waits(Prerequisite::Connection), Verdict::Connecting);
    }

    #[test]
    fn a_half_closed_session_names_the_peer_that_closed() {
        let closed =
            |peer, way| Observation { closed: Some(peer), ..observed(99, CLEAR, way) }.verdict();
        assert_eq!(closed(Peer::Client, CLEAR), Verdict::ClientClosed);
        assert_eq!(closed(Peer::Target, CLEAR), Verdict::TargetClosed);
        assert_eq!(closed(Peer::Client, Way { unsent: 1, ..CLEAR }), Verdict::TargetSlow);
    }

    #[test]
    fn the_last_verdict_names_the_side_that_was_slow_for_much_of_the_time() {
        let seconds = Duration::from_secs;
        let last = |lived, up, down, paced| {
            let stalled = [seconds(up), seconds(down)];
            observed(0, CLEAR, CLEAR).last_verdict(seconds(lived), stalled, seconds(paced))
        };
        assert_eq!(last(100, 10, 9, 0), Verdict::TargetSlow);
        assert_eq!(last(100, 10, 11, 0), Verdict::ClientSlow);
        assert_eq!(last(100, 10, 11, 80), Verdict::RateLimited);
        assert_eq!(last(101, 10, 0, 0), Verdict::Ok, "less than a tenth");
        let stalled = [Duration::from_millis(900); 2];
        let short = observed(0, CLEAR, CLEAR).last_verdict(seconds(1), stalled, Duration::ZERO);
        assert_eq!(short, Verdict::Ok, "less than a second");
        let lossy = observed(0, CLEAR, Way { lost: 1, ..CLEAR });
        let verdict = lossy.last_verdict(seconds(9), [seconds(9); 2], Duration::ZERO);
        assert_eq!(verdict, Verdict::NetworkLossy, "something is wrong at the end");
    }
}
