//! Messages to a worker. Data only: `worker/mail` handles them.

use crate::change::Changes;
use crate::forward::Forward;
use crate::mailbox::Mailbox;
use crate::name_answer::NameAnswer;
use crate::session::Accepted;
use crate::slots::Key;
use crate::target::Target;
use crate::upgrade::{Parking, TakeOver};
use crate::view::{Reply, SessionFilter, SessionQuery};
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::Kernel;

/// The mailbox of a worker.
pub(crate) type Inbox<K> = Mailbox<Message<K>, <K as Kernel>::Waker>;

/// A message to a worker.
pub(crate) enum Message<K: Kernel> {
    /// Reply at once, to show that the worker is alive.
    Ping(Reply<()>),
    /// The configuration has changed; reply when this worker has applied it.
    Change(Arc<Changes<K>>, Reply<()>),
    /// A connection accepted by another worker; already counted in this worker's load.
    Adopt(Accepted<K>),
    /// Addresses of a session's target name; empty if the look-up failed.
    Resolved { session: Key, round: usize, answer: NameAnswer },
    /// A gate or the targets that this worker waits for may have room again.
    RoomAgain,
    /// List one page of open sessions.
    List(SessionQuery),
    /// Reset the sessions that match; reply with their number.
    Kill(SessionFilter, Reply<u64>),
    /// Reset all sessions of a removed forward, or those of a target removed from it.
    CutRemoved { forward: Arc<Forward>, target: Option<Arc<Target>> },
    /// Reset all sessions of a target that is down.
    CutTarget(Arc<Target>),
    /// Stop, so that the worker's sessions can be saved.
    Park(Parking),
    /// Restore sessions of the previous process image.
    TakeOver(TakeOver),
    /// Every worker has restored its sessions: begin to poll, and go on with those without a target.
    Begin,
    /// Poll for so long before each sleep that follows work; zero: not at all.
    Spin(Duration),
    /// Remove all listeners; sessions go on.
    Drain,
    /// Reset all open sessions.
    Cut,
    /// Reset all open sessions and end the thread.
    Stop,
}
