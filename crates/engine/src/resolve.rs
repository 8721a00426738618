//! The interface to the resolver of target names. Look-ups take time, so workers delegate them.

use crate::message::{Inbox, Message};
use crate::name_answer::NameAnswer;
use crate::slots::Key;
use std::sync::Arc;
use sys::kernel::{Kernel, Linux};

/// Resolves names to addresses, outside the workers.
pub trait Resolve<K: Kernel = Linux>: Send + Sync {
    /// Takes a query and returns without blocking. Every query must be answered; a late answer is
    /// ignored.
    fn resolve(&self, query: Query<K>);

    /// Notes that a connect to a target failed that is a record of this set. Returns without blocking.
    fn connect_failed(&self, set: &Arc<str>);
}

/// A query of one session for the addresses of its target.
pub struct Query<K: Kernel = Linux> {
    /// The host name, as configured.
    pub host: Arc<str>,
    /// The port for the addresses in the answer.
    pub port: u16,
    pub(crate) session: Key,
    /// The session's attempts at the target.
    pub(crate) round: usize,
    pub(crate) worker: Arc<Inbox<K>>,
}

impl<K: Kernel> Query<K> {
    /// Sends the answer to the session's worker. An empty list counts as [`NameFailure::Error`](crate::NameFailure::Error).
    pub fn answer(self, answer: NameAnswer) {
        let Self { session, round, .. } = self;
        self.worker.send(Message::Resolved { session, round, answer });
    }
}
