//! Stage *relay*: events of both sockets, the next step of a lane, and the result of each step.

pub(crate) mod lane;
pub(crate) mod path;
pub(crate) mod socket_state;

use crate::Time;
use crate::close::reason::SocketFailure;
use crate::direction::{Direction, Peer};
use crate::session::{Action, Session};
use lane::LaneState;
use path::Fallback;
use socket_state::Readiness;

impl Session {
    // === events ===

    /// A readiness event of the socket to `peer`. Before the stage *relay* it is only recorded.
    pub fn on_ready(&mut self, peer: Peer, event: Readiness, now: Time) {
        if event.writable && !self.socket(peer).writable() {
            self.wait_ends(Direction::from(peer.other()), now);
        }
        self.socket_mut(peer).on_ready(event);
    }

    /// An event announced that the socket to `peer` is broken. Bytes received before can still be
    /// read from it.
    pub fn broke(&mut self, peer: Peer, failure: SocketFailure, now: Time) {
        self.fail(peer, failure, now);
    }

    // === the next action ===

    /// Whether a lane moves bulk, on either path. Bulk may be delayed by a turn.
    pub fn is_bulk(&self) -> bool {
        self.up.is_bulk() || self.down.is_bulk()
    }

    pub(crate) fn next_while_relaying(&mut self, now: Time) -> Action {
        for direction in [self.first, self.first.other()] {
            let (source, sink) = (self.socket(direction.source()), self.socket(direction.sink()));
            if let Some(step) = self.lane(direction).next(source, sink) {
                self.first = direction.other();
                return Action::Step(direction, step);
            }
        }
        if let Some(broken) = self.first_failure {
            return self.next_after_failure(now, broken);
        }
        match (self.up.state(), self.down.state()) {
            (LaneState::Finished, LaneState::Finished) => Action::Close(self.reason_of_fin()),
            _ => Action::Wait,
        }
    }

    // === results of reading ===

    /// `count` bytes were received into a buffer with room for `room`.
    pub fn copied(&mut self, direction: Direction, count: usize, room: usize, now: Time) {
        self.received(direction, now);
        self.lane_mut(direction).copied(count, room);
        if count < room {
            self.socket_mut(direction.source()).read_was_short();
        }
    }

    /// `count` bytes were spliced from the source into the lane's pipe.
    ///
    /// This never counts as a short read: a pipe is full when its slots are, and a slot may hold a
    /// small fragment.
    pub fn filled(&mut self, direction: Direction, count: usize, now: Time) {
        self.received(direction, now);
        self.lane_mut(direction).filled(count);
    }

    /// Notes that the lane is about to receive bytes.
    fn received(&mut self, direction: Direction, now: Time) {
        if direction == Direction::Down && self.down.received() == 0 {
            self.idle_clock.first_byte = Some(now.since(self.accepted).into());
        }
        self.idle_clock.byte_moved(now);
    }

    /// A recv(2) from the lane's source would block.
    pub fn read_would_block(&mut self, direction: Direction) {
        self.socket_mut(direction.source()).read_would_block();
    }

    /// A splice from the lane's source would block. In front of a mark it always does, also with bytes
    /// behind the mark, which only recv(2) reaches: the lane copies next.
    pub fn fill_would_block(&mut self, direction: Direction) {
        if self.socket(direction.source()).splice_proves_empty() {
            self.read_would_block(direction);
        } else {
            self.lane_mut(direction).ask_by_copy();
        }
    }

    /// A splice returned 0, at the end of the stream or in front of an urgent mark with a FIN behind it.
    /// Only recv(2) distinguishes the two: the lane copies next.
    pub fn fill_found_end(&mut self, direction: Direction) {
        self.lane_mut(direction).ask_by_copy();
    }

    /// A splice from the lane's source failed. In front of an urgent mark it may fail with bytes behind
    /// the mark, which only recv(2) reaches: the lane copies next.
    pub fn fill_failed(&mut self, direction: Direction, failure: SocketFailure, now: Time) {
        self.fail(direction.source(), failure, now);
        self.lane_mut(direction).ask_by_copy();
    }

    /// A recv(2) from the lane's source failed.
    pub fn read_failed(&mut self, direction: Direction, failure: SocketFailure, now: Time) {
        self.fail(direction.source(), failure, now);
        self.lane_mut(direction).source_ended(false);
    }

    /// The lane cannot splice, for this reason, and copies instead.
    pub fn fall_back(&mut self, direction: Direction, fallback: Fallback) {
        self.lane_mut(direction).fall_back(fallback);
    }

    /// A recv(2) found the end of the stream: a FIN, or the state of a socket after a reset.
    ///
    /// `sequence_received` asks the kernel how much of the source's sequence space has arrived in
    /// order: one for each byte and one for a FIN, less the bytes of a PROXY header, which no lane has
    /// received; `None` where the source is no TCP socket. It costs a system call, and is called only
    /// where the end may not be a FIN.
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

    /// Whether a recv(2) that returned 0 may have met a reset instead of a FIN.
    ///
    /// The kernel reports a reset once, to the first call, and later calls of recv(2) return 0. Either the
    /// first call failed, which the socket's state records. Or it was a splice(2) into the socket that
    /// moved a part before the error and returned the size of that part: possible while the lane that
    /// sends there holds bytes, and no call has failed or would have blocked since.
    fn end_is_doubtful(&self, source: Peer) -> bool {
        let socket = self.socket(source);
        let sending = self.lane(Direction::from(source).other()).held() > 0 && socket.writable();
        socket.failure().is_some() || sending
    }

    /// Whether the end that the lane's source has reached is a FIN.
    ///
    /// No error number can prove it: EPIPE stands for a reset after a FIN (`tcp_reset()` in Linux), and
    /// for any reset that an earlier call has reported. The count of received sequence numbers can,
    /// since a FIN occupies one behind the last byte (RFC 9293).
    ///
    /// A Unix socket has no such count and needs none: its sends fail with EPIPE without taking the
    /// report of a reset, which is left for the recv(2).
    fn fin_has_come(&self, direction: Direction, sequence_received: Option<u64>) -> bool {
        if let Some(count) = sequence_received {
            return count > self.lane(direction).received();
        }
        let failure = self.socket(direction.source()).failure();
        failure.is_none_or(|failure| failure.fin_unknown)
    }

    // === results of writing ===

    /// A send(2) to the lane's sink took `count` bytes of the `offered` ones.
    ///
    /// If it took fewer, the socket is full: the kernel stops only there, and announces room with an
    /// event. (If the socket broke in the middle, an event announces that.)
    pub fn sent(&mut self, direction: Direction, count: usize, offered: usize, now: Time) {
        self.drained(direction, count, now);
        if count < offered {
            self.write_would_block(direction, now);
        }
    }

    /// A splice from the lane's pipe to its sink took `count` bytes.
    ///
    /// Bytes left in the pipe are no proof that the socket is full: one splice makes several sends,
    /// and may end after any of them.
    pub fn drained(&mut self, direction: Direction, count: usize, now: Time) {
        self.lane_mut(direction).delivered(count);
        self.idle_clock.byte_moved(now);
    }

    /// A write to the lane's sink would block: from now on its bytes wait.
    pub fn write_would_block(&mut self, direction: Direction, now: Time) {
        self.due_earlier = true;
        self.socket_mut(direction.sink()).write_would_block();
        self.wait_begins(direction, now);
    }

    /// The write side of the lane's sink was shut down: its peer gets a FIN.
    pub fn fin_passed(&mut self, direction: Direction, now: Time) {
        self.lane_mut(direction).fin_passed();
        self.due_earlier = true;
        self.idle_clock.byte_moved(now);
    }

    /// A write or shutdown(2) of the lane's sink failed. Bytes received from the sink before can still
    /// be read from it: the other lane goes on until it has found the end.
    pub fn write_failed(&mut self, direction: Direction, failure: SocketFailure, now: Time) {
        self.fail(direction.sink(), failure, now);
    }

    fn fail(&mut self, peer: Peer, failure: SocketFailure, now: Time) {
        self.wait_ends(Direction::from(peer).other(), now);
        self.due_earlier = true;
        self.first_failure.get_or_insert(peer);
        self.socket_mut(peer).fail(failure);
        self.lane_mut(Direction::from(peer).other()).sink_failed();
    }
}
