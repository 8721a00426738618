//! Open sessions, as they are shown. Only data: a worker fills it in `worker/show`.

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
    /// The target, as configured.
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

/// Which sessions are wanted, where `None` does not matter, and how much of them.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// With one of these numbers.
    pub ids: Option<Arc<HashSet<u64>>>,
    /// Of this forward.
    pub forward: Option<Arc<str>>,
    /// With a client at this address.
    pub client: Option<IpAddr>,
    /// Whether what the kernel knows of their connections is wanted, too: two system calls for each.
    pub tcp: bool,
}

/// Some of a worker's sessions.
pub struct Slice {
    /// Those that were wanted.
    pub views: Vec<SessionView>,
    /// Where the next slice begins; `None` if this was the last one.
    pub next: Option<u32>,
}

/// Who gets an answer from a worker.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// A question to a worker about its sessions.
pub(crate) struct Look {
    pub(crate) wanted: Wanted,
    pub(crate) from: u32,
    pub(crate) reply: Reply<Slice>,
}
