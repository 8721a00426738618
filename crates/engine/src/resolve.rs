//! Names are resolved elsewhere: a worker never blocks.

use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::slots::Key;
use std::net::SocketAddr;
use std::sync::Arc;

/// Turns names into addresses, somewhere that may block.
pub trait Resolve: Send + Sync {
    /// Takes a query and returns at once. Every query is answered, sooner or later: an answer
    /// that comes too late is ignored.
    fn resolve(&self, query: Query);
}

/// A name to be resolved for one session.
pub struct Query {
    /// The name.
    pub host: Arc<str>,
    /// The port that the addresses are to have.
    pub port: u16,
    pub(crate) session: Key,
    pub(crate) worker: Arc<Mailbox<Message>>,
}

impl Query {
    /// Answers. No address means that the name could not be resolved.
    pub fn answer(self, addresses: Arc<[SocketAddr]>) {
        self.worker.send(Message::Resolved { session: self.session, addresses });
    }
}
