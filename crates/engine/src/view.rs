//! Views of open sessions. Data only: `worker/list` makes them.

use crate::condition::way;
use flow::{
    ClientFilter, Fallback, Observation, Path, Peer, Phase, Prerequisite, Time, Verdict, Way,
};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::{Address, TcpInfo};

/// Snapshot of an open session, made by its worker.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// The session's id, unique in this process.
    pub id: u64,
    /// Name of the forward, as configured.
    pub forward: Arc<str>,
    /// The client's address.
    pub client: Address,
    /// The address of the proxy whose header names the client.
    pub proxy: Option<Address>,
    /// The server that the client asked for in its TLS ClientHello, where a route depends on it.
    pub server_name: Option<Box<str>>,
    /// The listen address, as configured.
    pub listener: Arc<str>,
    /// The selected target, as configured; empty before the selection.
    pub target: Arc<str>,
    /// The target's address that is connected, or being tried.
    pub target_address: Option<Address>,
    /// The current phase, as in a close reason.
    pub phase: Phase,
    /// What it needs before bytes flow.
    pub missing: Option<Prerequisite>,
    /// The peer whose FIN was passed on, while the other one's was not, and when that ends the session.
    pub half_closed: Option<(Peer, Option<Time>)>,
    /// When the client was accepted. Instants, because workers answer one after the other.
    pub accepted: Time,
    /// When a byte last moved in a lane.
    pub last_byte: Time,
    /// Time from accept to the connected target; `None` before that.
    pub connect_time: Option<Duration>,
    /// Time from accept to the target's first byte; `None` before that.
    pub first_byte: Option<Duration>,
    /// The lane from client to target.
    pub up: LaneView,
    /// The lane from target to client.
    pub down: LaneView,
    /// The kernel's view of the client's connection; `None` for a Unix socket, and unless
    /// [`SessionDetail::Tcp`] was requested.
    pub client_tcp: Option<TcpInfo>,
    /// The kernel's view of the target's connection, likewise.
    pub target_tcp: Option<TcpInfo>,
    /// Number of its worker, from 0.
    pub worker: usize,
}

impl SessionView {
    /// The verdict at `now`, without the kernel's view unless [`SessionDetail::Tcp`] was requested.
    pub fn verdict(&self, now: Time) -> Verdict {
        let observation = Observation {
            missing: self.missing,
            client: way(self.down.way, self.client_tcp),
            target: way(self.up.way, self.target_tcp),
            closed: self.half_closed.map(|(peer, _)| peer),
            quiet: now.since(self.last_byte),
        };
        observation.verdict()
    }
}

/// One direction of an open session.
#[derive(Clone, Copy, Debug)]
pub struct LaneView {
    /// Bytes sent to the sink.
    pub bytes: u64,
    /// Bytes received and not yet sent, and whether they wait for a full socket.
    pub way: Way,
    /// Time in which they have waited for the sink's socket so far.
    pub stalled: Duration,
    /// Whether bytes are copied or spliced at present.
    pub path: Path,
    /// Why the lane fell back from splice to copy.
    pub fallback: Fallback,
    /// The FIN was passed on, or the lane broke: no more bytes will follow.
    pub ended: bool,
}

/// Selects open sessions; `None` matches all.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Sessions with one of these ids.
    pub ids: Option<Arc<HashSet<u64>>>,
    /// Sessions of the forwards with these names.
    pub forwards: Option<Arc<HashSet<String>>>,
    /// Sessions of this target.
    pub target: Option<TargetFilter>,
    /// Sessions of these clients.
    pub client: Option<ClientFilter>,
    /// Sessions that a text selects.
    pub text: Option<Arc<TextFilter>>,
}

/// Selects the sessions of forwards and of clients.
#[derive(Clone, Debug, Default)]
pub struct TextFilter {
    /// Sessions of the forwards with these names.
    pub forwards: HashSet<String>,
    /// Sessions of these clients.
    pub client: Option<ClientFilter>,
}

/// Selects a target: as configured, or by the address that sessions are connected to.
#[derive(Clone, Debug)]
pub struct TargetFilter {
    pub(crate) text: Arc<str>,
    pub(crate) address: Option<SocketAddr>,
}

impl From<&str> for TargetFilter {
    fn from(text: &str) -> Self {
        Self { text: text.into(), address: text.parse().ok() }
    }
}

/// How much is read of each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionDetail {
    /// What the worker knows.
    Known,
    /// `TCP_INFO` of both connections, too: two system calls per session.
    Tcp,
}

/// One page of a worker's sessions.
pub struct SessionPage {
    /// The matching sessions of the page.
    pub views: Vec<SessionView>,
    /// `from` of the next page; `None` after the last one.
    pub next: Option<u32>,
}

/// Callback for a worker's answer, called in the worker's thread.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// Requests one page of a worker's sessions.
pub(crate) struct SessionQuery {
    pub(crate) filter: SessionFilter,
    pub(crate) detail: SessionDetail,
    pub(crate) from: u32,
    pub(crate) reply: Reply<SessionPage>,
}
