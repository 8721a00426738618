//! An engine that carries a session's actions out between the queues, as the real one does between
//! sockets.

use super::{Errno, MOST_ACTIONS, World, failure_of};
use flow::{Action, CloseReason, Direction, Fallback, Peer, Readiness, Step};

/// Size of the engine's copy buffer in bytes.
pub(crate) const ROOM: usize = 64 * 1024;
const PIPE: u64 = 256 * 1024;
pub(super) const SEND_BUFFER: u64 = 200_000;
impl World {
    /// Carries out actions until the session waits or ends.
    pub(super) fn drive(&mut self) {
        for _ in 0..MOST_ACTIONS {
            if self.end.is_some() {
                return;
            }
            match self.session.next(self.now) {
                Action::Wait => return,
                Action::Step(direction, step) => self.carry_out(direction, step),
                Action::Close(reason) => self.end = Some(reason),
                Action::Reset(reason) => {
                    self.check_flushed(reason);
                    self.cut(reason);
                }
                Action::CheckUnacked(peer) => {
                    let unacked = self.unacked();
                    let bytes = if peer == Peer::Client { unacked.client } else { unacked.target };
                    self.session.unacked(bytes, self.now);
                }
            }
        }
        panic!("the session never comes to rest: {:?}", self.session);
    }

    pub(super) fn cut(&mut self, reason: CloseReason) {
        self.client.was_cut = true;
        self.target.was_cut = true;
        self.end = Some(reason);
    }

    fn carry_out(&mut self, direction: Direction, step: Step) {
        match step {
            Step::Copy => {
                if self.receive(direction, ROOM as u64, false) {
                    self.send(direction, false);
                }
            }
            Step::Fill if self.unlucky() => self.session.fall_back(direction, Fallback::NoPipe),
            Step::Fill => {
                self.receive(direction, PIPE, true);
            }
            Step::Send => self.send(direction, self.in_pipe[direction as usize]),
            Step::PassFin => self.pass_fin(direction),
        }
    }

    /// Reads from the lane's source. Returns whether bytes came.
    fn receive(&mut self, direction: Direction, room: u64, splice: bool) -> bool {
        assert_eq!(self.held[direction as usize].0, self.held[direction as usize].1, "held twice");
        let unlucky = self.unlucky();
        let now = self.now;
        let scripted = self.scripted(direction.source());
        let available = scripted.available(splice);
        if available > 0 {
            // A splice may stop anywhere, a recv only where the queue ends.
            let count = if splice && unlucky { available.min(room).div_ceil(3) } else { available };
            let count = count.min(room);
            let from = scripted.taken;
            scripted.taken += count;
            self.last_progress = now;
            self.progressed(direction);
            self.held[direction as usize] = (from, from + count);
            self.in_pipe[direction as usize] = splice;
            if splice {
                self.session.filled(direction, size(count), now);
            } else {
                self.session.copied(direction, size(count), size(room), now);
            }
            return true;
        }
        let ended = scripted.reset || scripted.fin_sent;
        let sequence_received = scripted.sequence_received();
        // TCP finds a FIN in the queue before the error, a Unix socket the error before the FIN.
        let error = scripted.pending_error.take_if(|_| scripted.is_unix || !scripted.fin_sent);
        if let Some(errno) = error {
            let failure = failure_of(errno);
            if splice {
                self.session.fill_failed(direction, failure, now);
            } else {
                self.session.read_failed(direction, failure, now);
            }
        } else if ended && splice {
            self.session.fill_found_end(direction);
        } else if ended {
            self.session.end_of_stream(direction, || sequence_received);
        } else if splice {
            self.session.fill_would_block(direction);
        } else {
            self.session.read_would_block(direction);
        }
        false
    }

    fn send(&mut self, direction: Direction, splice: bool) {
        let (from, to) = self.held[direction as usize];
        let unlucky = self.unlucky();
        let now = self.now;
        let scripted = self.scripted(direction.sink());
        if scripted.reset {
            let failure = failure_of(scripted.send_error());
            self.session.write_failed(direction, failure, now);
            return;
        }
        assert!(!scripted.fin_received, "a byte after the FIN");
        assert_eq!(scripted.queued, from, "a byte lost, invented or reordered");
        let free = SEND_BUFFER - (scripted.queued - scripted.read);
        let offered = to - from;
        let count = offered.min(if unlucky { free / 2 } else { free });
        // One splice makes several sends. If one fails after another has moved bytes, the call returns
        // that count, and the error is gone. A plain send leaves the error to the next call, as does any
        // send on a Unix socket.
        let resets = scripted.resets_during_send && count > 0;
        let count = if resets { count.div_ceil(2) } else { count };
        if resets {
            scripted.resets_during_send = false;
            scripted.resets();
            scripted.pending_error.take_if(|_| splice && count < offered && !scripted.is_unix);
        }
        scripted.queued += count;
        self.held[direction as usize].0 += count;
        if count > 0 {
            self.last_progress = now;
            self.progressed(direction);
        }
        match (count, splice) {
            (0, _) => self.session.write_would_block(direction, now),
            (_, true) => self.session.drained(direction, size(count), now),
            (_, false) => self.session.sent(direction, size(count), size(offered), now),
        }
        if resets {
            let hang_up = Readiness { readable: true, writable: true, mark: true };
            self.pend(direction.sink(), hang_up);
        }
        // A kernel that took less than it had room for announces that room.
        if unlucky && count < offered && count < free {
            let event = Readiness { writable: true, ..Readiness::default() };
            self.session.on_ready(direction.sink(), event, now);
        }
    }

    fn pass_fin(&mut self, direction: Direction) {
        let now = self.now;
        let written = self.scripted(direction.source()).written;
        assert!(self.scripted(direction.source()).fin_sent, "a FIN from nowhere");
        let scripted = self.scripted(direction.sink());
        if scripted.reset && !scripted.is_unix {
            // shutdown(2) does not report the reset, only that the connection is gone. On a Unix socket
            // it succeeds all the same.
            self.session.write_failed(direction, failure_of(Errno::NotConn), now);
            return;
        }
        assert_eq!(scripted.queued, written, "a FIN before the last byte");
        scripted.fin_received = true;
        self.session.fin_passed(direction, now);
    }
}

fn size(count: u64) -> usize {
    usize::try_from(count).expect("the world is smaller than an address space")
}
