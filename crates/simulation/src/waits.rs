//! The rules for the time in which bytes of a session wait for a peer: it grows while they wait and at no other
//! time, over upgrades, too; and those for the figures of a record that depend on times.

use engine::SessionRecord;
use flow::{Direction, LaneState, Time, Verdict};
use std::time::Duration;

/// The engine counts whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);

/// A lane after a turn: whether its bytes wait, the number sent, and the time that they have waited so far.
#[derive(Clone, Copy, Debug, Default)]
struct OfLane {
    is_blocked: bool,
    sent: u64,
    stalled: Duration,
}

/// Both lanes of a session after the last turn of its worker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    at: Time,
    lanes: [OfLane; 2],
}

impl Waits {
    /// Compares the state of a session after a turn at `now` with that after the turn before.
    pub(crate) fn note(&mut self, id: u64, session: &flow::Session, now: Time) {
        for direction in Direction::BOTH {
            let new = OfLane {
                is_blocked: session.is_blocked(direction),
                sent: session.lane(direction).sent(),
                stalled: session.stalled(direction, now),
            };
            let old = std::mem::replace(&mut self.lanes[direction as usize], new);
            let (passed, grown) =
                (now.since(self.at), new.stalled.checked_sub(old.stalled).unwrap_or(Duration::MAX));
            let waited_throughout = old.is_blocked && new.is_blocked && old.sent == new.sent;
            // Those of a broken lane wait no more.
            let is_live = session.lane(direction).state() != LaneState::Broken;
            let least = if waited_throughout && is_live { passed } else { Duration::ZERO };
            // Several turns may have passed: a wait may have begun and ended.
            let rests = !old.is_blocked && !new.is_blocked && old.sent == new.sent;
            let most = if rests { Duration::ZERO } else { passed };
            assert!(
                grown + ROUNDING >= least && grown <= most + ROUNDING,
                "session {id}, {direction:?}: {passed:?} have passed, and {grown:?} count as waiting: \
                 {old:?}, {new:?}"
            );
        }
        self.at = now;
    }
}

/// The rules for the times and the verdict in a record.
pub(crate) fn of_record(record: &SessionRecord) {
    let (ending, id) = (&record.ending, record.id);
    let longest = ending.duration + ROUNDING;
    let [_, down] = ending.lanes;
    assert!(
        ending.lanes.iter().all(|lane| lane.stalled <= longest),
        "session {id} has waited for longer than it lived: {ending:?}"
    );
    assert!(
        ending.first_byte.is_none_or(|it| it <= longest),
        "session {id} has its first byte after its end: {ending:?}"
    );
    assert!(
        ending.first_byte.is_some() || down.bytes == 0,
        "session {id} has bytes, and no first one: {ending:?}"
    );
    let is_of_phase = match record.verdict {
        Verdict::Greeting | Verdict::Connecting | Verdict::TargetsFull => {
            ending.connect_time.is_none()
        }
        Verdict::ClientSlow | Verdict::TargetSlow | Verdict::RateLimited => {
            ending.connect_time.is_some()
        }
        _ => true,
    };
    assert!(is_of_phase, "session {id}: {:?} does not fit {ending:?}", record.verdict);
}
