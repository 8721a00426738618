//! Options of connections to targets.

use std::net::IpAddr;

/// Sizes of the buffers of a TCP socket, in bytes; `None` leaves one to the kernel, which grows it as needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Buffers {
    /// `SO_SNDBUF` (socket(7)), before the kernel doubles it.
    pub send: Option<u32>,
    /// `SO_RCVBUF` (socket(7)), before the kernel doubles it.
    pub receive: Option<u32>,
    /// `TCP_NOTSENT_LOWAT` (tcp(7)): no more is written while so many bytes wait for their first transmission.
    pub unsent: Option<u32>,
}

impl Buffers {
    /// The kernel decides all.
    pub const AUTO: Self = Self { send: None, receive: None, unsent: None };
}

/// Options that a TCP socket has before it is connected to a target. By default, the kernel decides all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outbound {
    /// Addresses of this host that connections come from; if empty, the kernel chooses by the route.
    pub sources: Vec<IpAddr>,
    /// The interface that connections leave by (`SO_BINDTODEVICE`, socket(7)).
    pub interface: Option<String>,
    /// Mark of the packets, for firewalls and routing (`SO_MARK`, socket(7)).
    pub mark: Option<u32>,
    /// Class of the packets (RFC 2474), from 0 to 63.
    pub dscp: Option<u8>,
    /// Whether a connection may come from an address that this host does not have (`IP_TRANSPARENT`, ip(7)): that of
    /// its client, which is then its only source.
    pub transparent: bool,
    /// Whether connections are those of MPTCP (RFC 8684), or of TCP if the target does not speak it.
    pub mptcp: bool,
    /// Congestion control by its name (`TCP_CONGESTION`, tcp(7)).
    pub congestion: Option<String>,
}

impl Outbound {
    /// Whether the kernel decides all.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The source addresses for a connection to an address of this family, each once, from the `turn`th on.
    pub fn sources_from(&self, is_ipv6: bool, turn: u64) -> impl Iterator<Item = IpAddr> + '_ {
        let own = move || self.sources.iter().filter(move |it| it.is_ipv6() == is_ipv6).copied();
        let count = own().count();
        let first = turn.checked_rem(count as u64).unwrap_or(0);
        let first = usize::try_from(first).unwrap_or(0);
        own().skip(first).chain(own().take(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_take_turns_within_their_family() {
        let sources = ["10.0.0.1", "::1", "10.0.0.2", "10.0.0.3"].map(|it| it.parse().unwrap());
        let outbound = Outbound { sources: sources.to_vec(), ..Outbound::default() };
        let shown = |is_ipv6, turn| {
            let sources = outbound.sources_from(is_ipv6, turn).map(|it| it.to_string());
            sources.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(false, 0), "10.0.0.1 10.0.0.2 10.0.0.3");
        assert_eq!(shown(false, 4), "10.0.0.2 10.0.0.3 10.0.0.1");
        assert_eq!(shown(true, u64::MAX), "::1");
        assert_eq!(Outbound::default().sources_from(true, 7).count(), 0);
        assert!(Outbound::default().is_nothing() && !outbound.is_nothing());
    }
}
