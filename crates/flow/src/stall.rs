//! How long lanes wait for sinks that take no byte.

use crate::direction::{Direction, Peer};
use crate::idle_clock::Unacked;
use crate::relay::lane::Lane;
use crate::{Session, Time, Way};
use std::time::Duration;

/// Checks of a waiting lane within one limit. The kernel reports no acknowledgement: a check compares its counts
/// with those of the last one, so that progress is dated late by the time between two at most.
const CHECKS: u32 = 8;

/// Progress is counted in milliseconds: the moment of it may be earlier by less than one.
const ROUNDING: Duration = Duration::from_millis(1);

/// The low bits of a moment in milliseconds: a lane has no room for more.
pub(crate) fn stamp(time: Time) -> u32 {
    let low = time.as_millis() & u64::from(u32::MAX);
    u32::try_from(low).unwrap_or_default()
}

impl Lane {
    /// The millisecond of the last progress of a waiting lane, which is at most 24 days from `near`.
    fn progress_at(&self, near: Time) -> Time {
        let behind = stamp(near).wrapping_sub(self.progress).cast_signed();
        // Whole milliseconds: the result must not depend on the fraction in `near`.
        let near = Time::from_micros(near.as_millis() * 1000);
        let span = Duration::from_millis(behind.unsigned_abs().into());
        if behind < 0 { near.after(span) } else { near.before(span) }
    }
}

impl Session {
    /// Whether the lane holds bytes that its sink's socket did not take. Bytes that wait for their turn, or for a
    /// pipe, do not count; those of a broken lane do.
    pub fn is_blocked(&self, direction: Direction) -> bool {
        self.lane(direction).held() > 0 && !self.socket(direction.sink()).writable()
    }

    /// The way to one peer, as far as it is known without the kernel.
    pub fn way_to(&self, peer: Peer) -> Way {
        let direction = Direction::from(peer.other());
        let (held, is_blocked) = (self.lane(direction).held(), self.is_blocked(direction));
        Way { held, is_blocked, ..Way::default() }
    }

    /// Time in which the bytes of a lane have waited for its sink, a present wait included.
    pub fn stalled(&self, direction: Direction, now: Time) -> Duration {
        let millis = self.stalled[direction as usize];
        Duration::from_millis(millis.saturating_add(self.present_wait(direction, now)).into())
    }

    /// Whether the lane waits for its sink's socket to take bytes.
    pub(crate) fn waits_for_sink(&self, direction: Direction) -> bool {
        self.lane(direction).may_deliver() && self.is_blocked(direction)
    }

    /// The sink's socket of the lane is full.
    pub(crate) fn wait_begins(&mut self, direction: Direction, now: Time) {
        let lane = self.lane_mut(direction);
        lane.progress = stamp(now);
        lane.checks = 0;
    }

    /// Counts the present wait of a lane, if it waits: its sink's socket takes bytes again, it is broken, or its
    /// peer has acknowledged some. If the lane still waits, another wait begins.
    pub(crate) fn wait_ends(&mut self, direction: Direction, now: Time) {
        let waited = self.present_wait(direction, now);
        let stalled = &mut self.stalled[direction as usize];
        *stalled = stalled.saturating_add(waited);
        self.wait_begins(direction, now);
    }

    /// Milliseconds since the last progress of a waiting lane; of 49 days of silence, it counts the rest.
    fn present_wait(&self, direction: Direction, now: Time) -> u32 {
        let since = self.lane(direction).progress;
        if self.waits_for_sink(direction) { stamp(now).wrapping_sub(since) } else { 0 }
    }

    /// When the waiting lanes are checked next.
    pub(crate) fn next_stall_check(&self, limit: Duration) -> Option<Time> {
        let waiting = Direction::BOTH.into_iter().filter(|it| self.waits_for_sink(*it));
        let near = self.idle_clock.idle_since();
        let check = |direction| {
            let lane = self.lane(direction);
            let after = (limit / CHECKS) * (u32::from(lane.checks) + 1);
            lane.progress_at(near).after(after.min(limit) + ROUNDING)
        };
        waiting.map(check).min()
    }

    /// Whether the sink of a waiting lane has taken nothing for `limit`. `unacked` are the present counts of the
    /// kernel, and those of the idle clock the last ones.
    pub(crate) fn is_stalled(&mut self, now: Time, limit: Duration, unacked: Unacked) -> bool {
        let (before, near) = (self.idle_clock.unacked, self.idle_clock.idle_since());
        let count = |unacked: Unacked, peer| match peer {
            Peer::Client => unacked.client,
            Peer::Target => unacked.target,
        };
        let mut is_stalled = false;
        for direction in Direction::BOTH {
            if !self.waits_for_sink(direction) {
                continue;
            }
            let (sink, lane) = (direction.sink(), self.lane_mut(direction));
            if count(unacked, sink) == count(before, sink) {
                let waited = now.since(lane.progress_at(near));
                let checks = waited.as_micros() / (limit / CHECKS).as_micros().max(1);
                lane.checks = u8::try_from(checks).unwrap_or(u8::MAX);
                is_stalled |= waited >= limit;
            } else {
                self.wait_ends(direction, now);
            }
        }
        is_stalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Action, By, Cause, CloseReason, LaneState, PathChoice, Phase, Readiness, SocketFailure,
        Step, Timeouts,
    };

    const START: Time = Time::from_micros(1_000_900);
    const LIMIT: Duration = Duration::from_secs(8);
    const TIMEOUTS: Timeouts = Timeouts {
        connect: Duration::from_secs(1),
        idle: None,
        half_close: None,
        max_age: None,
        stall: Some(LIMIT),
    };
    const WRITABLE: Readiness = Readiness { readable: false, writable: true, mark: false };
    /// Nothing that the kernel holds is acknowledged.
    const FULL: Unacked = Unacked { client: 500, target: 500 };

    fn seconds(seconds: u64) -> Time {
        START.after(Duration::from_secs(seconds))
    }

    /// A session whose lane down waits since `START`.
    fn waiting() -> Session {
        let mut session = Session::new(START, PathChoice::Copy, START);
        session.connected(START);
        session.on_ready(Peer::Client, WRITABLE, START);
        session.on_ready(Peer::Target, Readiness { readable: true, ..Readiness::default() }, START);
        session.copied(Direction::Down, 10, 10, START);
        session.sent(Direction::Down, 4, 10, START);
        session
    }

    /// The time at which a session is cut, with these counts of the kernel at each check.
    fn cut_at(
        session: &mut Session,
        timeouts: &Timeouts,
        unacked: impl Fn(Time) -> Unacked,
    ) -> Time {
        for _ in 0..1000 {
            let now = session.deadline(timeouts).expect("it waits");
            if let Some(reason) = session.expire(now, timeouts, || unacked(now)) {
                assert_eq!(reason.cause, Cause::Stalled);
                return now;
            }
        }
        panic!("a check without a cut, without end")
    }

    #[test]
    fn a_stall_is_cut_within_an_eighth_after_the_limit() {
        let late = LIMIT / CHECKS + 2 * ROUNDING;
        let cut = cut_at(&mut waiting(), &TIMEOUTS, |_| FULL);
        assert!(cut >= seconds(8) && cut <= seconds(8).after(late), "{cut:?}");
        // The peer takes a byte in its kernel until the fifth second: no event shows it.
        let reading = |now: Time| Unacked {
            client: 500 - stamp(now).wrapping_sub(stamp(START)).min(5000) / 1000,
            ..FULL
        };
        let cut = cut_at(&mut waiting(), &TIMEOUTS, reading);
        assert!(cut >= seconds(5 + 8) && cut <= seconds(5 + 8).after(late), "{cut:?}");
    }

    #[test]
    fn progress_of_the_other_peer_is_none() {
        let other = |now: Time| Unacked { target: stamp(now), ..FULL };
        let cut = cut_at(&mut waiting(), &TIMEOUTS, other);
        assert!(cut <= seconds(10), "{cut:?}");
    }

    #[test]
    fn a_byte_that_is_taken_is_progress() {
        let mut session = waiting();
        session.on_ready(Peer::Client, WRITABLE, seconds(7));
        assert_eq!(session.next(seconds(7)), Action::Step(Direction::Down, Step::Send));
        session.sent(Direction::Down, 1, 6, seconds(7));
        assert!(session.take_due_earlier());
        assert!(cut_at(&mut session, &TIMEOUTS, |_| FULL) >= seconds(15));
    }

    #[test]
    fn without_waiting_bytes_there_is_no_deadline() {
        let mut session = waiting();
        session.on_ready(Peer::Client, WRITABLE, START);
        assert_eq!(session.deadline(&TIMEOUTS), None, "the next step sends");
        session.sent(Direction::Down, 6, 6, START);
        session.write_would_block(Direction::Down, START);
        assert_eq!(session.deadline(&TIMEOUTS), None, "nothing waits");
        assert_eq!(waiting().deadline(&Timeouts { stall: None, ..TIMEOUTS }), None);
    }

    #[test]
    fn bytes_of_a_target_that_broke_wait_as_well() {
        let mut session = waiting();
        session.end_of_stream(Direction::Down, || None);
        assert_eq!(session.lane(Direction::Down).state(), LaneState::Ending);
        assert!(session.deadline(&TIMEOUTS).is_some());
    }

    #[test]
    fn an_upgrade_and_other_limits_keep_the_time_that_has_passed() {
        let mut session = waiting();
        while session.deadline(&TIMEOUTS).expect("it waits") < seconds(6) {
            let now = session.deadline(&TIMEOUTS).expect("it waits");
            assert_eq!(session.expire(now, &TIMEOUTS, || FULL), None);
        }
        let mut restored = Session::from_numbers(&session.to_numbers()).expect("sound");
        let cut = cut_at(&mut restored, &TIMEOUTS, |_| FULL);
        assert!(cut >= seconds(8) && cut < seconds(9).after(4 * ROUNDING), "{cut:?}");
        let longer = Timeouts { stall: Some(2 * LIMIT), ..TIMEOUTS };
        let cut = cut_at(&mut session.clone(), &longer, |_| FULL);
        assert!(cut >= seconds(16) && cut < seconds(19).after(4 * ROUNDING), "{cut:?}");
        let shorter = Timeouts { stall: Some(LIMIT / 4), ..TIMEOUTS };
        assert!(session.deadline(&shorter).expect("it waits") < seconds(6));
        let reason = session.expire(seconds(6), &shorter, || FULL);
        assert_eq!(reason.map(|reason| reason.cause), Some(Cause::Stalled));
    }

    #[test]
    fn a_state_of_an_older_version_has_not_waited() {
        let session = waiting();
        let mut numbers = session.to_numbers();
        // Behind 24 places of the session and 12 of the lane up: the last two of the lane down.
        numbers[24 + 12 + 10] = 0;
        numbers[24 + 12 + 11] = 0;
        let restored = Session::from_numbers(&numbers).expect("sound");
        assert_eq!(restored.deadline(&TIMEOUTS), session.deadline(&TIMEOUTS));
    }
    #[test]
    fn waits_add_up_until_the_sink_takes_bytes_or_breaks() {
        let stalled =
            |session: &Session, at| session.stalled(Direction::Down, seconds(at)).as_secs();
        let mut session = waiting();
        assert_eq!([0, 3].map(|at| stalled(&session, at)), [0, 3]);
        // Taken up at the third second, in part: the rest waits for two more.
        session.on_ready(Peer::Client, WRITABLE, seconds(3));
        session.sent(Direction::Down, 1, 6, seconds(3));
        session.on_ready(Peer::Client, WRITABLE, seconds(5));
        assert_eq!([5, 9].map(|at| stalled(&session, at)), [5, 5], "bytes wait for their turn");
        session.sent(Direction::Down, 5, 5, seconds(9));
        session.write_would_block(Direction::Down, seconds(9));
        assert_eq!(stalled(&session, 20), 5, "no byte waits");
        session.copied(Direction::Down, 8, 10, seconds(20));
        session.write_would_block(Direction::Down, seconds(20));
        let failure = SocketFailure { cause: Cause::Reset, errno: None, fin_unknown: false };
        session.broke(Peer::Client, failure, seconds(24));
        let reason = CloseReason::new(By::Client, Phase::Relay, Cause::Reset);
        let ending = session.finish(seconds(30), reason);
        assert_eq!(ending.lanes.map(|lane| lane.stalled.as_secs()), [0, 9]);
    }

    #[test]
    fn checks_and_upgrades_lose_no_part_of_a_wait() {
        let mut session = waiting();
        let slowly = |now: Time| Unacked { client: stamp(now), target: 0 };
        for _ in 0..40 {
            let now = session.deadline(&TIMEOUTS).expect("it waits");
            assert_eq!(session.expire(now, &TIMEOUTS, || slowly(now)), None);
            session = Session::from_numbers(&session.to_numbers()).expect("sound");
            let waited = session.stalled(Direction::Down, now);
            assert!(now.since(START).abs_diff(waited) <= ROUNDING, "{waited:?} at {now:?}");
        }
        // A version that has no totals leaves their places empty.
        let mut numbers = session.to_numbers();
        numbers.splice(18..21, [0; 3]);
        let restored = Session::from_numbers(&numbers).expect("sound");
        assert!(restored.stalled(Direction::Down, seconds(100)) <= Duration::from_secs(100));
        assert_eq!(restored.first_byte(), None);
    }

    #[test]
    fn the_first_byte_of_the_target_is_dated_from_acceptance() {
        let mut session = Session::new(START, PathChoice::Copy, START);
        session.connected(seconds(1));
        session.copied(Direction::Up, 10, 10, seconds(2));
        session.sent(Direction::Up, 10, 10, seconds(2));
        assert_eq!(session.first_byte(), None);
        for at in [3, 4] {
            session.copied(Direction::Down, 1, 10, seconds(at));
            session.sent(Direction::Down, 1, 1, seconds(at));
        }
        assert_eq!(session.first_byte(), Some(Duration::from_secs(3)));
    }
}
