//! What a worker does because time has passed: deadlines of sessions, another try where something was
//! missing, memory given back.

use super::Worker;
use crate::slots::Key;
use flow::{Stage, Time, Unacked};
use rustix::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// Pause between the end of a session and giving unused memory back.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

impl Worker {
    /// Makes sure that the wheel brings the session up no later than its deadline. A deadline that
    /// has moved later is found out when the wheel does.
    pub(crate) fn set_timer(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(deadline) = session.deadline() else { return };
        if deadline < session.timer {
            session.timer = deadline;
            self.wheel.schedule(key.index(), deadline);
        }
    }

    pub(crate) fn serve_timers(&mut self) {
        while let Some(index) = self.wheel.pop(self.now) {
            if let Some(key) = self.sessions.key_at(index) {
                self.timer_fired(key);
            }
        }
        if self.acceptor.retry_at().is_some_and(|at| at <= self.now) {
            self.retry_exhausted();
        }
        if self.tidy_at.is_some_and(|at| at <= self.now) {
            self.tidy();
        }
    }

    fn timer_fired(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.timer = Time::NEVER;
        session.set_options_if_due(now);
        let route = Arc::clone(session.route());
        let (client, target) = (&session.client, session.target.as_ref());
        let unacked = || Unacked {
            client: sys::socket::unacked(client.as_fd()),
            target: target.map_or(0, |target| sys::socket::unacked(target.as_fd())),
        };
        let over = session.flow.expire(now, &route.forward.rules().timeouts, unacked);
        if let Some(reason) = over {
            return self.end(key, reason, true);
        }
        match session.flow.stage() {
            Stage::Connecting { attempt_until } if attempt_until <= now => {
                self.attempt_timed_out(key);
            }
            Stage::Flushing { .. } => {
                self.serve(key);
            }
            Stage::Connecting { .. } | Stage::Relaying => self.set_timer(key),
        }
    }

    /// Gives memory back that the sessions of a while ago needed.
    fn tidy(&mut self) {
        self.tidy_at = None;
        if self.sessions.give_back() > 0 {
            self.pump.pool.clear();
            sys::release_free_memory();
        }
    }

    /// Asks for [`Self::tidy`] in a while.
    pub(crate) fn tidy_later(&mut self) {
        let at = self.now.after(TIDY_PAUSE);
        self.tidy_at.get_or_insert(at);
    }
}
