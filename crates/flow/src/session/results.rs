//! What the engine tells a session: events of its sockets, and the result of each step.

use super::Session;
use crate::Time;
use crate::close::Failure;
use crate::direction::Direction;
use crate::path::Fallback;
use crate::side::{End, Readiness};

impl Session {
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
        if self.side(direction.source()).splice_proves_empty() {
            self.read_would_block(direction);
        } else {
            self.lane_mut(direction).ask_by_copy();
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
    ///
    /// `sequence_received` asks the kernel how much of the source's sequence space has arrived in
    /// order: one for each byte and one for a FIN; `None` where the source is no TCP socket. It
    /// costs a system call, and is called only where the end may not be a FIN.
    pub fn end_of_stream(
        &mut self,
        direction: Direction,
        sequence_received: impl FnOnce() -> Option<u64>,
    ) {
        let source = direction.source();
        let in_order =
            !self.end_is_doubtful(source) || self.fin_has_come(direction, sequence_received());
        self.lane_mut(direction).source_ended(in_order);
        if in_order {
            self.first_fin.get_or_insert(source);
        }
    }

    /// A recv also returns 0 after a reset, once the kernel has reported the error: it does so once, to
    /// the first call. That call may have failed. Or it was a splice(2) into the socket that had already
    /// moved a part, and returned that part: this is possible as long as the lane that sends there has
    /// more to send, and no call has failed or would have blocked since.
    fn end_is_doubtful(&self, source: End) -> bool {
        let side = self.side(source);
        let sending = self.lane(Direction::from(source).other()).held() > 0 && side.writable();
        side.failure().is_some() || sending
    }

    /// Whether the end that the lane's source has reached is a FIN.
    ///
    /// No error number can prove it: EPIPE stands for a reset after a FIN (`tcp_reset()` in Linux), and
    /// for any reset that an earlier call has reported. The count of received sequence numbers can,
    /// since a FIN occupies one behind the last byte (RFC 9293).
    ///
    /// A Unix socket has no such count and needs none: its sends fail with EPIPE without taking the
    /// report of a reset, which is left for the recv.
    fn fin_has_come(&self, direction: Direction, sequence_received: Option<u64>) -> bool {
        if let Some(count) = sequence_received {
            return count > self.lane(direction).received();
        }
        let failure = self.side(direction.source()).failure();
        failure.is_none_or(|failure| failure.fin_unknown)
    }

    /// The lane's sink was told that no more bytes come.
    pub fn fin_passed(&mut self, direction: Direction, now: Time) {
        self.lane_mut(direction).fin_passed();
        self.due_earlier = true;
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
        self.due_earlier = true;
        self.first_failure.get_or_insert(end);
        self.side_mut(end).fail(failure);
        self.lane_mut(Direction::from(end).other()).sink_failed();
    }
}
