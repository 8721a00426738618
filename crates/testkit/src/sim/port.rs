//! Which sockets may be bound to one port (`inet_csk_get_port`).

use std::net::SocketAddr;

/// Where a socket is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BoundAt {
    pub(super) address: SocketAddr,
    /// `[::]` that takes IPv4, too.
    pub(super) both_families: bool,
}

impl BoundAt {
    /// Whether a connection could reach either.
    pub(super) fn overlaps(self, other: Self) -> bool {
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

/// What a port remembers of the sockets that share it (`fastreuseport` of its bind bucket). Linux binds
/// a sharing socket that matches without a look at the others, even if they have become exclusive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum FastPath {
    /// All sockets are compared.
    #[default]
    None,
    /// The last one that shares stands for those that it covers.
    Of(BoundAt),
}

impl FastPath {
    /// Whether a socket is bound without being compared.
    pub(super) fn permits(self, at: BoundAt, shares: bool) -> bool {
        let matches = match self {
            Self::None => false,
            Self::Of(first) => first.stands_for(at),
        };
        shares && matches
    }

    /// The state after a socket was bound, or listens (`inet_csk_update_fastreuse`).
    pub(super) fn after(self, at: BoundAt, shares: bool) -> Self {
        if !shares {
            Self::None
        } else if self.permits(at, shares) {
            self
        } else {
            Self::Of(at)
        }
    }
}
