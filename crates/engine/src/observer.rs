//! Queries to a running engine from other threads.

use crate::ended::EndedSessions;
use crate::message::Message;
use crate::shared::Shared;
use crate::spins::Spins;
use crate::view::{Reply, SessionDetail, SessionFilter, SessionPage, SessionQuery};
use std::sync::Arc;
use std::task::{Context, Poll};
use sys::kernel::{Kernel, Linux};

/// Access to a running engine from any thread.
#[derive(Clone)]
pub struct Observer<K: Kernel = Linux>(pub(crate) Arc<Shared<K>>);

impl<K: Kernel> Observer<K> {
    /// Number of worker threads.
    pub fn workers(&self) -> usize {
        self.0.mailboxes.len()
    }

    /// Requests a page of a worker's sessions; the first page begins at `from` 0. The worker's thread
    /// calls the reply, which must not block. It is dropped uncalled if the worker ends first.
    pub fn list(
        &self,
        worker: usize,
        (filter, detail): (SessionFilter, SessionDetail),
        from: u32,
        reply: Reply<SessionPage>,
    ) {
        if let Some(mailbox) = self.0.mailboxes.get(worker) {
            mailbox.send(Message::List(SessionQuery { filter, detail, from, reply }));
        }
    }

    /// The last sessions that have ended.
    pub fn ended(&self) -> EndedSessions {
        self.0.ended.list()
    }

    /// Resets the sessions that match. Each worker replies with the number of its own.
    pub fn kill(&self, filter: &SessionFilter, reply: impl Fn() -> Reply<u64>) {
        self.0.broadcast(|| Message::Kill(filter.clone(), reply()));
    }

    /// Pings every worker. The worker's thread calls the reply, which must not block.
    pub fn ping_all(&self, reply: impl Fn() -> Reply<()>) {
        self.0.broadcast(|| Message::Ping(reply()));
    }

    /// The targets whose next check must come soon, by [`CheckedTarget::id`](crate::CheckedTarget::id), if
    /// there are any; else the task is woken when there is one. For one task at a time.
    pub fn poll_suspects(&self, context: &mut Context<'_>) -> Poll<Vec<u64>> {
        self.0.suspects.poll(context)
    }

    /// Number of open sessions.
    pub fn sessions(&self) -> u32 {
        self.0.gate.taken()
    }

    /// Number of pipes of all workers, lent or spare.
    pub fn pipes(&self) -> usize {
        self.0.pipes()
    }

    /// Spins of all workers.
    pub fn spins(&self) -> Spins {
        self.0.spins()
    }

    /// Sets which events of sessions are reported.
    pub fn set_detail(&self, detail: crate::Detail) {
        self.0.detail.set(detail);
    }
}
