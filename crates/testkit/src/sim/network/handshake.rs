//! The handshake.

use crate::sim::state::endpoint::{Endpoint, Owner, State};
use crate::sim::state::file::File;
use crate::sim::state::listener::Listener;
use crate::sim::state::poll::{ANY, DATA};
use crate::sim::state::segment::{Body, Segment};
use crate::sim::state::slab::Key;
use crate::sim::state::timers::Timer;
use crate::sim::world::{Reach, World};
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;
use sys::Errno;

/// First wait for an answer to a SYN or SYN-ACK (`TCP_TIMEOUT_INIT`).
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// SYNs that are sent again (`tcp_syn_retries`), and those of them with the first wait
/// (`tcp_syn_linear_timeouts`), which are added.
const SYN_RETRIES: u32 = 6;
const SYN_LINEAR: u32 = 4;
/// SYN-ACKs that are sent again (`tcp_synack_retries`).
const SYN_ACK_RETRIES: u32 = 5;

/// The listener for an attempt to connect.
enum Lookup {
    Takes(Key),
    /// The queue is full, or a filter drops the SYN: no answer.
    Drops,
    Nothing,
}

impl World {
    /// The most specific listener for an address. Of two that share `[::]`, the first one (`inet6_hash`
    /// appends them).
    fn find_listener(&self, to: SocketAddr) -> Lookup {
        let bound = self.ports.get(to.port()).into_iter().flat_map(|port| &port.bound);
        let takes = |key: &Key| match self.file(*key) {
            Some(File::Listener(listener)) => Some((listener.takes(to)?, *key, listener)),
            _ => None,
        };
        let best = bound.filter_map(takes).min_by_key(|(rank, _, it)| (Reverse(*rank), it.since));
        match best {
            None => Lookup::Nothing,
            Some((_, _, listener)) if listener.ignores || listener.is_full() => Lookup::Drops,
            Some((_, key, _)) => Lookup::Takes(key),
        }
    }

    pub(crate) fn send_syn(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        let mut wait = FIRST_WAIT * (1 << end.retries.attempts.saturating_sub(SYN_LINEAR));
        if end.retries.attempts == 0 {
            end.retries.waits_since = self.now;
        } else if let Some(limit) = end.options.user_timeout {
            let left = limit.saturating_sub(self.now.since(end.retries.waits_since));
            wait = wait.min(left.max(Duration::from_millis(1)));
        }
        self.set_timer(key, Timer::Retransmission, self.now.after(wait));
        self.send_body(key, Body::Syn);
    }

    /// No answer to the SYN has come. The user timeout applies from the second time on
    /// (`retransmits_timed_out`).
    pub(crate) fn syn_timed_out(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        let elapsed = self.now.since(end.retries.waits_since);
        let is_late = end.options.user_timeout.is_some_and(|limit| elapsed >= limit);
        let attempts = end.retries.attempts;
        if attempts >= SYN_RETRIES + SYN_LINEAR || (attempts > 0 && is_late) {
            return self.break_off(key, Errno::TIMEDOUT);
        }
        end.retries.attempts += 1;
        self.send_syn(key);
    }

    pub(crate) fn syn_arrived(&mut self, from: Key) {
        let Some(client) = self.ends.get(from) else { return };
        if client.state != State::SynSent || client.has_vanished {
            return;
        }
        let (at, client_address) = (client.remote, client.local);
        if let Some(Reach::Unreachable(errno)) = self.reach.get(&at.ip()).copied() {
            return self.icmp_arrived(from, errno);
        }
        if let Some(server) = self.ports.end((at, client_address)).filter(|end| *end != from) {
            return self.syn_repeated(server);
        }
        match self.find_listener(at) {
            Lookup::Drops => {}
            Lookup::Nothing if at == client_address => self.connect_to_itself(from),
            Lookup::Nothing => self.attempt_refused(from),
            Lookup::Takes(listener) => self.begin_handshake(from, listener),
        }
    }

    /// The SYN-ACK was lost. Or the SYN meets the server's end of an earlier connection: the client answers
    /// its acknowledgement with an RST, and sends the SYN again later.
    fn syn_repeated(&mut self, server: Key) {
        match self.ends.get(server).map(|end| end.state) {
            Some(State::SynReceived) => self.send_syn_ack(server),
            _ => self.reset_arrived(server),
        }
    }

    /// No listener: an RST comes back.
    fn attempt_refused(&mut self, from: Key) {
        let Some(client) = self.ends.get(from) else { return };
        let (source, target) = (client.local, client.remote);
        self.refuse(&Segment { from, to: None, source, target, body: Body::Syn });
    }

    fn begin_handshake(&mut self, from: Key, listener: Key) {
        let sizes = self.buffer_sizes();
        let Some(client) = self.ends.get_mut(from) else { return };
        let pair = (client.remote, client.local);
        let owner = Owner::Queue(listener);
        let mut end = Endpoint::new(owner, pair, State::SynReceived, sizes, client.connection);
        end.peer = Some(from);
        end.send.open(client.receive.advertise());
        end.retries.waits_since = self.now;
        end.heard = self.now;
        let key = self.ends.insert(end);
        self.ports.connect(pair, key, false);
        self.send_syn_ack(key);
    }

    fn send_syn_ack(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.state != State::SynReceived {
            return;
        }
        let wait = FIRST_WAIT * (1 << end.retries.attempts);
        let window = end.receive.advertise();
        self.set_timer(key, Timer::Retransmission, self.now.after(wait));
        self.send_body(key, Body::SynAck { window });
    }

    /// The handshake was not completed, or the accept queue is full (`reqsk_timer_handler`).
    pub(crate) fn syn_ack_timed_out(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.retries.attempts >= SYN_ACK_RETRIES {
            return self.forget(key);
        }
        end.retries.attempts += 1;
        self.send_syn_ack(key);
    }

    /// A simultaneous open of a socket with itself (RFC 9293, section 3.5).
    fn connect_to_itself(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        end.peer = Some(key);
        let window = end.receive.advertise();
        end.send.open(window);
        self.established(key);
    }

    pub(crate) fn syn_ack_arrived(&mut self, to: Key, from: Key, window: u64) {
        let Some(end) = self.ends.get_mut(to) else { return };
        // A later one asks for the last segment of the handshake again.
        if end.state == State::SynSent {
            end.peer = Some(from);
            end.send.open(window);
            self.established(to);
        }
        self.send_body(to, Body::Established);
        self.transmit(to);
    }

    /// `tcp_finish_connect`
    fn established(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        end.state = State::Established;
        end.retries.attempts = 0;
        end.timers.stop(Timer::Retransmission);
        self.start_keepalive(key);
        self.wake_owner(key, ANY);
    }

    /// The last segment of the handshake has arrived (`tcp_check_req`). With a full accept queue, it is
    /// ignored, and the SYN-ACK is sent again later.
    pub(crate) fn handshake_done(&mut self, key: Key) {
        let Some(end) = self.ends.get(key).filter(|end| end.state == State::SynReceived) else {
            return;
        };
        let Owner::Queue(listener) = end.owner else { return };
        let Ok(Listener { listens: true, options, .. }) = self.listener(listener) else {
            self.send_body(key, Body::Reset);
            return self.forget(key);
        };
        let options = *options;
        if self.listener(listener).is_ok_and(|listener| listener.is_full()) {
            return;
        }
        if let Some(end) = self.ends.get_mut(key) {
            end.options = options;
        }
        self.established(key);
        if let Ok(listening) = self.listener(listener) {
            listening.queue.push_back(key);
        }
        self.wake(listener, DATA);
    }
}
