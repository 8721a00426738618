//! One forwarded connection: two sockets, two lanes, and the stage that decides the next action.

use crate::Time;
use crate::close::reason::{CloseReason, Phase};
use crate::direction::{Direction, Peer};
use crate::idle_clock::IdleClock;
use crate::relay::lane::{Lane, Step};
use crate::relay::path::PathChoice;
use crate::relay::socket_state::SocketState;
use crate::time::ShortSpan;
use std::time::Duration;

/// The stages of an admitted session, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The client's greeting is being read.
    Greeting {
        /// When it must be complete.
        until: Time,
    },
    /// The target's name is being resolved, or a connection to it attempted.
    Connecting {
        /// When the next attempt or the end is due, without an event before.
        attempt_until: Time,
    },
    /// The target is connected, and has not taken all of its preamble.
    Preamble {
        /// When it must have.
        until: Time,
    },
    /// Both sockets are connected.
    Relaying,
    /// One socket broke. The kernel still holds bytes from it for the other peer, which is reset
    /// after acknowledging them, or after [`FLUSH_LIMIT`](crate::FLUSH_LIMIT) without progress.
    Flushing {
        /// The session's close reason.
        reason: CloseReason,
        /// When to check the send queue next.
        poll_at: Time,
        /// Checks in a row without progress.
        polls: u8,
    },
}

/// The next thing that the engine does for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A step of one lane. The engine reports its result to the session.
    Step(Direction, Step),
    /// Nothing until an event, a result or the deadline.
    Wait,
    /// Read how many bytes the peer at this end has not acknowledged, and report them with
    /// [`Session::unacked`].
    CheckUnacked(Peer),
    /// Close both sockets in order: every byte and both FINs were passed on.
    Close(CloseReason),
    /// Reset the connections that are still alive.
    Reset(CloseReason),
}

/// One forwarded connection. Plain data, so that an upgrade can write it down and the next process
/// image can restore it ([`Session::to_numbers`]).
#[derive(Clone, Copy, Debug)]
pub struct Session {
    pub(crate) stage: Stage,
    pub(crate) up: Lane,
    pub(crate) down: Lane,
    pub(crate) client: SocketState,
    pub(crate) target: SocketState,
    pub(crate) accepted: Time,
    /// From acceptance to connection.
    pub(crate) connect_time: Option<ShortSpan>,
    pub(crate) idle_clock: IdleClock,
    /// Milliseconds in which the lanes up and down have waited for their sinks, without a present wait.
    pub(crate) stalled: [u32; 2],
    /// Bytes that were unacknowledged at the last check of stage *flushing*.
    pub(crate) flush_unacked: u32,
    /// The end whose FIN came first.
    pub(crate) first_fin: Option<Peer>,
    /// The end whose socket broke first.
    pub(crate) first_failure: Option<Peer>,
    /// The lane that gets the next step first, so that neither starves the other.
    pub(crate) first: Direction,
    /// The deadline may have moved earlier since the engine last asked.
    pub(crate) due_earlier: bool,
}

impl Session {
    /// The session of an admitted client. The first attempt to connect its target ends at
    /// `attempt_until`.
    pub fn new(now: Time, choice: PathChoice, attempt_until: Time) -> Self {
        Self {
            stage: Stage::Connecting { attempt_until },
            up: Lane::new(choice),
            down: Lane::new(choice),
            client: SocketState::new(),
            target: SocketState::new(),
            accepted: now,
            connect_time: None,
            idle_clock: IdleClock::new(now),
            stalled: [0; 2],
            flush_unacked: 0,
            first_fin: None,
            first_failure: None,
            first: Direction::Up,
            due_earlier: true,
        }
    }

    /// The current stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Enters `stage`; its deadlines may be earlier than those of the previous stage.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.due_earlier = true;
    }

    /// The next action. The engine reports the result of each before it asks for another.
    pub fn next(&mut self, now: Time) -> Action {
        match self.stage {
            Stage::Greeting { .. } | Stage::Connecting { .. } | Stage::Preamble { .. } => {
                Action::Wait
            }
            Stage::Relaying => self.next_while_relaying(now),
            Stage::Flushing { reason, poll_at, polls } => {
                self.next_while_flushing(now, reason, poll_at, polls)
            }
        }
    }

    /// The phase as a close reason names it. Draining is the engine's state: a draining session still
    /// has the phase `relay` here.
    pub fn phase(&self) -> Phase {
        match self.stage {
            Stage::Greeting { .. } => Phase::Greet,
            Stage::Connecting { .. } | Stage::Preamble { .. } => Phase::Connect,
            Stage::Relaying | Stage::Flushing { .. } => Phase::Relay,
        }
    }

    /// When the client was accepted.
    pub fn accepted(&self) -> Time {
        self.accepted
    }

    /// From acceptance to the connection with the target; `None` before that.
    pub fn connect_time(&self) -> Option<Duration> {
        self.connect_time.map(Duration::from)
    }

    /// From acceptance to the target's first byte; `None` before that.
    pub fn first_byte(&self) -> Option<Duration> {
        self.idle_clock.first_byte.map(Duration::from)
    }

    /// When a byte last moved in a lane; before the first byte, when the session began.
    pub fn last_byte(&self) -> Time {
        self.idle_clock.last_byte()
    }

    /// The lane of one direction.
    pub fn lane(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    pub(crate) fn lane_mut(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// State of the socket at one end.
    pub fn socket(&self, peer: Peer) -> SocketState {
        match peer {
            Peer::Client => self.client,
            Peer::Target => self.target,
        }
    }

    pub(crate) fn socket_mut(&mut self, peer: Peer) -> &mut SocketState {
        match peer {
            Peer::Client => &mut self.client,
            Peer::Target => &mut self.target,
        }
    }

    /// Marks the socket to `peer` as a Unix socket, of which a short read never means that its queue
    /// is empty.
    pub fn distrust_short_reads(&mut self, peer: Peer) {
        self.socket_mut(peer).distrust_short_reads();
    }

    /// The lane from this peer copies, unless its configuration asks for splicing: MPTCP implements no splice(2),
    /// and that in its place takes longer than a copy (`copy_splice_read()` in Linux).
    pub fn prefer_copying_from(&mut self, peer: Peer) {
        self.lane_mut(Direction::from(peer)).prefer_copying();
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
        session.on_ready(Peer::Client, ready, now);
        session.on_ready(Peer::Target, ready, now);
        let mut turns = Vec::new();
        for _ in 0..4 {
            let Action::Step(direction, Step::Copy) = session.next(now) else { panic!("no step") };
            session.copied(direction, 10, 10, now);
            session.sent(direction, 10, 10, now);
            turns.push(direction);
        }
        assert_eq!(turns, [Direction::Up, Direction::Down, Direction::Up, Direction::Down]);
    }
}
