//! The cases: an attack each, and the request of a neighbour.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::hello;
use super::program::Templates;

/// A case, played with every program that has a configuration for it.
#[derive(Debug)]
pub(super) struct Case {
    /// `--only` selects by it.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    pub(super) attack: Attack,
    pub(super) template: fn(&Templates) -> Option<&String>,
    /// Whether our own forwarder promises to serve the neighbour; by the key of its file.
    pub(super) promises: fn(&str) -> bool,
}

/// The clients of an attack, and what they send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// So many clients that send a byte.
    Clients(u8),
    /// Ten clients that begin a TLS ClientHello.
    Hellos,
    /// Ten clients that begin a PROXY header.
    Headers,
    /// A client for each /64 of one /48.
    Prefixes,
    /// SYN packets from addresses that never answer.
    HalfOpen,
}

pub(super) const CASES: [Case; 7] = [
    Case {
        key: "one",
        title: "One client takes all it gets",
        text: "All connections of the crowd come from one address.",
        attack: Attack::Clients(1),
        template: |it| it.plain.as_ref(),
        promises: |_| true,
    },
    Case {
        key: "ten",
        title: "Ten clients take all they get",
        text: "The connections of the crowd come from ten addresses.",
        attack: Attack::Clients(10),
        template: |it| it.plain.as_ref(),
        promises: |_| true,
    },
    Case {
        key: "hundred",
        title: "A hundred clients take all they get",
        text: "The connections of the crowd come from a hundred addresses. With a fixed limit per client, they may hold more
than there is together.",
        attack: Attack::Clients(100),
        template: |it| it.plain.as_ref(),
        promises: |_| true,
    },
    Case {
        key: "hellos",
        title: "Hellos that never end",
        text: "The forwarder chooses targets by the name in the TLS ClientHello. Ten clients send the first 40 bytes of one,
and then nothing. The neighbour sends a whole one.",
        attack: Attack::Hellos,
        template: |it| it.hellos.as_ref(),
        promises: |_| true,
    },
    Case {
        key: "headers",
        title: "PROXY headers that never end",
        text: "The forwarder requires a PROXY header. Ten clients send the beginning of one, and then nothing. The neighbour
sends a whole one. nginx and HAProxy end a client at once whose header does not come in one piece.",
        attack: Attack::Headers,
        template: |it| it.headers.as_ref(),
        promises: |_| true,
    },
    Case {
        key: "prefixes",
        title: "A client in each network of a /48",
        text: "Each connection of the crowd comes from another /64 of one IPv6 /48, as a provider gives it to one customer.
The neighbour has another /48. By /64, each connection is a client of its own, for which no share can leave room:
`prefix` must be as long as the prefixes that customers get.",
        attack: Attack::Prefixes,
        template: |it| it.prefixes.as_ref(),
        promises: |key| key.ends_with("-48"),
    },
    Case {
        key: "half_open",
        title: "Half-open connections",
        text: "2,000 SYN packets a second come from addresses that never answer. The kernel handles them without the
forwarder (SYN cookies, tcp(7)).",
        attack: Attack::HalfOpen,
        template: |it| it.plain.as_ref(),
        promises: |_| true,
    },
];

/// The /48 networks of the crowd and of the neighbour: documentation addresses (RFC 3849).
pub(super) const NETWORKS: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0),
    Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0),
];

/// Where half-open connections come from: documentation addresses (RFC 5737), which have no route.
pub(super) const NOWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 0);

const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

impl Attack {
    /// Where the forwarder listens, at a port.
    pub(super) fn listen(self, port: u16) -> SocketAddr {
        let ip: IpAddr = match self {
            Self::Prefixes => Ipv6Addr::LOCALHOST.into(),
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        (ip, port).into()
    }

    /// Where the nth connection of the crowd comes from.
    pub(super) fn source(self, nth: usize) -> IpAddr {
        let of = |count: u8| {
            let number = u8::try_from(nth % usize::from(count)).unwrap_or_default();
            Ipv4Addr::new(127, 1, 0, number).into()
        };
        match self {
            Self::Clients(count) => of(count),
            Self::Hellos | Self::Headers => of(10),
            Self::HalfOpen => {
                let number = u8::try_from(nth % 256).unwrap_or_default();
                let [a, b, c, _] = NOWHERE.octets();
                Ipv4Addr::new(a, b, c, number).into()
            }
            Self::Prefixes => {
                let [network, _] = NETWORKS;
                let mut segments = network.segments();
                segments[3] = u16::try_from(nth % usize::from(u16::MAX)).unwrap_or_default();
                segments[7] = 1;
                Ipv6Addr::from(segments).into()
            }
        }
    }

    /// What a connection of the crowd sends.
    pub(super) fn opening(self) -> Vec<u8> {
        match self {
            Self::Hellos => hello::begun(),
            Self::Headers => b"PROXY TCP4 127.1.".to_vec(),
            _ => b".".to_vec(),
        }
    }

    /// Where the neighbour comes from.
    pub(super) fn neighbour(self) -> IpAddr {
        match self {
            Self::Prefixes => {
                let [_, network] = NETWORKS;
                Ipv6Addr::from_bits(network.to_bits() + 1).into()
            }
            _ => NEIGHBOUR.into(),
        }
    }

    /// What the neighbour sends: bytes for the forwarder, and bytes that the target sends back.
    pub(super) fn request(self) -> (Vec<u8>, Vec<u8>) {
        let line = b"a neighbour\n".to_vec();
        match self {
            Self::Hellos => (Vec::new(), hello::with_name("a.test")),
            Self::Headers => (b"PROXY TCP4 127.0.0.7 127.0.0.1 4000 80\r\n".to_vec(), line),
            _ => (Vec::new(), line),
        }
    }
}
