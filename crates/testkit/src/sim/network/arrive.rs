//! The effects of segments that arrive (`tcp_rcv_state_process`).

use crate::sim::state::endpoint::State;
use crate::sim::state::poll::{ANY, DATA, SPACE};
use crate::sim::state::receive_queue::Arrival;
use crate::sim::state::segment::{Body, Segment};
use crate::sim::state::send_queue::Fin;
use crate::sim::state::slab::Key;
use crate::sim::state::timers::Timer;
use crate::sim::world::World;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Delay of the acknowledgement of a FIN (`TCP_DELACK_MIN`), and those of others, in milliseconds.
const ACK_DELAY: Duration = Duration::from_millis(40);
const ACK_DELAYS: RangeInclusive<u64> = 1..=40;

impl World {
    pub(crate) fn arrive(&mut self, segment: Segment) {
        let Some(to) = segment.to else { return self.syn_arrived(segment.from) };
        let open = self.ends.get_mut(to).filter(|end| end.state != State::Closed);
        let Some(end) = open else { return self.refuse(&segment) };
        if end.has_vanished {
            return;
        }
        end.heard = self.now;
        let from = segment.from;
        match segment.body {
            Body::Syn => {}
            Body::SynAck { window } => self.syn_ack_arrived(to, from, window),
            Body::Established => self.handshake_done(to),
            Body::Data { at, bytes, urgent, fin } => self.data_arrived(to, at, &bytes, urgent, fin),
            Body::Ack { upto, window, fin } => self.ack_arrived(to, upto, window, fin),
            Body::Probe => self.acknowledge(to),
            Body::Reset => self.reset_arrived(to),
        }
    }

    fn data_arrived(&mut self, key: Key, at: u64, bytes: &[u8], urgent: Option<u64>, fin: bool) {
        // Every segment of an established client completes the handshake.
        self.handshake_done(key);
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.state == State::SynReceived {
            return;
        }
        if end.receive.classify(at, bytes.len(), fin) != Arrival::New {
            return self.acknowledge(key);
        }
        // The socket is closed: no program reads these bytes (`TCPABORTONDATA`).
        if end.is_orphan() && !bytes.is_empty() {
            self.send_body(key, Body::Reset);
            return self.forget(key);
        }
        end.receive.add(at, bytes, urgent);
        let may_be_late = !matches!(end.state, State::FinWait1 | State::FinWait2);
        let is_waiting = end.timers.is_set(Timer::Acknowledgement);
        if fin {
            self.fin_arrived(key);
        }
        self.wake_owner(key, DATA);
        // `tcp_fin`: the program is expected to answer soon.
        if may_be_late && fin {
            self.set_timer(key, Timer::Acknowledgement, self.now.after(ACK_DELAY));
        } else if may_be_late && !is_waiting && self.random.happens(self.conditions.delayed_acks) {
            let delay = Duration::from_millis(self.random.within(&ACK_DELAYS));
            self.set_timer(key, Timer::Acknowledgement, self.now.after(delay));
        } else {
            self.acknowledge(key);
        }
        self.finish_if_closed(key);
    }

    /// `tcp_fin`
    fn fin_arrived(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        end.receive.fin = true;
        end.receive.shut = true;
        match end.state {
            State::Established => end.state = State::CloseWait,
            State::FinWait1 => end.state = State::Closing,
            State::FinWait2 => self.enter_time_wait(key),
            _ => {}
        }
        self.wake_owner(key, ANY);
    }

    /// `tcp_ack`, then `tcp_data_snd_check`.
    fn ack_arrived(&mut self, key: Key, upto: u64, window: u64, fin: bool) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.is_connecting() {
            return;
        }
        let had_fin = end.send.fin == Fin::Acknowledged;
        let moves_on = end.send.acknowledge(upto, fin);
        end.send.open(window);
        end.soft_error = None;
        end.retries.probes = 0;
        if moves_on || !end.send.is_blocked() {
            end.retries.blocked_since = None;
        }
        if moves_on {
            end.retries.attempts = 0;
            end.retries.backoff = 0;
            end.retries.waits_since = self.now;
            end.timers.stop(Timer::Retransmission);
        }
        if !had_fin && end.send.fin == Fin::Acknowledged {
            self.fin_acknowledged(key);
        }
        if self.ends.get_mut(key).is_some_and(|end| end.send.takes_space_request()) {
            self.wake_owner(key, SPACE);
        }
        self.transmit(key);
        self.finish_if_closed(key);
    }
}
