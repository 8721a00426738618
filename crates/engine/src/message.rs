//! Messages to a worker. Only data: `worker/mail` handles them.

use crate::change::Changes;
use crate::forward::Forward;
use crate::session::Accepted;
use crate::slots::Key;
use crate::upgrade::{Parking, TakeOver};
use crate::view::{Reply, SessionQuery};
use std::net::SocketAddr;
use std::sync::Arc;

/// A message to a worker.
pub(crate) enum Message {
    /// Reply at once: a sign of life.
    Ping(Reply<()>),
    /// The configuration has changed; reply when this worker has applied it.
    Change(Arc<Changes>, Reply<()>),
    /// A session that another worker accepted, and that counts here already.
    Adopt(Accepted),
    /// The answer to a name's query.
    Resolved { session: Key, addresses: Arc<[SocketAddr]> },
    /// A gate at which this worker waited has room again.
    RoomAgain,
    /// List open sessions, one page.
    List(SessionQuery),
    /// Reset the session with this number, and reply whether it was here.
    Kill(u64, Reply<bool>),
    /// Reset the sessions of a forward.
    CutForward(Arc<Forward>),
    /// Stop, so that the worker's sessions can be saved.
    Park(Parking),
    /// Resume sessions of the previous process image.
    TakeOver(TakeOver),
    /// Every worker has resumed its sessions: begin to poll.
    Begin,
    /// Accept no more; sessions go on.
    Drain,
    /// Reset all sessions that are still open.
    Cut,
    /// End the thread.
    Stop,
}
