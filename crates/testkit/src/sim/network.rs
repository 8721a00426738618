//! Segments on their way, and what their arrival does to the ends.

use super::listener::Lookup;
use super::poll::{ANY, DATA, ERR, SPACE};
use super::tcp::{Endpoint, FIN_TIMEOUT, Fin, Owner, State};
use super::world::{Due, EndKey, FileKey, Reach, World};
use std::net::SocketAddr;
use std::time::Duration;
use sys::{Errno, Result};

/// Most bytes of one segment: the MSS of the loopback interface.
const SEGMENT: u64 = 65_483;
/// Delay of the acknowledgement of a FIN (`TCP_DELACK_MIN`).
const ACK_DELAY: Duration = Duration::from_millis(40);
/// SYNs that are sent again before the attempt times out (`tcp_syn_retries`).
const SYN_RETRIES: u32 = 6;

/// A segment between two ends.
#[derive(Debug)]
pub(super) struct Segment {
    from: EndKey,
    /// `None` for a SYN, which goes to an address.
    to: Option<EndKey>,
    body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Syn,
    SynAck,
    /// The last segment of the handshake.
    Established,
    Data {
        at: u64,
        bytes: Vec<u8>,
        urgent: Option<u64>,
        fin: bool,
    },
    Ack {
        upto: u64,
        window: u64,
        fin: bool,
    },
    Reset,
}

impl World {
    /// Whether segments between the two addresses are lost.
    fn is_lost(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let silent = |address: SocketAddr| self.reach.get(&address.ip()) == Some(&Reach::Silent);
        silent(local) || silent(remote)
    }

    /// Sends a segment from an end to its peer. One with bytes or a FIN takes a due acknowledgement along.
    pub(super) fn send_body(&mut self, from: EndKey, body: Body) {
        let due = self.ends.get(&from).is_some_and(|end| end.ack_due);
        if due && matches!(body, Body::Data { .. }) {
            self.acknowledge(from);
        }
        let delay = self.conditions.delay.clone();
        let delay = Duration::from_micros(self.random.within(&delay));
        let arrival = self.now.after(delay);
        let Some(end) = self.ends.get_mut(&from) else { return };
        let arrival = arrival.max(end.last_arrival);
        end.last_arrival = arrival;
        let (local, remote, to) = (end.local, end.remote, end.peer);
        if self.is_lost(local, remote) || (to.is_none() && !matches!(body, Body::Syn)) {
            return;
        }
        self.schedule(arrival, Due::Arrival(Segment { from, to, body }));
    }

    /// Answers a segment to an end that does not exist.
    fn refuse(&mut self, to: EndKey, at: EndKey) {
        if self.ends.contains_key(&to) {
            let segment = Segment { from: at, to: Some(to), body: Body::Reset };
            self.schedule(self.now, Due::Arrival(segment));
        }
    }

    /// Sends what the window permits, then a queued FIN.
    pub(super) fn transmit(&mut self, key: EndKey) {
        loop {
            let Some(end) = self.ends.get_mut(&key) else { return };
            let last = end.acknowledged + end.outbox.len() as u64;
            let until = last.min(end.window).min(end.sent + SEGMENT);
            if until <= end.sent {
                break;
            }
            let offset = |at: u64| usize::try_from(at - end.acknowledged).unwrap_or(usize::MAX);
            let bytes = end.outbox.range(offset(end.sent)..offset(until)).copied().collect();
            let at = std::mem::replace(&mut end.sent, until);
            let urgent = end.mark.filter(|mark| (at..until).contains(mark));
            self.send_body(key, Body::Data { at, bytes, urgent, fin: false });
        }
        let Some(end) = self.ends.get_mut(&key) else { return };
        if end.fin == Fin::Queued && end.sent == end.acknowledged + end.outbox.len() as u64 {
            end.fin = Fin::Sent;
            let at = end.sent;
            self.send_body(key, Body::Data { at, bytes: Vec::new(), urgent: None, fin: true });
        }
    }

    /// Tells the peer about room in the receive buffer, if it is worth a segment.
    pub(super) fn update_window(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        let window = end.read + end.receive_buffer as u64;
        let grown = window.saturating_sub(end.advertised);
        if grown > 0 && (grown >= end.receive_buffer as u64 / 4 || end.inbox.is_empty()) {
            self.acknowledge(key);
        }
    }

    /// Acknowledges a FIN, unless a segment has done so.
    pub(super) fn acknowledge_late(&mut self, key: EndKey) {
        if self.ends.get(&key).is_some_and(|end| end.ack_due) {
            self.acknowledge(key);
        }
    }

    fn acknowledge(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        let window = end.advertised.max(end.read + end.receive_buffer as u64);
        end.advertised = window;
        end.ack_due = false;
        let body = Body::Ack { upto: end.received, window, fin: end.fin_received };
        self.send_body(key, body);
    }

    pub(super) fn arrive(&mut self, segment: Segment) {
        let Segment { from, to, body } = segment;
        let Some(to) = to else { return self.syn_arrived(from) };
        if !self.ends.contains_key(&to) {
            if !matches!(body, Body::Reset) {
                self.refuse(from, to);
            }
            return;
        }
        match body {
            Body::Syn => {}
            Body::SynAck => self.syn_ack_arrived(to, from),
            Body::Established => self.handshake_done(to),
            Body::Data { at, bytes, urgent, fin } => self.data_arrived(to, at, &bytes, urgent, fin),
            Body::Ack { upto, window, fin } => self.ack_arrived(to, upto, window, fin),
            Body::Reset => self.reset_arrived(to),
        }
    }

    fn syn_arrived(&mut self, from: EndKey) {
        let Some(client) = self.ends.get(&from) else { return };
        let (at, client_address) = (client.remote, client.local);
        if let Some(Reach::Unreachable(errno)) = self.reach.get(&at.ip()).copied() {
            return self.attempt_failed(from, errno);
        }
        match self.find_listener(at) {
            Lookup::Drops => {}
            Lookup::Nothing if at == client_address => self.connect_to_itself(from),
            Lookup::Nothing => self.attempt_failed(from, Errno::CONNREFUSED),
            Lookup::Takes(listener) => {
                let buffers = self.buffer_sizes();
                let owner = Owner::Queue(listener);
                let mut end = Endpoint::new(owner, at, client_address, State::SynReceived, buffers);
                end.peer = Some(from);
                end.window = self.ends.get(&from).map_or(0, |client| client.advertised);
                let key = self.new_key();
                self.ends.insert(key, end);
                self.send_body(key, Body::SynAck);
            }
        }
    }

    /// A simultaneous open of a socket with itself (RFC 9293, section 3.5).
    fn connect_to_itself(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        end.peer = Some(key);
        end.window = end.advertised;
        end.state = State::Established;
        self.wake_owner(key, ANY);
    }

    fn syn_ack_arrived(&mut self, to: EndKey, from: EndKey) {
        let window = self.ends.get(&from).map_or(0, |server| server.advertised);
        let Some(end) = self.ends.get_mut(&to) else { return };
        if end.state != State::SynSent {
            return;
        }
        end.peer = Some(from);
        end.window = window;
        end.state = State::Established;
        self.send_body(to, Body::Established);
        self.wake_owner(to, ANY);
        self.transmit(to);
    }

    fn handshake_done(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        let Owner::Queue(listener) = end.owner else { return };
        if end.state != State::SynReceived {
            return;
        }
        end.state = State::Established;
        match self.listener(listener) {
            Ok(listening) if listening.listens => {
                listening.queue.push_back(key);
                self.wake(listener, DATA);
            }
            _ => {
                self.send_body(key, Body::Reset);
                self.forget(key);
            }
        }
    }

    fn data_arrived(&mut self, key: EndKey, at: u64, bytes: &[u8], urgent: Option<u64>, fin: bool) {
        self.handshake_done(key);
        let Some(end) = self.ends.get_mut(&key) else { return };
        if end.state == State::Closed || at != end.received {
            return;
        }
        // The socket is closed: no program reads these bytes (`TCPABORTONDATA`).
        if end.owner == Owner::Orphan && !bytes.is_empty() {
            self.send_body(key, Body::Reset);
            return self.forget(key);
        }
        end.inbox.extend(bytes);
        end.received += bytes.len() as u64;
        end.urgent = urgent.or(end.urgent);
        if fin {
            self.fin_arrived(key);
        }
        self.wake_owner(key, DATA);
        match self.ends.get_mut(&key) {
            // `tcp_fin`: the program is expected to answer soon.
            Some(end) if fin && end.state == State::CloseWait => {
                end.ack_due = true;
                let at = self.now.after(ACK_DELAY);
                self.schedule(at, Due::Ack(key));
            }
            _ => self.acknowledge(key),
        }
        self.finish_if_closed(key);
    }

    fn fin_arrived(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        end.fin_received = true;
        end.receive_shut = true;
        match end.state {
            State::Established => end.state = State::CloseWait,
            State::FinWait1 => end.state = State::Closing,
            State::FinWait2 => self.enter_time_wait(key),
            _ => {}
        }
        self.wake_owner(key, ANY);
    }

    /// Both directions have ended: the socket is closed, and its port stays occupied for a while.
    fn enter_time_wait(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        end.state = State::Closed;
        end.receive_shut = true;
        end.send_shut = true;
        let (local, remote) = (end.local, end.remote);
        let at = self.now.after(FIN_TIMEOUT);
        self.used_ports.insert((local, remote));
        self.schedule(at, Due::Free(local, remote));
        self.wake_owner(key, ANY);
    }

    fn ack_arrived(&mut self, key: EndKey, upto: u64, window: u64, fin: bool) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        if end.state == State::Closed {
            return;
        }
        let newly = usize::try_from(upto.saturating_sub(end.acknowledged)).unwrap_or(usize::MAX);
        let newly = newly.min(end.outbox.len());
        end.outbox.drain(..newly);
        end.acknowledged += newly as u64;
        end.window = end.window.max(window);
        let has_space = end.takes_space_request();
        if fin && end.fin == Fin::Sent {
            end.fin = Fin::Acknowledged;
            self.fin_acknowledged(key);
        }
        if has_space {
            self.wake_owner(key, SPACE);
        }
        self.transmit(key);
        self.finish_if_closed(key);
    }

    fn fin_acknowledged(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        match end.state {
            State::FinWait1 => {
                end.state = State::FinWait2;
                let orphan = end.owner == Owner::Orphan;
                let at = self.now.after(FIN_TIMEOUT);
                if orphan {
                    self.schedule(at, Due::Forget(key));
                }
                // `tcp_rcv_state_process`: wakes the waiters, since the state has changed.
                self.wake_owner(key, ANY);
            }
            State::Closing => self.enter_time_wait(key),
            State::LastAck => {
                end.state = State::Closed;
                end.receive_shut = true;
                let ports = (end.local, end.remote);
                self.used_ports.remove(&ports);
                self.wake_owner(key, ANY);
            }
            _ => {}
        }
    }

    fn finish_if_closed(&mut self, key: EndKey) {
        let closed = |end: &Endpoint| end.state == State::Closed && end.owner == Owner::Orphan;
        if self.ends.get(&key).is_some_and(closed) {
            self.ends.remove(&key);
        }
    }

    /// `tcp_reset`.
    fn reset_arrived(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        let errno = match end.state {
            State::SynSent => Errno::CONNREFUSED,
            State::CloseWait => Errno::PIPE,
            State::Closed => return,
            _ => Errno::CONNRESET,
        };
        if end.owner == Owner::Orphan || end.state == State::SynReceived {
            return self.forget(key);
        }
        self.break_off(key, errno);
    }

    /// Ends an attempt to connect.
    pub(super) fn attempt_failed(&mut self, key: EndKey, errno: Errno) {
        if self.ends.get(&key).is_some_and(|end| end.state == State::SynSent) {
            self.break_off(key, errno);
        }
    }

    fn break_off(&mut self, key: EndKey, errno: Errno) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        end.lose_outbox();
        end.error = Some(errno);
        end.state = State::Closed;
        end.receive_shut = true;
        end.send_shut = true;
        let ports = (end.local, end.remote);
        self.used_ports.remove(&ports);
        self.wake_owner(key, ANY);
        self.wake_owner(key, ERR);
    }

    /// The SYN is sent again after 1, 3, 7 ... seconds.
    pub(super) fn syn_timed_out(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        if end.state != State::SynSent {
            return;
        }
        if end.syns > SYN_RETRIES {
            return self.attempt_failed(key, Errno::TIMEDOUT);
        }
        self.send_syn(key);
    }

    pub(super) fn send_syn(&mut self, key: EndKey) {
        let Some(end) = self.ends.get_mut(&key) else { return };
        let wait = Duration::from_secs(1 << end.syns.min(SYN_RETRIES));
        end.syns += 1;
        let at = self.now.after(wait);
        self.schedule(at, Due::SynTimeout(key));
        self.send_body(key, Body::Syn);
    }

    fn wake_owner(&mut self, key: EndKey, mask: u32) {
        if let Some(Owner::File(file)) = self.ends.get(&key).map(|end| end.owner) {
            self.wake(file, mask);
        }
    }

    /// Sizes of the receive and the send buffer of a new socket.
    pub(super) fn buffer_sizes(&mut self) -> (usize, usize) {
        let (receive, send) =
            (self.conditions.receive_buffer.clone(), self.conditions.send_buffer.clone());
        (self.random.size(&receive).max(1), self.random.size(&send).max(1))
    }

    /// The number of bytes that arrived, and one for a FIN. `None` for a Unix socket.
    pub(super) fn sequence(&mut self, socket: FileKey) -> Result<u64> {
        let (_, end) = self.end(socket)?;
        Ok(end.received + u64::from(end.fin_received))
    }
}
