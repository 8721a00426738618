//! Sending segments.

use crate::sim::state::agenda::Due;
use crate::sim::state::endpoint::Owner;
use crate::sim::state::poll::Mask;
use crate::sim::state::segment::{Body, Segment};
use crate::sim::state::send_queue::Next;
use crate::sim::state::slab::Key;
use crate::sim::state::timers::Timer;
use crate::sim::world::{Reach, World};
use flow::Time;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

impl World {
    fn reach(&self, ip: IpAddr) -> Reach {
        if self.reach.is_empty() {
            return Reach::Alive;
        }
        self.reach.get(&ip).copied().unwrap_or(Reach::Alive)
    }

    /// Whether segments between the two addresses are lost. A SYN to an unreachable host is not: a router
    /// answers it.
    fn is_lost(&self, local: SocketAddr, remote: SocketAddr, body: &Body) -> bool {
        match (self.reach(local.ip()), self.reach(remote.ip())) {
            (Reach::Alive, Reach::Alive) => false,
            (Reach::Alive, Reach::Unreachable(_)) => !matches!(body, Body::Syn),
            _ => true,
        }
    }

    /// The time at which a segment arrives that is sent now.
    fn arrival(&mut self) -> Time {
        let micros = self.random.within(&self.conditions.delay);
        self.now.after(Duration::from_micros(micros))
    }

    /// Sends a segment from an end to its peer.
    pub(crate) fn send_body(&mut self, from: Key, body: Body) {
        let arrival = self.arrival();
        let Some(end) = self.ends.get_mut(from) else { return };
        let (source, target, to) = (end.local, end.remote, end.peer);
        if end.has_vanished || (to.is_none() && !matches!(body, Body::Syn)) {
            return;
        }
        let arrival = arrival.max(end.last_arrival);
        end.last_arrival = arrival;
        if self.is_lost(source, target, &body) {
            if let Reach::Unreachable(errno) = self.reach(target.ip()) {
                self.icmp_arrived(from, errno);
            }
            return;
        }
        self.agenda.add(arrival, Due::Arrival(Segment { from, to, source, target, body }));
    }

    /// Answers a segment of `from` to an end that does not exist. TIME_WAIT acknowledges a FIN.
    pub(crate) fn refuse(&mut self, segment: &Segment) {
        let pair = (segment.target, segment.source);
        self.ports.end_waits(self.now);
        let is_waiting = self.ports.is_waiting(pair);
        let body = match segment.body {
            Body::Reset => return,
            Body::Data { at, ref bytes, fin: true, .. } if is_waiting => {
                let upto = at + bytes.len() as u64;
                Body::Ack { upto, window: upto, fin: true }
            }
            Body::Ack { .. } | Body::Probe if is_waiting => return,
            _ => Body::Reset,
        };
        if self.is_lost(segment.target, segment.source, &body) {
            return;
        }
        let to = segment.to.unwrap_or_default();
        let (source, target) = pair;
        let answer = Segment { from: to, to: Some(segment.from), source, target, body };
        // The end that would keep the order of its segments is gone.
        let arrival = self.arrival();
        self.agenda.add(arrival, Due::Arrival(answer));
    }

    /// Sends what the window permits, then a queued FIN.
    pub(crate) fn transmit(&mut self, key: Key) {
        loop {
            let Some(end) = self.ends.get_mut(key) else { return };
            let was_in_flight = end.send.is_in_flight();
            let Some(Next { at, bytes, urgent, fin }) = end.send.next() else { break };
            if !was_in_flight {
                end.retries.waits_since = self.now;
            }
            if end.timers.is_set(Timer::Acknowledgement) {
                self.acknowledge(key);
            }
            self.send_body(key, Body::Data { at, bytes, urgent, fin });
        }
        self.set_retransmission(key);
    }

    /// Notifies the peer of room in the receive buffer, if it is worth a segment.
    pub(crate) fn update_window(&mut self, key: Key) {
        if self.ends.get(key).is_some_and(|end| end.receive.has_news()) {
            self.acknowledge(key);
        }
    }

    pub(crate) fn acknowledge(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        end.timers.stop(Timer::Acknowledgement);
        let upto = end.receive.received();
        let (window, fin) = (end.receive.advertise(), end.receive.fin);
        self.send_body(key, Body::Ack { upto, window, fin });
    }

    /// Wakes the waiters of the socket of an end.
    pub(crate) fn wake_owner(&mut self, key: Key, mask: Mask) {
        if let Some(Owner::File(file)) = self.ends.get(key).map(|end| end.owner) {
            self.wake(file, mask);
        }
    }

    /// Sizes of the receive and the send buffer of a new socket.
    pub(crate) fn buffer_sizes(&mut self) -> (usize, usize) {
        let receive = self.random.size(&self.conditions.receive_buffer);
        let send = self.random.size(&self.conditions.send_buffer);
        (receive.max(1), send.max(1))
    }
}
