//! The rules that hold in every history.

use super::{ScriptedPeer, World};
use flow::{Cause, CloseReason, Direction, Peer, Readiness};
use std::time::Duration;

impl World {
    /// The bytes of a peer before its reset were delivered to the other, if that one went on reading.
    pub(super) fn check_flushed(&mut self, reason: CloseReason) {
        let broken = if reason.by == flow::By::Client { Peer::Client } else { Peer::Target };
        let limit = self.timeouts.stall.map_or(flow::FLUSH_LIMIT, |it| it.min(flow::FLUSH_LIMIT));
        let waited = self.now.since(self.last_progress) >= limit;
        let ScriptedPeer { written, fin_sent, is_unix, .. } = *self.scripted(broken);
        let other = self.scripted(broken.other());
        let delivered = other.queued == written && other.read == written;
        assert!(delivered || other.reset || waited, "reset before the bytes were delivered");
        // A Unix socket reports the reset instead of the FIN.
        let fin_kept = !fin_sent || is_unix || other.fin_received;
        assert!(
            fin_kept || other.reset || waited,
            "a FIN that came before the RST was not passed on"
        );
    }

    /// A session at rest has left nothing undone.
    fn check_at_rest(&self) {
        let notified = self.pending == [Readiness::default(); 2];
        let broken = [&self.client, &self.target].iter().any(|scripted| scripted.reset);
        if self.end.is_some() || !notified || broken {
            return;
        }
        for (direction, source) in [(Direction::Up, &self.client), (Direction::Down, &self.target)]
        {
            let held = self.session.lane(direction).held();
            assert!(source.taken == source.written || held > 0, "bytes forgotten in {direction:?}");
        }
    }

    /// Notes that the sink of a lane has taken bytes, or that the lane has received some.
    pub(super) fn progressed(&mut self, direction: Direction) {
        self.last_taken[direction as usize] = self.now;
    }

    /// Whether a lane holds bytes, and its sink has taken none for so long.
    fn has_waited(&self, direction: Direction, span: Duration) -> bool {
        let (from, to) = self.held[direction as usize];
        from < to && self.now.since(self.last_taken[direction as usize]) >= span
    }

    /// A stall is cut within an eighth after its limit, and nothing else is.
    pub(super) fn check_stalls(&self) {
        let Some(limit) = self.timeouts.stall else { return };
        if let Some(reason) = self.end {
            let is_explained = Direction::BOTH.iter().any(|it| self.has_waited(*it, limit));
            assert!(reason.cause != Cause::Stalled || is_explained, "cut without a stall");
        } else if self.session.phase() == flow::Phase::Relay {
            let most = limit + limit / 8 + Duration::from_millis(5);
            for direction in Direction::BOTH {
                let lane = self.session.lane(direction);
                let is_broken = lane.state() == flow::LaneState::Broken;
                // A send that is possible is none of the peer's fault.
                let blocked = !self.session.socket(direction.sink()).writable();
                let has_passed = blocked && !is_broken && self.has_waited(direction, most);
                assert!(!has_passed, "a stall {direction:?} is not cut: {:?}", self.session);
            }
        }
    }

    /// The rules that hold at any time.
    pub(crate) fn check(&self) {
        self.check_at_rest();
        for direction in Direction::BOTH {
            let lane = self.session.lane(direction);
            let (from, to) = self.held[direction as usize];
            let broken = lane.state() == flow::LaneState::Broken;
            assert!(broken || lane.held() == to - from, "bytes in = bytes out + held");
        }
        if let Some(reason) = self.end {
            let clean = reason.cause == Cause::Fin;
            let everything_passed_on = |from: &ScriptedPeer, to: &ScriptedPeer| {
                from.fin_sent && to.fin_received && to.queued == from.written
            };
            assert!(
                !clean
                    || everything_passed_on(&self.client, &self.target)
                        && everything_passed_on(&self.target, &self.client),
                "a clean end over lost bytes"
            );
            let ending = self.session.finish(self.now, reason);
            let bytes = ending.lanes.map(|lane| lane.bytes);
            assert_eq!(bytes, [self.target.queued, self.client.queued]);
        }
    }
}
