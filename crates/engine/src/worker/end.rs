//! The end of a session: one reason, every descriptor closed, every place given back, one record.

use super::Worker;
use crate::report::{Report, SessionRecord};
use crate::session::Session;
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
    /// Ends a session: with an RST to both sides if `abort`, otherwise in order.
    pub(crate) fn end(&mut self, key: Key, reason: CloseReason, abort: bool) {
        let Some(mut session) = self.sessions.remove(key) else { return };
        self.wheel.cancel(key.index());
        for direction in Direction::BOTH {
            if let Some(holding) = session.holding(direction).take() {
                self.pump.pool.discard(holding);
            }
        }
        let phase = session.shown_phase(reason.phase, self.draining);
        let reason = CloseReason { phase, ..reason };
        let ending = session.flow.finish(self.now, reason);
        let fallbacks = [ending.fallback_up, ending.fallback_down];
        session.counters.closed(self.now, reason, ending.duration, fallbacks);
        let record = self.shared.detail.records().then(|| record(&session, ending));
        let Session { client, target, permit, .. } = session;
        for socket in [Some(client), target].into_iter().flatten() {
            // On a socket that is dead already a reset does no harm.
            if abort { reset(socket) } else { drop(socket) }
        }
        if let Some(record) = record {
            self.shared.outbox.send(Report::Ended(record));
        }
        self.shared.remove_load(self.index);
        self.shared.release(permit);
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
