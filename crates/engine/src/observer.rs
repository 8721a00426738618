//! Access to a running engine from any thread.

use crate::message::Message;
use crate::shared::Shared;
use crate::view::{Reply, SessionFilter, SessionPage, SessionQuery};
use std::sync::Arc;

/// Access to a running engine from any thread.
#[derive(Clone)]
pub struct Observer(pub(crate) Arc<Shared>);

impl Observer {
    /// The number of workers.
    pub fn workers(&self) -> usize {
        self.0.mailboxes.len()
    }

    /// Requests a page of a worker's sessions; the first page begins at `from` 0. The reply is called
    /// in the worker's thread, and must be quick. It is dropped uncalled if the worker ends before.
    pub fn list(&self, worker: usize, filter: SessionFilter, from: u32, reply: Reply<SessionPage>) {
        if let Some(mailbox) = self.0.mailboxes.get(worker) {
            mailbox.send(Message::List(SessionQuery { filter, from, reply }));
        }
    }

    /// Resets the session with this number. Each worker replies whether it had that session.
    pub fn kill(&self, id: u64, reply: impl Fn() -> Reply<bool>) {
        self.0.broadcast(|| Message::Kill(id, reply()));
    }

    /// Pings every worker. The reply is called in the worker's thread, and must be quick.
    pub fn ping_all(&self, reply: impl Fn() -> Reply<()>) {
        self.0.broadcast(|| Message::Ping(reply()));
    }

    /// Sessions open now.
    pub fn sessions(&self) -> u32 {
        self.0.gate.taken()
    }

    /// Pipes that the workers have, lent or spare.
    pub fn pipes(&self) -> usize {
        self.0.pipes()
    }

    /// Changes which events of sessions are reported.
    pub fn set_detail(&self, detail: crate::Detail) {
        self.0.detail.set(detail);
    }
}
