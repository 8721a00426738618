//! Ports: the sockets bound to each, and the pairs of addresses in use.

use super::slab::Key;
use flow::Time;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// Where a socket is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoundAt {
    pub(crate) address: SocketAddr,
    /// `[::]` that takes IPv4, too.
    pub(crate) both_families: bool,
}

impl BoundAt {
    /// Whether a connection could reach either.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.covers(other.address) || other.covers(self.address)
    }

    fn covers(self, other: SocketAddr) -> bool {
        let (own, ip) = (self.address.ip(), other.ip());
        let takes_family = own.is_ipv4() == ip.is_ipv4() || (self.both_families && ip.is_ipv4());
        own == ip || (own.is_unspecified() && takes_family)
    }

    /// Whether this address stands for another one on the fast path (`ipv6_rcv_saddr_equal` and
    /// `ipv4_rcv_saddr_equal`, with a wildcard on this side).
    fn stands_for(self, other: Self) -> bool {
        let every_v4 = self.address.is_ipv4() && self.address.ip().is_unspecified();
        self.covers(other.address) || (every_v4 && other.both_families)
    }
}

/// State of a port for sockets that share it (`fastreuseport` of its bind bucket). Linux binds
/// a sharing socket that matches without a look at the others, even if they have become exclusive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum FastPath {
    /// All sockets are compared.
    #[default]
    None,
    /// The last one that shares stands for those that it covers.
    Of(BoundAt),
}

impl FastPath {
    /// Whether a socket is bound without being compared.
    pub(crate) fn permits(self, at: BoundAt, shares: bool) -> bool {
        let matches = match self {
            Self::None => false,
            Self::Of(first) => first.stands_for(at),
        };
        shares && matches
    }

    /// The state after a socket was bound, or listens (`inet_csk_update_fastreuse`).
    pub(crate) fn after(self, at: BoundAt, shares: bool) -> Self {
        if !shares {
            Self::None
        } else if self.permits(at, shares) {
            self
        } else {
            Self::Of(at)
        }
    }
}

/// The sockets of a port (`inet_bind_bucket`).
#[derive(Debug, Default)]
pub(crate) struct Port {
    /// Bound sockets, listening or not.
    pub(crate) bound: Vec<Key>,
    /// Addresses of outgoing connections.
    clients: Vec<IpAddr>,
    /// Number of accepted connections.
    accepted: usize,
    pub(crate) fast: FastPath,
}

impl Port {
    pub(crate) fn is_unused(&self) -> bool {
        self.bound.is_empty() && self.clients.is_empty() && self.accepted == 0
    }

    /// Whether an outgoing connection keeps a socket from being bound: it has no SO_REUSEADDR.
    pub(crate) fn has_client_at(&self, at: BoundAt) -> bool {
        let port = at.address.port();
        let client = |ip: &IpAddr| BoundAt { address: (*ip, port).into(), both_families: false };
        self.clients.iter().any(|ip| client(ip).overlaps(at))
    }

    /// Whether a client may use it: no socket was bound to it.
    pub(crate) fn is_open_to_clients(&self) -> bool {
        self.bound.is_empty() && self.accepted == 0
    }
}

/// Local and remote address of a connection.
type Pair = (SocketAddr, SocketAddr);

/// The use of a pair.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// `None` in TIME_WAIT.
    end: Option<Key>,
    is_client: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ports {
    by_number: BTreeMap<u16, Port>,
    /// Never iterated: its order is random.
    pairs: HashMap<Pair, Use>,
    /// Pairs in TIME_WAIT, with its end.
    waiting: VecDeque<(Time, Pair)>,
}

impl Ports {
    pub(crate) fn get(&self, port: u16) -> Option<&Port> {
        self.by_number.get(&port)
    }

    pub(crate) fn bind(&mut self, port: u16, socket: Key) {
        self.by_number.entry(port).or_default().bound.push(socket);
    }

    pub(crate) fn set_fast(&mut self, port: u16, fast: FastPath) {
        self.by_number.entry(port).or_default().fast = fast;
    }

    pub(crate) fn unbind(&mut self, port: u16, socket: Key) {
        if let Some(used) = self.by_number.get_mut(&port) {
            used.bound.retain(|bound| *bound != socket);
        }
        self.drop_if_unused(port);
    }

    fn drop_if_unused(&mut self, port: u16) {
        if self.by_number.get(&port).is_some_and(Port::is_unused) {
            self.by_number.remove(&port);
        }
    }

    pub(crate) fn is_free(&self, pair: Pair) -> bool {
        !self.pairs.contains_key(&pair)
    }

    pub(crate) fn end(&self, pair: Pair) -> Option<Key> {
        self.pairs.get(&pair)?.end
    }

    /// Whether a pair is in TIME_WAIT.
    pub(crate) fn is_waiting(&self, pair: Pair) -> bool {
        self.pairs.get(&pair).is_some_and(|used| used.end.is_none())
    }

    pub(crate) fn connect(&mut self, pair: Pair, end: Key, is_client: bool) {
        self.release(pair, None);
        self.pairs.insert(pair, Use { end: Some(end), is_client });
        let port = self.by_number.entry(pair.0.port()).or_default();
        if is_client {
            port.clients.push(pair.0.ip());
        } else {
            port.accepted += 1;
        }
    }

    /// The connection of `end` has the pair in TIME_WAIT until then.
    pub(crate) fn wait(&mut self, pair: Pair, end: Key, until: Time) {
        if let Some(used) = self.pairs.get_mut(&pair).filter(|used| used.end == Some(end)) {
            used.end = None;
            self.waiting.push_back((until, pair));
        }
    }

    /// Frees the pairs whose TIME_WAIT is over.
    pub(crate) fn end_waits(&mut self, now: Time) {
        while let Some((_, pair)) = self.waiting.front().filter(|(until, _)| *until <= now).copied()
        {
            self.waiting.pop_front();
            self.release(pair, None);
        }
    }

    /// Frees a pair that `end` has; `None`: one in TIME_WAIT.
    pub(crate) fn release(&mut self, pair: Pair, end: Option<Key>) {
        if self.pairs.get(&pair).is_none_or(|used| used.end != end) {
            return;
        }
        let Some(used) = self.pairs.remove(&pair) else { return };
        let (ip, number) = (pair.0.ip(), pair.0.port());
        if let Some(port) = self.by_number.get_mut(&number) {
            let client = port.clients.iter().position(|client| used.is_client && *client == ip);
            match client {
                Some(at) => _ = port.clients.swap_remove(at),
                None => port.accepted = port.accepted.saturating_sub(1),
            }
        }
        self.drop_if_unused(number);
    }
}
