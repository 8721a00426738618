//! One forwarded connection: its two sides, its two lanes, and what is to be done next.

mod ending;
mod results;

pub use ending::Ending;

use crate::Time;
use crate::close::{CloseReason, Phase};
use crate::direction::Direction;
use crate::lane::{Lane, Step};
use crate::path::PathChoice;
use crate::side::{End, Side};
use crate::silence::Silence;
use std::num::NonZeroU32;
use std::time::Duration;

/// Where in its life a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The target's name is being resolved, or a connection to it attempted.
    Connecting {
        /// When the present attempt is given up.
        attempt_until: Time,
    },
    /// Both sides are connected.
    Relaying,
    /// One side broke. The bytes it sent before are with the kernel, on their way to the other
    /// side, which is reset when they are acknowledged, or when none is for [`FLUSH_LIMIT`](crate::FLUSH_LIMIT).
    Flushing {
        /// Why the session ends.
        reason: CloseReason,
        /// When to look at the queue again.
        look_again: Time,
        /// How many bytes were unacknowledged at the last look.
        unacked: u32,
        /// How many looks have seen no progress.
        looks: u8,
    },
}

/// What the engine is to do for a session now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A step of one lane; its result is reported to the session.
    Step(Direction, Step),
    /// Nothing until an event, a result or the deadline.
    Wait,
    /// Look at the send queue of the side that is still alive, and report it with
    /// [`Session::flushed`].
    LookAtQueue(End),
    /// Close both sockets in order: everything was passed on.
    Close(CloseReason),
    /// Reset the sides that are still alive.
    Reset(CloseReason),
}

/// One forwarded connection. Plain data: it can be written down and taken up by another process
/// ([`Session::to_numbers`]).
#[derive(Clone, Copy, Debug)]
pub struct Session {
    pub(crate) stage: Stage,
    pub(crate) up: Lane,
    pub(crate) down: Lane,
    pub(crate) client: Side,
    pub(crate) target: Side,
    pub(crate) accepted: Time,
    /// From acceptance to connection, in microseconds; at least one, so that `None` costs nothing.
    pub(crate) connect_micros: Option<NonZeroU32>,
    pub(crate) silence: Silence,
    /// Whose FIN came first.
    pub(crate) first_fin: Option<End>,
    /// Who broke first.
    pub(crate) first_failure: Option<End>,
    /// Which lane is asked first for the next step, so that neither starves the other.
    pub(crate) first: Direction,
    /// The deadline may have moved earlier since the engine last asked.
    pub(crate) due_earlier: bool,
}

impl Session {
    /// A client was accepted and admitted; the target is to be connected until `attempt_until`.
    pub fn new(now: Time, choice: PathChoice, attempt_until: Time) -> Self {
        Self {
            stage: Stage::Connecting { attempt_until },
            up: Lane::new(choice),
            down: Lane::new(choice),
            client: Side::new(),
            target: Side::new(),
            accepted: now,
            connect_micros: None,
            silence: Silence::new(now),
            first_fin: None,
            first_failure: None,
            first: Direction::Up,
            due_earlier: true,
        }
    }

    /// Where in its life the session is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// When a byte last moved in a lane; before the first one, when the session began.
    pub fn last_byte(&self) -> Time {
        self.silence.last_byte()
    }

    /// From acceptance to the connection with the target; `None` as long as there is none.
    pub fn connect_time(&self) -> Option<Duration> {
        self.connect_micros.map(|micros| Duration::from_micros(micros.get().into()))
    }

    /// When the client was accepted.
    pub fn accepted(&self) -> Time {
        self.accepted
    }

    /// One direction.
    pub fn lane(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    fn lane_mut(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// Whether bytes currently move in large pieces, on either path: one turn more or less does not
    /// matter to them.
    pub fn is_bulk(&self) -> bool {
        self.up.is_bulk() || self.down.is_bulk()
    }

    /// One socket.
    pub fn side(&self, end: End) -> Side {
        match end {
            End::Client => self.client,
            End::Target => self.target,
        }
    }

    fn side_mut(&mut self, end: End) -> &mut Side {
        match end {
            End::Client => &mut self.client,
            End::Target => &mut self.target,
        }
    }

    /// The phase as a close reason names it. Draining is the engine's state: a draining session still
    /// has the phase `relay` here.
    pub fn phase(&self) -> Phase {
        match self.stage {
            Stage::Connecting { .. } => Phase::Connect,
            Stage::Relaying | Stage::Flushing { .. } => Phase::Relay,
        }
    }

    // === while connecting ===

    /// Another address is tried, until `attempt_until`.
    pub fn attempt(&mut self, attempt_until: Time) {
        self.enter(Stage::Connecting { attempt_until });
    }

    /// A short read from the socket of `end` never means that its queue is empty: it is a Unix
    /// socket.
    pub fn distrust_short_reads(&mut self, end: End) {
        self.side_mut(end).distrust_short_reads();
    }

    /// The target is connected: bytes may flow.
    pub fn connected(&mut self, now: Time) {
        self.enter(Stage::Relaying);
        let micros = now.since(self.accepted).as_micros();
        let micros = u32::try_from(micros).unwrap_or(u32::MAX);
        self.connect_micros = NonZeroU32::new(micros.max(1));
        self.silence.byte_moved(now);
    }

    /// Enters `stage`; its deadlines may be earlier than those of the previous stage.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.due_earlier = true;
    }

    // === what to do next ===

    /// What to do now. Each action's result is reported before the next is asked for.
    pub fn next(&mut self, now: Time) -> Action {
        match self.stage {
            Stage::Connecting { .. } => return Action::Wait,
            Stage::Flushing { reason, look_again, .. } => {
                return self.next_while_flushing(now, reason, look_again);
            }
            Stage::Relaying => {}
        }
        for direction in [self.first, self.first.other()] {
            let (source, sink) = (self.side(direction.source()), self.side(direction.sink()));
            if let Some(step) = self.lane(direction).next(source, sink) {
                self.first = direction.other();
                return Action::Step(direction, step);
            }
        }
        self.ended(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Readiness;

    #[test]
    fn two_busy_lanes_take_turns() {
        let now = Time::from_micros(1);
        let mut session = Session::new(now, PathChoice::Copy, now);
        session.connected(now);
        let ready = Readiness { readable: true, writable: true, mark: false };
        session.learn(End::Client, ready);
        session.learn(End::Target, ready);
        let mut turns = Vec::new();
        for _ in 0..4 {
            let Action::Step(direction, Step::Copy) = session.next(now) else { panic!("no step") };
            session.copied(direction, 10, 10, now);
            session.sent(direction, 10, now);
            turns.push(direction);
        }
        assert_eq!(turns, [Direction::Up, Direction::Down, Direction::Up, Direction::Down]);
    }
}
