//! The interface to the resolver of target names. Look-ups block, so workers delegate them.

use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::slots::Key;
use std::net::SocketAddr;
use std::sync::Arc;

/// Resolves names to addresses, in a thread that may block.
pub trait Resolve: Send + Sync {
    /// Takes a query and returns without blocking. Every query must be answered; a late answer is
    /// ignored.
    fn resolve(&self, query: Query);
}

/// A query of one session for the addresses of its target.
pub struct Query {
    /// The host name, as configured.
    pub host: Arc<str>,
    /// The port for the addresses in the answer.
    pub port: u16,
    pub(crate) session: Key,
    pub(crate) worker: Arc<Mailbox<Message>>,
}

impl Query {
    /// Sends the answer to the session's worker. An empty list means that the look-up failed.
    pub fn answer(self, addresses: Arc<[SocketAddr]>) {
        self.worker.send(Message::Resolved { session: self.session, addresses });
    }
}
