//! The rules for a worker, checked after each of its turns.

use crate::content::difference;
use crate::world::World;
use engine::parts::{Audit, HoldingAudit, SessionAudit, WaitsFor};
use flow::{Action, Direction, LaneState, Stage, Time};
use std::time::Duration;

/// The tick of the engine's timing wheel.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Bytes that a session may move in one turn. It is served at its event and from the run queue, each time
/// up to its share of 256 KiB, and the last step may move a whole pipe of 1 MiB.
const MOST_BYTES: u64 = 2 * (256 * 1024 + 1024 * 1024);
/// Calls of the kernel per session in one turn: at most 64 actions at its event and 64 from the run queue, of
/// few calls each.
const CALLS_PER_SESSION: u64 = 2 * 64 * 4;
/// Further calls in one turn: accepted clients, a slice of a walk, timers, a page of a list.
const OTHER_CALLS: u64 = 4096;

/// Checks the number of calls of a turn in which the worker had up to so many sessions.
pub(crate) fn calls_of_turn(calls: u64, sessions: usize) {
    let most = OTHER_CALLS + CALLS_PER_SESSION * sessions as u64;
    assert!(calls <= most, "a turn with {sessions} sessions took {calls} calls, more than {most}");
}

/// Bytes that a session has moved in both lanes, after the last turn of its worker; `None` before its first
/// turn in this process image.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved(Option<u64>);

impl Moved {
    /// Notes the state of a session after a turn of its worker.
    pub(crate) fn note(&mut self, session: &SessionAudit) {
        let moved = |direction| session.flow.lane(direction).sent();
        let moved: u64 = Direction::BOTH.map(moved).iter().sum();
        let before = self.0.replace(moved).unwrap_or(moved);
        let in_turn = moved.saturating_sub(before);
        assert!(in_turn <= MOST_BYTES, "session {} moved {in_turn} bytes in a turn", session.id);
    }
}

/// Checks a worker that has just taken a turn.
pub(crate) fn after_turn(world: &World, audit: &Audit) {
    if audit.waits_for == WaitsFor::Nothing {
        assert!(audit.sessions.is_empty(), "a worker has ended with sessions");
        return;
    }
    let has_cut = audit.cutting && audit.walks == 0;
    assert!(!has_cut || audit.sessions.is_empty(), "a session has survived a cut");
    let mut lent = 0;
    for session in &audit.sessions {
        lent += lanes(world, session);
        schedule(audit, session);
    }
    assert_eq!(
        audit.pipes,
        audit.spare_pipes.len() + lent,
        "pipes that are neither spare nor in a session"
    );
    if let WaitsFor::Events { until, .. } = audit.waits_for {
        timers(audit, until);
    }
}

/// Bytes in = bytes out + held, in order. Returns the number of pipes of the session.
fn lanes(world: &World, session: &SessionAudit) -> usize {
    let mut pipes = 0;
    let number = world.workers.number_of(session.id);
    let scripted = number.and_then(|number| world.sessions.get(&number));
    let scripted = scripted.filter(|it| !it.is_opaque);
    for direction in Direction::BOTH {
        let lane = session.flow.lane(direction);
        let held = lane.held();
        match &session.holding[direction as usize] {
            None => assert!(
                held == 0 || lane.state() == LaneState::Broken,
                "{number:?}: the lane {direction:?} counts {held} held bytes, and has no buffer or pipe"
            ),
            // The rest of the header that the target gets first.
            Some(HoldingAudit::Buffer(_))
                if matches!(session.flow.stage(), Stage::Preamble { .. }) => {}
            Some(HoldingAudit::Buffer(bytes)) => {
                assert_eq!(bytes.len() as u64, held, "{number:?}: bytes held {direction:?}");
                let of = scripted.map(|scripted| scripted.stream(direction.source()));
                let wrong = of.and_then(|stream| difference(stream, lane.sent(), bytes));
                assert_eq!(wrong, None, "{number:?}: a wrong byte is held {direction:?}");
            }
            Some(HoldingAudit::Pipe([end, _])) => {
                pipes += 1;
                let in_pipe = world.process.bytes_in_pipe(*end);
                assert_eq!(in_pipe as u64, held, "{number:?}: bytes in the pipe {direction:?}");
            }
        }
        let Some(scripted) = scripted else { continue };
        let written = scripted.peer(direction.source()).map_or(0, |peer| peer.facts.written);
        let received = scripted.peer(direction.sink()).map_or(0, |peer| peer.facts.received);
        let is_in_order = received <= lane.sent() && lane.received() <= written;
        assert!(
            is_in_order,
            "{number:?}, {direction:?}: the source has sent {written}, the engine received {} and \
             sent {}, the sink received {received}",
            lane.received(),
            lane.sent()
        );
    }
    pipes
}

/// A session with a possible action is in the run queue. Any other has a timer, not later than its deadline.
fn schedule(audit: &Audit, session: &SessionAudit) {
    let SessionAudit { id, deadline, timer, .. } = session;
    assert_eq!(session.queued, session.is_in_run_queue, "{id}: the run queue");
    assert_eq!(session.wheel.is_some(), *timer != Time::NEVER, "{id}: the entry of the wheel");
    let latest = (*timer).max(audit.now).after(TICK);
    assert!(
        session.wheel.is_none_or(|wheel| wheel <= latest),
        "{id}: the timer is set to {timer:?}, and fires from {:?}, at {:?}",
        session.wheel,
        audit.now
    );
    let WaitsFor::Events { until, .. } = audit.waits_for else { return };
    let action = session.flow.clone().next(audit.now);
    assert!(
        // A check is due at the next tick of the wheel, by its deadline.
        matches!(action, Action::Wait | Action::CheckUnacked(_)) || session.queued,
        "{id}: the action {action:?} is possible, and the session is not in the run queue"
    );
    // Stricter rules apply at once; a walk sets the timers later.
    if audit.mail > 0 || audit.walks > 0 {
        return;
    }
    // The next turn of a session in the run queue sets its timer (seed 922097).
    if session.is_in_run_queue {
        return;
    }
    if let Some(deadline) = deadline {
        assert!(timer <= deadline, "{id}: the timer is set to {timer:?}, not to {deadline:?}");
        let latest = (*deadline).max(audit.now).after(TICK);
        assert!(until <= latest, "{id}: the deadline is {deadline:?}, the worker waits {until:?}");
    }
}

/// The turn after which a session was past its deadline. The next turn in which the timing wheel fires must
/// end it, or move the deadline.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overdue(Option<Time>);

impl Overdue {
    /// Notes the deadline of a session after a turn of its worker, whose timers fire if it `serves` them.
    pub(crate) fn note_until(&mut self, id: u64, deadline: Time, now: Time, serves: bool) {
        if !serves || deadline.after(TICK) >= now {
            self.0 = None;
            return;
        }
        let since = *self.0.get_or_insert(now);
        assert!(
            now <= since.after(2 * TICK),
            "session {id}: past its deadline {deadline:?} since {since:?}, at {now:?}"
        );
    }

    /// Notes the state of a session after a turn of its worker.
    pub(crate) fn note(&mut self, audit: &Audit, session: &SessionAudit) {
        // A walk, or a message that asks for one, is still to set the timers of changed rules. A worker that
        // is parked, or restores its sessions, serves no timers.
        let serves = matches!(audit.waits_for, WaitsFor::Events { .. });
        let has_timer = serves && audit.mail == 0 && audit.walks == 0;
        let deadline = session.deadline.unwrap_or(Time::NEVER);
        self.note_until(session.id, deadline, audit.now, has_timer);
    }
}

/// The worker waits no longer than its own timers allow.
fn timers(audit: &Audit, until: Time) {
    let acceptor = &audit.acceptor;
    let timers = [audit.wheel, acceptor.retry_at, acceptor.room_at, audit.tidy_at];
    let latest = timers.into_iter().flatten().min();
    let latest = latest.map_or(Time::NEVER, |latest| latest.max(audit.now));
    assert!(until <= latest, "the worker waits until {until:?}, its timers fire at {latest:?}");
    let is_busy = audit.run_queue > 0 || audit.walks > 0;
    assert!(!is_busy || until <= audit.now, "the worker waits with work in its queues");
    let has_no_retry = !audit.acceptor.exhausted.is_empty() && audit.acceptor.retry_at.is_none();
    assert!(
        !has_no_retry || audit.draining || audit.walks > 0,
        "an exhausted listener has no retry time"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a turn with 2 sessions took 6000 calls")]
    fn a_turn_without_end_is_found() {
        calls_of_turn(5000, 2);
        calls_of_turn(6000, 2);
    }
}
