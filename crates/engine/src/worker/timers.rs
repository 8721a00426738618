//! What a worker does because time has passed: deadlines of sessions, another try where something was
//! missing, memory given back.

use super::Worker;
use crate::connect;
use crate::context::Context;
use crate::relay;
use crate::session::{Outcome, Over};
use crate::table::Entry;
use flow::{Stage, Unacked};
use rustix::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// Timers served per turn. One that ends its session takes some ten microseconds, and thousands may be
/// due at once.
const TIMERS_PER_TURN: usize = 64;
/// Pause between the end of a session and giving unused memory back.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

impl Worker {
    /// Serves the timers that are due, up to a turn's share. The rest is still due in the next turn,
    /// which then waits for no event.
    pub(crate) fn serve_timers(&mut self) {
        for _ in 0..TIMERS_PER_TURN {
            let Some(mut entry) = self.table.next_due(self.context.now) else { break };
            let key = entry.key;
            let outcome = fired(&mut entry, &mut self.context);
            self.settle(key, outcome);
        }
        if self.acceptor.retry_at().is_some_and(|at| at <= self.context.now) {
            self.retry_exhausted();
        }
        if self.tidy_at.is_some_and(|at| at <= self.context.now) {
            self.tidy();
        }
    }

    /// Gives memory back that the sessions of a while ago needed.
    fn tidy(&mut self) {
        self.tidy_at = None;
        if self.table.give_back() > 0 {
            self.context.pump.pool.clear();
            sys::release_free_memory();
        }
    }

    /// Asks for [`Self::tidy`] in a while.
    pub(crate) fn tidy_later(&mut self) {
        let at = self.context.now.after(TIDY_PAUSE);
        self.tidy_at.get_or_insert(at);
    }
}

/// The wheel has brought a session up.
fn fired(entry: &mut Entry<'_>, context: &mut Context) -> Outcome {
    let now = context.now;
    let session = &mut *entry.session;
    session.set_options_if_due(now);
    let route = Arc::clone(session.route());
    let (client, target) = (&session.client, session.target.as_ref());
    let unacked = || Unacked {
        client: sys::socket::unacked(client.as_fd()),
        target: target.map_or(0, |target| sys::socket::unacked(target.as_fd())),
    };
    let over = session.flow.expire(now, &route.forward.rules().timeouts, unacked);
    if let Some(reason) = over {
        return Err(Over::reset(reason));
    }
    match session.flow.stage() {
        Stage::Connecting { attempt_until } if attempt_until <= now => {
            connect::attempt_timed_out(entry, context)
        }
        Stage::Flushing { .. } => relay::serve(entry, context).1,
        Stage::Connecting { .. } | Stage::Relaying => {
            entry.set_timer();
            Ok(())
        }
    }
}
