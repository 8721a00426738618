//! Headers of the PROXY protocol: the addresses of a proxied connection, ahead of its bytes.
//! See <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>; sections below are of that text.

mod crc32c;
mod encode;
mod parse;
mod tlvs;

pub use parse::{BadProxyHeader, ProxyHeader};

use std::net::{IpAddr, SocketAddr};

/// Longest header that is accepted or sent, in bytes. The protocol allows a v2 header of 64 KiB.
pub const MOST_PROXY_HEADER: usize = 4096;

/// The header that a target gets ahead of the client's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SendProxy {
    /// None.
    #[default]
    Off,
    /// A line of text.
    V1,
    /// The binary form.
    V2,
}

/// The addresses that a PROXY header states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyAddresses {
    /// Those of the connection that carries the header: v1 `UNKNOWN`, v2 `LOCAL`.
    Own,
    /// Of a TCP connection.
    Ip {
        /// The client.
        source: SocketAddr,
        /// The address that it has connected to.
        destination: SocketAddr,
    },
    /// Of a connection between Unix sockets: the path of the client and that of the listener, each padded
    /// with zeroes.
    Unix(Box<[UnixPath; 2]>),
}

/// The path of a Unix socket in a v2 header; all zeroes without one.
pub type UnixPath = [u8; 108];

impl ProxyAddresses {
    /// Those of a TCP connection. IPv4-mapped addresses become IPv4 ones, unless the other one is IPv6.
    pub fn tcp(source: SocketAddr, destination: SocketAddr) -> Self {
        let [source, destination] = same_family(source, destination);
        Self::Ip { source, destination }
    }

    /// Those of an unnamed client of the Unix socket at `path`, of which at most 108 bytes count.
    pub fn unix(path: &[u8]) -> Self {
        let mut listener: UnixPath = [0; 108];
        listener.iter_mut().zip(path).for_each(|(place, byte)| *place = *byte);
        Self::Unix(Box::new([[0; 108], listener]))
    }
}

/// Both addresses in the family that has both.
fn same_family(one: SocketAddr, other: SocketAddr) -> [SocketAddr; 2] {
    let canonical = [one, other].map(|it| SocketAddr::new(it.ip().to_canonical(), it.port()));
    if canonical[0].is_ipv4() == canonical[1].is_ipv4() {
        return canonical;
    }
    canonical.map(|address| match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    })
}
