//! The end of a session: one reason, every descriptor closed, every place given back, one record.

use super::Worker;
use crate::report::{Report, SessionRecord};
use crate::session::{Over, Session};
use crate::slots::Key;
use flow::{By, Cause, CloseReason, Direction, Ending, Phase};
use rustix::fd::AsFd;
use std::sync::Arc;
use std::time::SystemTime;
use sys::socket::reset;
use sys::tcp_info;

/// Why a session ends that is open when the time to drain is over.
pub(crate) const CUT: CloseReason = CloseReason::new(By::Shutdown, Phase::Drain, Cause::Drained);

impl Worker {
    /// Ends a session.
    pub(crate) fn end(&mut self, key: Key, over: Over) {
        let Some(mut session) = self.table.remove(key) else { return };
        let Over { reason, abort } = over;
        for direction in Direction::BOTH {
            if let Some(holding) = session.holding(direction).take() {
                self.context.pump.pool.discard(holding);
            }
        }
        let phase = session.shown_phase(reason.phase, self.draining);
        let reason = CloseReason { phase, ..reason };
        let ending = session.flow.finish(self.context.now, reason);
        let fallbacks = [ending.fallback_up, ending.fallback_down];
        session.counters.closed(self.context.now, reason, ending.duration, fallbacks);
        let record = self.context.shared.detail.records().then(|| record(&session, ending));
        let Session { client, target, permit, .. } = session;
        for socket in [Some(client), target].into_iter().flatten() {
            // On a socket that is dead already a reset does no harm.
            if abort { reset(socket) } else { drop(socket) }
        }
        if let Some(record) = record {
            self.context.shared.outbox.send(Report::Ended(record));
        }
        self.context.shared.remove_load(self.context.index);
        self.context.shared.release(permit);
        self.tidy_later();
    }
}

fn record(session: &Session, ending: Ending) -> SessionRecord {
    let now = SystemTime::now();
    SessionRecord {
        id: session.id,
        route: Arc::clone(session.route()),
        client: session.client_address,
        target_address: session.target_address,
        started: now.checked_sub(ending.duration).unwrap_or(now),
        ending,
        client_tcp: tcp_info(session.client.as_fd()),
        target_tcp: session.target.as_ref().and_then(|target| tcp_info(target.as_fd())),
    }
}
