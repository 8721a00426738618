//! Retransmission, probes of closed windows, keepalive, and the user timeout.

use crate::sim::state::endpoint::State;
use crate::sim::state::segment::Body;
use crate::sim::state::send_queue::Next;
use crate::sim::state::slab::Key;
use crate::sim::state::timers::Timer;
use crate::sim::world::World;
use flow::Time;
use std::time::Duration;
use sys::Errno;

/// Bounds of the wait for an acknowledgement (`TCP_RTO_MIN`, `TCP_RTO_MAX`).
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Time after which a connection with unacknowledged bytes ends (`tcp_model_timeout` with
/// `tcp_retries2` = 15), and unanswered probes of a window.
const TIMEOUT: Duration = Duration::from_millis(924_600);
const PROBES: u32 = 15;
/// The same for an orphan (`tcp_orphan_retries` = 8).
const ORPHAN_TIMEOUT: Duration = Duration::from_millis(102_200);
/// Probes of a window that an orphan sends, answered or not.
const ORPHAN_PROBES: u32 = 10;

impl World {
    pub(crate) fn timer_fired(&mut self, key: Key, timer: Timer) {
        let Some(end) = self.ends.get(key).filter(|end| !end.has_vanished) else { return };
        match (timer, end.state) {
            (Timer::Acknowledgement, _) => self.acknowledge(key),
            (Timer::Keepalive, _) => self.keepalive_fired(key),
            (Timer::Retransmission, State::SynSent) => self.syn_timed_out(key),
            (Timer::Retransmission, State::SynReceived) => self.syn_ack_timed_out(key),
            (Timer::Retransmission, _) if end.send.is_in_flight() => self.retransmit(key),
            (Timer::Retransmission, _) => self.probe_window(key),
        }
    }

    /// The wait for an acknowledgement or a window, which doubles with each attempt. The first is longer
    /// than the round trip.
    fn wait(&self, backoff: u32) -> Duration {
        let round_trip = Duration::from_micros(*self.conditions.delay.end()) * 2;
        let first = FIRST_WAIT + round_trip;
        first.saturating_mul(1 << backoff.min(16)).min(LONGEST_WAIT)
    }

    /// Sets the timer, if bytes are in flight or wait for a window, and it is not set.
    pub(crate) fn set_retransmission(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.is_connecting() || end.timers.is_set(Timer::Retransmission) {
            return;
        }
        if end.send.is_in_flight() {
            self.set_next_attempt(key, self.now);
        } else if end.send.is_blocked() {
            let since = *end.retries.blocked_since.get_or_insert(self.now);
            self.set_next_attempt(key, since);
        }
    }

    /// Sets the timer for the next attempt: not later than the user timeout
    /// (`tcp_clamp_rto_to_user_timeout`), which began at `since`.
    fn set_next_attempt(&mut self, key: Key, since: Time) {
        let Some(end) = self.ends.get(key) else { return };
        let mut wait = self.wait(end.retries.backoff);
        if let Some(limit) = end.options.user_timeout {
            let left = limit.saturating_sub(self.now.since(since));
            wait = wait.min(left.max(Duration::from_millis(1)));
        }
        self.set_timer(key, Timer::Retransmission, self.now.after(wait));
    }

    /// `tcp_retransmit_timer`
    fn retransmit(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        let since = end.retries.waits_since;
        let limit = match end.options.user_timeout {
            Some(limit) => limit,
            None if end.is_orphan() => ORPHAN_TIMEOUT,
            None => TIMEOUT,
        };
        if end.retries.attempts > 0 && self.now.since(since) >= limit {
            return self.timed_out(key);
        }
        end.retries.attempts += 1;
        end.retries.backoff += 1;
        end.retries.total += 1;
        end.send.rewind();
        let next = end.send.next();
        self.set_next_attempt(key, since);
        if let Some(Next { at, bytes, urgent, fin }) = next {
            self.send_body(key, Body::Data { at, bytes, urgent, fin });
        }
    }

    /// `tcp_probe_timer`: the peer has no room. A probe asks for its window, since an update may have been
    /// lost. Answered probes go on forever, except those of an orphan and beyond the user timeout.
    fn probe_window(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key).filter(|end| end.send.is_blocked()) else { return };
        let since = *end.retries.blocked_since.get_or_insert(self.now);
        let is_late = end.options.user_timeout.is_some_and(|limit| self.now.since(since) >= limit);
        let most = if end.is_orphan() { ORPHAN_PROBES } else { PROBES };
        let count = if end.is_orphan() { end.retries.backoff } else { end.retries.probes };
        if is_late || count >= most {
            return self.timed_out(key);
        }
        end.retries.probes += 1;
        end.retries.backoff += 1;
        self.set_next_attempt(key, since);
        self.send_body(key, Body::Probe);
    }

    /// `tcp_write_err`
    fn timed_out(&mut self, key: Key) {
        let errno = self.ends.get(key).and_then(|end| end.soft_error).unwrap_or(Errno::TIMEDOUT);
        self.break_off(key, errno);
    }

    /// Starts the keepalive timer of an established connection with that option.
    pub(crate) fn start_keepalive(&mut self, key: Key) {
        let Some(end) = self.ends.get(key).filter(|end| !end.is_connecting()) else { return };
        if let Some(keepalive) = end.options.keepalive.filter(|_| end.state != State::Closed) {
            let at = end.heard.after(keepalive.idle).max(self.now);
            self.set_timer(key, Timer::Keepalive, at);
        }
    }

    /// `tcp_keepalive_timer`
    fn keepalive_fired(&mut self, key: Key) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.is_orphan() && end.state == State::FinWait2 {
            return self.forget(key);
        }
        let Some(keepalive) = end.options.keepalive.filter(|_| end.state != State::Closed) else {
            return;
        };
        let silence = self.now.since(end.heard);
        let wait = if end.send.holds_bytes() || end.send.is_in_flight() {
            keepalive.idle
        } else if silence < keepalive.idle {
            keepalive.idle.saturating_sub(silence)
        } else {
            let is_over = match end.options.user_timeout {
                Some(limit) => silence >= limit && end.retries.probes > 0,
                None => end.retries.probes >= keepalive.count,
            };
            if is_over {
                self.send_body(key, Body::Reset);
                return self.timed_out(key);
            }
            end.retries.probes += 1;
            self.send_body(key, Body::Probe);
            keepalive.interval
        };
        self.set_timer(key, Timer::Keepalive, self.now.after(wait));
    }
}
