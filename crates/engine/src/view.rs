//! Views of open sessions. Only data: `worker/list` fills it.

use flow::{Fallback, Path, Phase};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::{Address, TcpInfo};

/// One open session, as it was when its worker showed it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Unique in this process.
    pub id: u64,
    /// The forward's name.
    pub forward: Arc<str>,
    /// Who connected.
    pub client: Address,
    /// The listen address, as configured.
    pub listener: Arc<str>,
    /// The selected target, as configured; empty before the selection.
    pub target: Arc<str>,
    /// The target's address that was connected to, or is being tried.
    pub target_address: Option<Address>,
    /// Where in its life it is.
    pub phase: Phase,
    /// Since the client was accepted.
    pub age: Duration,
    /// Since a byte last moved in a lane.
    pub idle: Duration,
    /// From acceptance to the connection with the target; `None` as long as there is none.
    pub connect_time: Option<Duration>,
    /// From client to target.
    pub up: LaneView,
    /// From target to client.
    pub down: LaneView,
    /// The kernel's view of the client's connection; `None` for a Unix socket, and if it is not
    /// wanted.
    pub client_tcp: Option<TcpInfo>,
    /// The same of the target's connection.
    pub target_tcp: Option<TcpInfo>,
    /// The worker that serves it.
    pub worker: usize,
}

/// One direction of an open session.
#[derive(Clone, Copy, Debug)]
pub struct LaneView {
    /// Bytes that the sink's socket took.
    pub bytes: u64,
    /// Bytes received that the sink did not take yet.
    pub held: u64,
    /// How it moves bytes just now.
    pub path: Path,
    /// Why it went from splice to copy.
    pub fallback: Fallback,
    /// Its FIN was passed on, or it broke: no more bytes come.
    pub ended: bool,
}

/// Selects sessions, where `None` matches all, and how much of them is read.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Sessions with one of these numbers.
    pub ids: Option<Arc<HashSet<u64>>>,
    /// Sessions of this forward.
    pub forward: Option<Arc<str>>,
    /// Sessions whose client has this address.
    pub client: Option<IpAddr>,
    /// Whether to read `TCP_INFO` of both connections: two system calls per session.
    pub tcp: bool,
}

/// One page of a worker's sessions.
pub struct SessionPage {
    /// The sessions that match.
    pub views: Vec<SessionView>,
    /// Start of the next page; `None` after the last one.
    pub next: Option<u32>,
}

/// Receives a worker's answer, in the worker's thread.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// Requests one page of a worker's sessions.
pub(crate) struct SessionQuery {
    pub(crate) filter: SessionFilter,
    pub(crate) from: u32,
    pub(crate) reply: Reply<SessionPage>,
}
