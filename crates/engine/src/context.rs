//! The part of a worker's state that is passed to every handler of a session's event.

use crate::failure;
use crate::message::Inbox;
use crate::pump::Pump;
use crate::rate_limit::{RateLimit, ReportKind};
use crate::report::Report;
use crate::session::{Outcome, Over};
use crate::shared::Shared;
use crate::slots::Key;
use crate::table::Entry;
use crate::token::token;
use flow::{Cause, Peer, Prefix, Random, Time};
use std::sync::Arc;
use sys::kernel::{Epoll as _, Kernel};

/// A worker's state without its listeners and sessions.
pub(crate) struct Context<K: Kernel> {
    pub(crate) kernel: K,
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared<K>>,
    pub(crate) mailbox: Arc<Inbox<K>>,
    pub(crate) epoll: K::Epoll,
    pub(crate) pump: Pump<K>,
    pub(crate) rate_limit: RateLimit,
    pub(crate) random: Random,
    /// Time of the current turn.
    pub(crate) now: Time,
    /// Accepted sessions that wait for a place in a target, in the order of their attempts, and restored ones
    /// without a target; also ended ones.
    pub(crate) waiting: Vec<Key>,
}

impl<K: Kernel> Context<K> {
    /// Registers one socket of a session, if it exists, for all events. If the kernel refuses, the
    /// session is over.
    pub(crate) fn register(&mut self, entry: &Entry<'_, K>, peer: Peer) -> Outcome {
        let Some(socket) = entry.session.socket(peer) else { return Ok(()) };
        self.watch(socket, token(entry.key, peer))
    }

    /// Registers a socket with this token for all events. If the kernel refuses, its session is over.
    pub(crate) fn watch(&mut self, socket: &K::Socket, token: u64) -> Outcome {
        self.epoll.add_connection(socket, token).map_err(|errno| {
            let failure = failure::of_attempt(errno);
            self.report_exhausted(failure.cause, "watching a socket");
            Over::reset(failure::reason_of_attempt(failure))
        })
    }

    /// Sends a report of this kind, rate-limited. `make` receives the occurrences since the last one.
    pub(crate) fn report(&mut self, kind: ReportKind, make: impl FnOnce(u64) -> Report) {
        self.report_client(kind, None, make);
    }

    /// Likewise, for an occurrence that concerns this client. Of many, the report is that of the most frequent one.
    pub(crate) fn report_client(
        &mut self,
        kind: ReportKind,
        client: Option<Prefix>,
        make: impl FnOnce(u64) -> Report,
    ) {
        self.rate_limit.report(&self.shared.outbox, self.now, kind, client, make);
    }

    /// Sends the reports whose pause is over.
    pub(crate) fn report_late(&mut self) {
        self.rate_limit.report_late(&self.shared.outbox, self.now);
    }

    /// Sends the reports that wait for a pause.
    pub(crate) fn report_all(&mut self) {
        self.rate_limit.report_all(&self.shared.outbox, self.now);
    }

    /// Reports resource exhaustion, rate-limited.
    pub(crate) fn report_exhausted(&mut self, cause: Cause, needed_for: &'static str) {
        let kind = ReportKind::Resource(needed_for, cause);
        self.report(kind, |count| Report::Exhausted { cause, needed_for, count });
    }
}
