//! One forwarded connection: its two sides, its two lanes, and what is to be done next.

use crate::Time;
use crate::close::{By, Cause, CloseReason, Failure, Phase};
use crate::deadlines::{FLUSH_LIMIT, Silence};
use crate::lane::{Direction, Fallback, Lane, LaneState, PathChoice, PathsUsed, Step};
use crate::side::{End, Readiness, Side};
use std::num::NonZeroU32;
use std::time::Duration;

/// The first pause before the kernel's send queue is looked at again while flushing; it doubles
/// with each look, six times. There is no event for "all sent bytes are acknowledged".
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const DOUBLINGS: u8 = 6;
/// Looks without progress that make up [`FLUSH_LIMIT`]: six short pauses, and 40 of 128 ms.
const MOST_LOOKS: u8 = 6 + 40;
const _: () = assert!(FLUSH_LIMIT.as_millis().div_ceil(128) == 40, "the two belong together");

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
    /// side, which is reset when they are acknowledged, or when none is for [`FLUSH_LIMIT`].
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

/// The facts of a session that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub reason: CloseReason,
    /// From acceptance to the end.
    pub duration: Duration,
    /// From acceptance to the connection with the target, resolving included; `None` if it never
    /// came to that.
    pub connect_time: Option<Duration>,
    /// Bytes that the target's socket took.
    pub bytes_up: u64,
    /// Bytes that the client's socket took.
    pub bytes_down: u64,
    /// Paths of the lane from client to target.
    pub path_up: PathsUsed,
    /// Paths of the lane from target to client.
    pub path_down: PathsUsed,
    /// Why the lane from client to target left splice.
    pub fallback_up: Fallback,
    /// Why the lane from target to client left splice.
    pub fallback_down: Fallback,
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
    pub(crate) draining: bool,
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
            draining: false,
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

    /// Bytes move in large pieces just now: a turn more or less does not matter to them.
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

    /// The phase as a close reason names it.
    pub fn phase(&self) -> Phase {
        match self.stage {
            Stage::Connecting { .. } => Phase::Connect,
            Stage::Relaying | Stage::Flushing { .. } if self.draining => Phase::Drain,
            Stage::Relaying | Stage::Flushing { .. } => Phase::Relay,
        }
    }

    /// From now on the session's end counts as an end while draining.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// The opposite: its forward takes sessions again.
    pub fn resume(&mut self) {
        self.draining = false;
    }

    // === while connecting ===

    /// Another address is tried, until `attempt_until`.
    pub fn attempt(&mut self, attempt_until: Time) {
        self.stage = Stage::Connecting { attempt_until };
    }

    /// A short read from the socket of `end` never means that its queue is empty: it is a Unix
    /// socket.
    pub fn distrust_short_reads(&mut self, end: End) {
        self.side_mut(end).distrust_short_reads();
    }

    /// The target is connected: bytes may flow.
    pub fn connected(&mut self, now: Time) {
        self.stage = Stage::Relaying;
        let micros = now.since(self.accepted).as_micros();
        let micros = u32::try_from(micros).unwrap_or(u32::MAX);
        self.connect_micros = NonZeroU32::new(micros.max(1));
        self.silence.byte_moved(now);
    }

    // === events and results ===

    /// An event about the socket of `end`.
    pub fn learn(&mut self, end: End, event: Readiness) {
        self.side_mut(end).learn(event);
    }

    /// `count` bytes were received into a buffer with room for `room`.
    pub fn copied(&mut self, direction: Direction, count: usize, room: usize, now: Time) {
        self.lane_mut(direction).copied(count, room);
        if count < room {
            self.side_mut(direction.source()).read_was_short();
        }
        self.silence.byte_moved(now);
    }

    /// `count` bytes were spliced from the source into the lane's pipe.
    ///
    /// This never counts as a short read: a pipe is full when its slots are, and a slot may hold a
    /// small fragment.
    pub fn filled(&mut self, direction: Direction, count: usize, now: Time) {
        self.lane_mut(direction).filled(count);
        self.silence.byte_moved(now);
    }

    /// The sink took `count` bytes of those held.
    pub fn sent(&mut self, direction: Direction, count: usize, now: Time) {
        self.lane_mut(direction).delivered(count);
        self.silence.byte_moved(now);
    }

    /// The lane's source had nothing to read.
    pub fn read_would_block(&mut self, direction: Direction) {
        self.side_mut(direction.source()).read_would_block();
    }

    /// A splice found nothing in the lane's source. Where a mark stands in the queue it may have
    /// stopped in front of it, and would do so for ever: only a recv goes past.
    pub fn fill_would_block(&mut self, direction: Direction) {
        if self.side(direction.source()).has_mark() {
            self.lane_mut(direction).ask_by_copy();
        } else {
            self.read_would_block(direction);
        }
    }

    /// A splice said "end of the stream". It says so too in front of an urgent mark with a FIN
    /// behind it: only a recv knows the end.
    pub fn fill_found_end(&mut self, direction: Direction) {
        self.lane_mut(direction).ask_by_copy();
    }

    /// A splice failed. It says so in front of an urgent mark too, with bytes behind it: only a
    /// recv knows the end.
    pub fn fill_failed(&mut self, direction: Direction, failure: Failure) {
        self.fail(direction.source(), failure);
        self.lane_mut(direction).ask_by_copy();
    }

    /// The lane's sink took no byte, or not all.
    pub fn write_would_block(&mut self, direction: Direction) {
        self.side_mut(direction.sink()).write_would_block();
    }

    /// The lane cannot splice, for this reason: it copies.
    pub fn fall_back(&mut self, direction: Direction, fallback: Fallback) {
        self.lane_mut(direction).fall_back(fallback);
    }

    /// A recv found the end of the stream: a FIN, or what a reset leaves behind.
    pub fn end_of_stream(&mut self, direction: Direction) {
        let source = direction.source();
        let in_order = self.side(source).ended_in_order();
        self.lane_mut(direction).source_ended(in_order);
        if in_order {
            self.first_fin.get_or_insert(source);
        }
    }

    /// The lane's sink was told that no more bytes come.
    pub fn fin_passed(&mut self, direction: Direction, now: Time) {
        self.lane_mut(direction).fin_passed();
        self.silence.byte_moved(now);
    }

    /// A read from the lane's source failed.
    pub fn read_failed(&mut self, direction: Direction, failure: Failure) {
        self.fail(direction.source(), failure);
        self.lane_mut(direction).source_ended(false);
    }

    /// An event announced that the socket of `end` is broken. What it sent before can still be
    /// read from it.
    pub fn broke(&mut self, end: End, failure: Failure) {
        self.fail(end, failure);
    }

    /// A write or shutdown(2) of the lane's sink failed. What the sink sent before can still be
    /// read from it: the other lane goes on until it has found the end.
    pub fn write_failed(&mut self, direction: Direction, failure: Failure) {
        self.fail(direction.sink(), failure);
    }

    fn fail(&mut self, end: End, failure: Failure) {
        self.first_failure.get_or_insert(end);
        self.side_mut(end).fail(failure);
        self.lane_mut(Direction::from(end).other()).sink_failed();
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

    /// Both lanes wait or are over: is the session?
    fn ended(&mut self, now: Time) -> Action {
        if let Some(end) = self.first_failure {
            // What the broken side sent before must be delivered first, if anybody takes it.
            if !self.lane(Direction::from(end)).is_over() {
                return Action::Wait;
            }
            let reason = self.reason_of_failure(end);
            if self.side(end.other()).failure().is_some() {
                return Action::Reset(reason);
            }
            self.stage = Stage::Flushing { reason, look_again: now, unacked: u32::MAX, looks: 0 };
            return Action::LookAtQueue(end.other());
        }
        match (self.up.state(), self.down.state()) {
            (LaneState::Finished, LaneState::Finished) => Action::Close(self.reason_of_fin()),
            _ => Action::Wait,
        }
    }

    fn next_while_flushing(&self, now: Time, reason: CloseReason, look_again: Time) -> Action {
        let alive = |end: &End| self.side(*end).failure().is_none();
        match [End::Client, End::Target].into_iter().find(alive) {
            Some(end) if now >= look_again => Action::LookAtQueue(end),
            Some(_) => Action::Wait,
            None => Action::Reset(reason),
        }
    }

    /// The answer to [`Action::LookAtQueue`]: `unacked` bytes are still with the kernel.
    pub fn flushed(&mut self, now: Time, unacked: u32) -> Action {
        let Stage::Flushing { reason, unacked: before, looks, .. } = self.stage else {
            return Action::Wait;
        };
        // A slow reader gets the time it needs, as long as it reads.
        let looks = if unacked < before { looks.min(DOUBLINGS) } else { looks };
        if unacked == 0 || looks >= MOST_LOOKS {
            return Action::Reset(reason);
        }
        let look_again = now.after(FIRST_PAUSE * (1 << looks.min(DOUBLINGS)));
        self.stage = Stage::Flushing { reason, look_again, unacked, looks: looks + 1 };
        Action::Wait
    }

    // === the end ===

    fn reason_of_failure(&self, end: End) -> CloseReason {
        let failure = self.side(end).failure();
        let cause = failure.map_or(Cause::Reset, |failure| failure.cause);
        let errno = failure.and_then(|failure| failure.errno);
        let by = if cause.is_of_resources() { By::Resource } else { by(end) };
        CloseReason { by, phase: self.phase(), cause, errno }
    }

    /// A side has broken.
    pub(crate) fn has_broken(&self) -> bool {
        self.first_failure.is_some()
    }

    /// Why the session ends if what the broken side sent cannot be delivered.
    pub(crate) fn reason_of_first_failure(&self) -> Option<CloseReason> {
        self.first_failure.map(|end| self.reason_of_failure(end))
    }

    fn reason_of_fin(&self) -> CloseReason {
        let end = self.first_fin.unwrap_or(End::Client);
        CloseReason::new(by(end), self.phase(), Cause::Fin)
    }

    /// Why a client that broke while the target was being connected ends the session.
    pub fn reason_of_client_failure(&self, failure: Failure) -> CloseReason {
        CloseReason {
            by: By::Client,
            phase: self.phase(),
            cause: failure.cause,
            errno: failure.errno,
        }
    }

    /// Ends the session. There is no second end: this consumes it.
    pub fn finish(self, now: Time, reason: CloseReason) -> Ending {
        Ending {
            reason,
            duration: now.since(self.accepted),
            connect_time: self.connect_time(),
            bytes_up: self.up.sent(),
            bytes_down: self.down.sent(),
            path_up: self.up.paths_used(),
            path_down: self.down.paths_used(),
            fallback_up: self.up.fallback(),
            fallback_down: self.down.fallback(),
        }
    }
}

fn by(end: End) -> By {
    match end {
        End::Client => By::Client,
        End::Target => By::Target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
