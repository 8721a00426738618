//! Bound sockets, and which attempts to connect they take.

use super::ports::BoundAt;
use super::slab::Key;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use sys::socket::TcpOptions;

/// The address of a bound socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Ip(BoundAt),
    Unix(PathBuf),
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) bound: Bound,
    /// `TCP_LISTEN`, also the state of a Unix socket.
    pub(crate) listens: bool,
    /// A Unix socket that was shut down: it takes no new connections.
    pub(crate) is_shut: bool,
    /// The queue takes one connection more.
    pub(crate) backlog: usize,
    /// Order in which sockets began to listen.
    pub(crate) since: u64,
    /// Other sockets of the same user may share the address (`SO_REUSEPORT`).
    pub(crate) shares: bool,
    /// New attempts are dropped by a filter.
    pub(crate) ignores: bool,
    /// Accepted sockets inherit them.
    pub(crate) options: TcpOptions,
    /// Connections to accept: TCP ends, or sides of Unix connections.
    pub(crate) queue: VecDeque<Key>,
}

impl Listener {
    pub(crate) fn new(bound: Bound, options: TcpOptions) -> Self {
        Self {
            bound,
            listens: false,
            is_shut: false,
            backlog: 0,
            since: 0,
            shares: false,
            ignores: false,
            options,
            queue: VecDeque::new(),
        }
    }

    pub(crate) fn is_unix(&self) -> bool {
        matches!(self.bound, Bound::Unix(_))
    }

    /// `sk_acceptq_is_full`
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() > self.backlog
    }

    /// How specifically the listener takes `to`; `None` if it does not (`compute_score`).
    pub(crate) fn takes(&self, to: SocketAddr) -> Option<u32> {
        let Bound::Ip(BoundAt { address, both_families }) = self.bound else { return None };
        if !self.listens || address.port() != to.port() {
            return None;
        }
        match (address.ip(), to.ip()) {
            (bound, wanted) if bound == wanted => Some(2),
            (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(_))
            | (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(_)) => Some(1),
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(_)) if both_families => Some(0),
            _ => None,
        }
    }
}
