//! The interface to the resolver of target names. Look-ups take time, so workers delegate them.

use crate::message::{Inbox, Message};
use crate::name_answer::NameAnswer;
use crate::slots::Key;
use crate::view::Reply;
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

/// A query for the addresses of a target, of a session or of a check.
pub struct Query<K: Kernel = Linux> {
    /// The host name, as configured.
    pub host: Arc<str>,
    /// The port for the addresses in the answer.
    pub port: u16,
    pub(crate) asker: Asker<K>,
}

/// Receiver of the answer to a query.
pub(crate) enum Asker<K: Kernel> {
    /// The attempts of a session at one target, by number.
    Session { session: Key, round: usize, worker: Arc<Inbox<K>> },
    /// A check of the target.
    Check(Reply<NameAnswer>),
}

impl<K: Kernel> Query<K> {
    /// A query without a session. The reply may be called by another thread, and must not block.
    pub fn new(host: Arc<str>, port: u16, reply: Reply<NameAnswer>) -> Self {
        Self { host, port, asker: Asker::Check(reply) }
    }

    /// Sends the answer to the session's worker. An empty list counts as [`NameFailure::Error`](crate::NameFailure::Error).
    pub fn answer(self, answer: NameAnswer) {
        match self.asker {
            Asker::Session { session, round, worker } => {
                worker.send(Message::Resolved { session, round, answer });
            }
            Asker::Check(reply) => reply(answer),
        }
    }
}
