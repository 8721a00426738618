//! Timed work: deadlines of sessions, retries of exhausted listeners, late reports, and the release of unused
//! memory.

use super::Worker;
use crate::connect;
use crate::context::Context;
use crate::greet;
use crate::preamble;
use crate::relay;
use crate::session::{Outcome, Over};
use crate::table::Entry;
use flow::{Stage, Unacked};
use std::time::Duration;
use sys::kernel::{Kernel, Socket as _};

/// Most timers served per turn. A timer that ends its session takes some ten microseconds, and thousands
/// may be due at once.
const TIMERS_PER_TURN: usize = 64;
/// Delay from the end of a session to the release of unused memory.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

impl<K: Kernel> Worker<K> {
    /// Serves due timers, at most [`TIMERS_PER_TURN`]. If more are due, the next turn polls without
    /// waiting.
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
        if self.acceptor.room_at().is_some_and(|at| at <= self.context.now) {
            self.retry_full();
        }
        if self.context.rate_limit.due_at().is_some_and(|at| at <= self.context.now) {
            self.context.report_late();
        }
        if self.tidy_at.is_some_and(|at| at <= self.context.now) {
            self.tidy();
        }
    }

    /// Returns the memory of ended sessions to the kernel.
    fn tidy(&mut self) {
        self.tidy_at = None;
        if self.table.give_back() > 0 {
            self.context.pump.pool.clear();
            self.context.kernel.release_free_memory();
        }
    }

    /// Schedules [`Self::tidy`], unless it is scheduled.
    pub(crate) fn tidy_later(&mut self) {
        let at = self.context.now.after(TIDY_PAUSE);
        self.tidy_at.get_or_insert(at);
    }
}

/// Handles a session whose timer has fired.
fn fired<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    let now = context.now;
    let session = &mut *entry.session;
    let rules = session.rules();
    session.set_options_if_due(now, &rules);
    let (client, target) = (&session.client, session.target.as_ref());
    let unacked =
        || Unacked { client: client.unacked(), target: target.map_or(0, K::Socket::unacked) };
    let over = session.flow.expire(now, &rules.timeouts, unacked);
    if let Some(reason) = over {
        return Err(Over::reset(reason));
    }
    match session.flow.stage() {
        Stage::Greeting { until } if until <= now => greet::timed_out(entry, context),
        Stage::Preamble { until } if until <= now => preamble::timed_out(),
        Stage::Connecting { attempt_until } if attempt_until <= now => {
            connect::proceed(entry, context, &rules)
        }
        Stage::Flushing { .. } => relay::serve(entry, context).1,
        Stage::Greeting { .. }
        | Stage::Connecting { .. }
        | Stage::Preamble { .. }
        | Stage::Relaying => {
            entry.set_timer_by(&rules);
            Ok(())
        }
    }
}
