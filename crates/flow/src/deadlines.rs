//! When idleness or age ends a session.

use crate::{By, Cause, CloseReason, Direction, LaneState, Peer, Session, Stage, Time, Unacked};
use std::time::Duration;

/// Time without progress after which a session with a broken socket stops delivering its last bytes
/// and resets the other peer.
pub const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// The timeouts of a forward. `None` switches one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For all attempts to connect together.
    pub connect: Duration,
    /// No byte in either lane for this long.
    pub idle: Option<Duration>,
    /// One lane ended, and no byte in the other for this long.
    pub half_close: Option<Duration>,
    /// From the acceptance of the client.
    pub max_age: Option<Duration>,
    /// Bytes wait in a lane, and their peer has taken none for this long.
    pub stall: Option<Duration>,
}

impl Session {
    /// The earliest moment at which [`Session::expire`] may end the session or the stage has work. It
    /// only moves later while bytes flow, so a timer can stay until it fires. A change of the stage or
    /// of a lane's state can move it earlier, which [`Session::take_due_earlier`] reports.
    pub fn deadline(&self, timeouts: &Timeouts) -> Option<Time> {
        let of_stage = match self.stage {
            Stage::Greeting { until } | Stage::Preamble { until } => Some(until),
            Stage::Connecting { attempt_until } => Some(attempt_until),
            Stage::Relaying => None,
            Stage::Flushing { poll_at, .. } => Some(poll_at),
        };
        let of_age = self.accepted.after_option(timeouts.max_age);
        let of_idleness = self.idle_clock.idle_since().after_option(self.idle_limit(timeouts));
        let of_stall = timeouts.stall.and_then(|limit| self.next_stall_check(limit));
        earlier(earlier(of_stage, of_stall), earlier(of_age, of_idleness))
    }

    /// Whether the deadline may have moved earlier since the last call, under the same timeouts.
    pub fn take_due_earlier(&mut self) -> bool {
        std::mem::take(&mut self.due_earlier)
    }

    /// How long the session may be idle in its current state. Until its target has the preamble no byte can
    /// move, and the timeouts of the stages are the limits.
    fn idle_limit(&self, timeouts: &Timeouts) -> Option<Duration> {
        match self.stage {
            Stage::Greeting { .. } | Stage::Connecting { .. } | Stage::Preamble { .. } => {
                return None;
            }
            Stage::Relaying | Stage::Flushing { .. } => {}
        }
        let mut limit = timeouts.idle;
        if self.is_half_closed() {
            limit = earlier(limit, timeouts.half_close);
        }
        if self.has_broken() {
            limit = earlier(limit, Some(FLUSH_LIMIT));
        }
        limit
    }

    /// The close reason of a session that was idle for too long.
    fn reason_of_idleness(&self, timeouts: &Timeouts) -> CloseReason {
        let half_close = timeouts.half_close.filter(|_| self.is_half_closed());
        let cause = match (half_close, timeouts.idle) {
            (Some(half_close), Some(idle)) if idle <= half_close => Cause::IdleTimeout,
            (Some(_), _) => Cause::HalfCloseTimeout,
            (None, _) => Cause::IdleTimeout,
        };
        CloseReason::new(By::Limit, self.phase(), cause)
    }

    /// The peer whose FIN was passed on, while the other one's was not.
    pub fn half_closed_by(&self) -> Option<Peer> {
        match Direction::BOTH.map(|it| self.lane(it).state() == LaneState::Finished) {
            [true, false] => Some(Peer::Client),
            [false, true] => Some(Peer::Target),
            _ => None,
        }
    }

    /// When a half-closed session ends without another byte. Bytes that a peer has not acknowledged can give it
    /// the same time again.
    pub fn half_closed_until(&self, timeouts: &Timeouts) -> Option<Time> {
        self.half_closed_by()?;
        self.idle_limit(timeouts).map(|limit| self.idle_clock.idle_since().after(limit))
    }

    fn is_half_closed(&self) -> bool {
        self.half_closed_by().is_some()
    }

    /// The close reason if a limit of the current stage has expired. Reads the kernel's progress
    /// (`unacked`), which costs system calls, only if one would have without it.
    pub fn expire(
        &mut self,
        now: Time,
        timeouts: &Timeouts,
        unacked: impl FnOnce() -> Unacked,
    ) -> Option<CloseReason> {
        let limit = self.limit_reached(now, timeouts, unacked)?;
        // A session with a broken socket ends for that reason, whichever limit cuts off its last bytes.
        Some(self.reason_of_break().unwrap_or(limit))
    }

    fn limit_reached(
        &mut self,
        now: Time,
        timeouts: &Timeouts,
        unacked: impl FnOnce() -> Unacked,
    ) -> Option<CloseReason> {
        if self.accepted.after_option(timeouts.max_age).is_some_and(|end| now >= end) {
            return Some(CloseReason::new(By::Limit, self.phase(), Cause::MaxAge));
        }
        let is_due = |at: Option<Time>| at.is_some_and(|at| now >= at);
        let idle = self.idle_limit(timeouts);
        let is_idle = |it: &Self| is_due(it.idle_clock.idle_since().after_option(idle));
        let stall = timeouts.stall.filter(|limit| is_due(self.next_stall_check(*limit)));
        if !is_idle(self) && stall.is_none() {
            return None;
        }
        let unacked = unacked();
        let is_stalled = stall.is_some_and(|limit| self.is_stalled(now, limit, unacked));
        self.idle_clock.check(now, unacked);
        if is_stalled {
            return Some(CloseReason::new(By::Limit, self.phase(), Cause::Stalled));
        }
        is_idle(self).then(|| self.reason_of_idleness(timeouts))
    }
}

impl Time {
    fn after_option(self, span: Option<Duration>) -> Option<Time> {
        span.map(|span| self.after(span))
    }
}

/// The earlier of two moments, or the shorter of two spans; `None` is later than all.
fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, PathChoice, Phase, Readiness};

    const SECOND: Duration = Duration::from_secs(1);
    const START: Time = Time::from_micros(1_000_000);
    const TIMEOUTS: Timeouts = Timeouts {
        connect: SECOND,
        idle: Some(Duration::from_secs(10)),
        half_close: Some(Duration::from_secs(3)),
        max_age: Some(Duration::from_secs(100)),
        stall: None,
    };
    const NOTHING: fn() -> Unacked = Unacked::default;

    fn relaying() -> Session {
        let mut session = Session::new(START, PathChoice::Copy, START.after(SECOND));
        session.connected(START);
        session
    }

    fn cause(reason: Option<CloseReason>) -> Option<Cause> {
        reason.map(|reason| reason.cause)
    }

    fn seconds(count: u32) -> Time {
        START.after(count * SECOND)
    }

    #[test]
    fn an_idle_session_ends_and_a_byte_keeps_it_open() {
        let mut session = relaying();
        assert_eq!(session.deadline(&TIMEOUTS), Some(seconds(10)));
        session.copied(Direction::Down, 1, 10, seconds(6));
        session.sent(Direction::Down, 1, 1, seconds(6));
        assert_eq!(session.expire(seconds(10), &TIMEOUTS, NOTHING), None);
        assert_eq!(session.deadline(&TIMEOUTS), Some(seconds(16)));
        let reason = session.expire(seconds(16), &TIMEOUTS, NOTHING);
        assert_eq!(cause(reason), Some(Cause::IdleTimeout));
    }

    #[test]
    fn a_slow_reader_is_not_idle_while_it_acknowledges() {
        let mut session = relaying();
        let unacked = |client| move || Unacked { client, target: 0 };
        assert_eq!(session.expire(seconds(10), &TIMEOUTS, unacked(500)), None, "a first check");
        assert_eq!(session.expire(seconds(20), &TIMEOUTS, unacked(400)), None, "progress");
        assert_eq!(session.expire(seconds(30), &TIMEOUTS, unacked(0)), None, "the last progress");
        let reason = session.expire(seconds(40), &TIMEOUTS, unacked(0));
        assert_eq!(cause(reason), Some(Cause::IdleTimeout));
    }

    #[test]
    fn a_reader_that_stopped_is_idle_after_one_more_limit() {
        let mut session = relaying();
        let unacked = || Unacked { client: 0, target: 9 };
        assert_eq!(session.expire(seconds(10), &TIMEOUTS, unacked), None);
        assert_eq!(session.expire(seconds(19), &TIMEOUTS, unacked), None, "not yet");
        let reason = session.expire(seconds(20), &TIMEOUTS, unacked);
        assert_eq!(cause(reason), Some(Cause::IdleTimeout));
    }

    #[test]
    fn after_a_half_close_the_shorter_limit_holds() {
        let mut session = relaying();
        let ready = Readiness { readable: true, writable: false, mark: true };
        session.on_ready(Peer::Client, ready, START);
        session.end_of_stream(Direction::Up, || None);
        session.fin_passed(Direction::Up, seconds(1));
        assert_eq!(session.deadline(&TIMEOUTS), Some(seconds(4)));
        let reason = session.expire(seconds(4), &TIMEOUTS, NOTHING);
        assert_eq!(cause(reason), Some(Cause::HalfCloseTimeout));
    }

    #[test]
    fn age_ends_even_a_busy_session() {
        let mut session = relaying();
        session.copied(Direction::Up, 1, 10, seconds(100));
        assert_eq!(cause(session.expire(seconds(100), &TIMEOUTS, NOTHING)), Some(Cause::MaxAge));
    }

    /// The name of a state in which a session can stand still, and a session in that state.
    type Standing = (&'static str, fn() -> Session);

    const STAGES: [Standing; 5] = [
        ("connecting", || Session::new(START, PathChoice::Copy, seconds(7))),
        ("relaying", relaying),
        ("half closed", || {
            let mut session = relaying();
            session.end_of_stream(Direction::Up, || None);
            session.fin_passed(Direction::Up, START);
            session
        }),
        ("broken, with bytes held for the client", || {
            let mut session = relaying();
            session.copied(Direction::Down, 9, 10, START);
            session.write_would_block(Direction::Down, START);
            session.read_failed(Direction::Down, RESET, START);
            assert_eq!(session.next(START), Action::Wait);
            session
        }),
        ("flushing", || {
            let mut session = relaying();
            session.copied(Direction::Down, 9, 10, START);
            session.sent(Direction::Down, 9, 9, START);
            session.read_failed(Direction::Down, RESET, START);
            assert_eq!(session.next(START), Action::CheckUnacked(Peer::Client));
            session.unacked(9, START);
            assert_eq!(session.next(START), Action::Wait);
            session
        }),
    ];

    const RESET: crate::SocketFailure =
        crate::SocketFailure { cause: Cause::Reset, errno: None, fin_unknown: false };

    /// The seconds after which such a session ends if the client acknowledges nothing, and the close
    /// reason; `None` if it stays open.
    fn end_of(standing: fn() -> Session, timeouts: &Timeouts) -> Option<(u64, String)> {
        let stuck = || Unacked { client: 9, target: 0 };
        let mut session = standing();
        let mut ended = None;
        for _ in 0..1000 {
            let now = session.deadline(timeouts)?;
            let reason = session.expire(now, timeouts, stuck).or_else(|| match session.stage {
                // The engine tries the next address, and there is none.
                Stage::Connecting { .. } => {
                    Some(CloseReason::new(By::Limit, Phase::Connect, Cause::ConnectTimeout))
                }
                Stage::Flushing { .. } => {
                    if let Action::CheckUnacked(_) = session.next(now) {
                        session.unacked(9, now);
                    }
                    match session.next(now) {
                        Action::Reset(reason) => Some(reason),
                        _ => None,
                    }
                }
                _ => None,
            });
            if let Some(CloseReason { by, phase, cause, .. }) = reason {
                let reason = [by.as_str(), phase.as_str(), cause.as_str()].join("/");
                ended = Some((now.since(START).as_secs(), reason));
                break;
            }
        }
        Some(ended.expect("a deadline that passes without an end does not come back for ever"))
    }

    /// Each deadline in each state, alone. Idleness is checked twice while bytes are in flight (see
    /// [`IdleClock::check`](crate::idle_clock::IdleClock::check)), so its limits take twice their time.
    #[test]
    fn every_deadline_is_decided_in_every_stage() {
        let off =
            Timeouts { connect: SECOND, idle: None, half_close: None, max_age: None, stall: None };
        let idle = Timeouts { idle: Some(2 * SECOND), ..off };
        let half_close = Timeouts { half_close: Some(SECOND), ..off };
        let max_age = Timeouts { max_age: Some(3 * SECOND), ..off };
        let connect = Some((7, "limit/connect/connect_timeout"));
        let stopped = |seconds| Some((seconds, "target/relay/reset"));
        let limit = |seconds, reason| Some((seconds, reason));
        let expected = [
            // none, idle_timeout, half_close_timeout, max_age
            [connect, connect, connect, limit(3, "limit/connect/max_age")],
            [None, limit(4, "limit/relay/idle_timeout"), None, limit(3, "limit/relay/max_age")],
            [
                None,
                limit(4, "limit/relay/idle_timeout"),
                limit(2, "limit/relay/half_close_timeout"),
                limit(3, "limit/relay/max_age"),
            ],
            [stopped(10), stopped(4), stopped(10), stopped(3)],
            [stopped(5), stopped(4), stopped(5), stopped(3)],
        ];
        for ((stage, standing), row) in STAGES.into_iter().zip(expected) {
            for (timeouts, expected) in [off, idle, half_close, max_age].iter().zip(row) {
                let end = end_of(standing, timeouts);
                let end = end.as_ref().map(|(seconds, reason)| (*seconds, reason.as_str()));
                assert_eq!(end, expected, "{stage}, {timeouts:?}");
            }
        }
    }

    #[test]
    fn with_everything_off_there_is_no_deadline() {
        let off = Timeouts { idle: None, half_close: None, max_age: None, ..TIMEOUTS };
        assert_eq!(relaying().deadline(&off), None);
    }
}
