//! Looking at a running engine, from any thread.

use crate::message::Message;
use crate::shared::Shared;
use crate::view::{Look, Reply, Slice, Wanted};
use std::sync::Arc;

/// Looks at a running engine, from any thread.
#[derive(Clone)]
pub struct Observer(pub(crate) Arc<Shared>);

impl Observer {
    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.0.mailboxes.len()
    }

    /// Asks a worker for a slice of its sessions, beginning `from` 0. The reply is called in the
    /// worker's thread, and must be quick. It is dropped uncalled if the worker ends before.
    pub fn look(&self, worker: usize, wanted: Wanted, from: u32, reply: Reply<Slice>) {
        if let Some(mailbox) = self.0.mailboxes.get(worker) {
            // Without a limit a mailbox is never full.
            let _ = mailbox.send(Message::Look(Look { wanted, from, reply }));
        }
    }

    /// Resets the session with this number. Each worker replies whether it had it.
    pub fn kill(&self, id: u64, reply: impl Fn() -> Reply<bool>) {
        self.0.tell_all(|| Message::Kill(id, reply()));
    }

    /// Asks every worker for a sign of life. The reply is called in its thread, and must be quick.
    pub fn ask_all(&self, reply: impl Fn() -> Reply<()>) {
        self.0.tell_all(|| Message::Ping(reply()));
    }

    /// Sessions open now.
    pub fn sessions(&self) -> u32 {
        self.0.gate.taken()
    }

    /// Pipes that the workers have, lent or spare.
    pub fn pipes(&self) -> usize {
        self.0.pipes()
    }

    /// Changes how much is told about sessions.
    pub fn set_detail(&self, detail: crate::Detail) {
        self.0.detail.set(detail);
    }
}
