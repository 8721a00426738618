//! The end of connections: FIN, RST, errors, TIME_WAIT.

use crate::sim::state::endpoint::{Endpoint, Owner, State};
use crate::sim::state::poll::{ANY, ERR};
use crate::sim::state::segment::Body;
use crate::sim::state::slab::Key;
use crate::sim::state::timers::Timer;
use crate::sim::world::World;
use std::time::Duration;
use sys::Errno;

/// Time in TIME_WAIT, and of an orphan in FIN_WAIT2 (`tcp_fin_timeout`).
const FIN_TIMEOUT: Duration = Duration::from_secs(60);

impl World {
    /// The peer has received the FIN.
    pub(crate) fn fin_acknowledged(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        match end.state {
            State::FinWait1 => {
                end.state = State::FinWait2;
                self.bound_orphan(key);
                // `tcp_rcv_state_process`: the state has changed.
                self.wake_owner(key, ANY);
            }
            State::Closing => self.enter_time_wait(key),
            State::LastAck => {
                end.done();
                let pair = (end.local, end.remote);
                self.ports.release(pair, Some(key));
                self.wake_owner(key, ANY);
            }
            _ => {}
        }
    }

    /// An orphan in FIN_WAIT2 is forgotten after a while, whether its peer sends a FIN or not.
    pub(crate) fn bound_orphan(&mut self, key: Key) {
        let waits = |end: &Endpoint| end.is_orphan() && end.state == State::FinWait2;
        if self.ends.get(key).is_some_and(waits) {
            self.set_timer(key, Timer::Keepalive, self.now.after(FIN_TIMEOUT));
        }
    }

    /// Both directions have ended: the socket is closed, and its port stays occupied for a while
    /// (`tcp_time_wait`).
    pub(crate) fn enter_time_wait(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        end.done();
        let pair = (end.local, end.remote);
        self.ports.wait(pair, key, self.now.after(FIN_TIMEOUT));
        self.wake_owner(key, ANY);
    }

    /// Removes an end that neither the network nor a program needs.
    pub(crate) fn finish_if_closed(&mut self, key: Key) {
        let is_over = |end: &Endpoint| end.state == State::Closed && end.is_orphan();
        if self.ends.get(key).is_some_and(is_over) {
            self.forget(key);
        }
    }

    /// `tcp_reset`
    pub(crate) fn reset_arrived(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        let errno = match end.state {
            State::SynSent => Errno::CONNREFUSED,
            State::CloseWait => Errno::PIPE,
            State::Closed => return,
            State::SynReceived => return self.forget(key),
            _ => Errno::CONNRESET,
        };
        self.break_off(key, errno);
    }

    /// A router reports an error (`tcp_v4_err`). It ends an attempt to connect; an established connection
    /// keeps it for the case that it times out.
    pub(crate) fn icmp_arrived(&mut self, key: Key, errno: Errno) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.state == State::SynSent {
            self.break_off(key, errno);
        } else {
            end.soft_error = Some(errno);
        }
    }

    /// Ends a connection with an error (`tcp_done_with_error`).
    pub(crate) fn break_off(&mut self, key: Key, errno: Errno) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.is_orphan() {
            return self.forget(key);
        }
        end.error = Some(errno);
        end.send.lose(end.state == State::SynSent);
        end.done();
        let pair = (end.local, end.remote);
        self.ports.release(pair, Some(key));
        self.wake_owner(key, ANY);
        self.wake_owner(key, ERR);
    }

    /// Closes the socket of an end (`tcp_close`): with RST if bytes are unread or `linger` is set,
    /// otherwise with FIN. Unsent bytes are still sent.
    pub(crate) fn close_end(&mut self, key: Key, linger: bool) {
        let Some(end) = self.ends.get_mut(key) else { return };
        end.owner = Owner::Orphan;
        end.receive.shut = true;
        end.send.shut = true;
        let unread = !end.receive.is_empty();
        let resets = match end.state {
            State::Closed | State::SynSent => return self.forget(key),
            // `tcp_disconnect` resets in these states only if the peer would miss something.
            State::Closing | State::LastAck => unread || (linger && end.send.has_unsent()),
            _ => unread || linger,
        };
        if resets {
            self.send_body(key, Body::Reset);
            return self.forget(key);
        }
        if linger {
            return self.forget(key);
        }
        if end.begin_close() {
            self.transmit(key);
        }
        self.bound_orphan(key);
    }

    /// Removes an end, and frees its port unless it is in TIME_WAIT.
    pub(crate) fn forget(&mut self, key: Key) {
        if let Some(end) = self.ends.remove(key) {
            self.ports.release((end.local, end.remote), Some(key));
        }
    }
}
