//! Addresses as a plan holds them: where to listen and where to send.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a listener waits for clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// Every address of this host, IPv4 and IPv6.
    Any {
        /// The TCP port.
        port: u16,
    },
    /// One address of this host; `0.0.0.0` is every IPv4 one and `[::]` every IPv6 one.
    Ip(SocketAddr),
    /// A Unix socket at this absolute path.
    Unix(PathBuf),
    /// The listening sockets that this process was given under this name (`LISTEN_FDNAMES`).
    Activated(String),
}

/// Where a session's bytes go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An address that needs no look-up.
    Ip(SocketAddr),
    /// A host name, looked up when a session needs it.
    Name {
        /// The name as written, checked for its form only.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A Unix socket at this absolute path.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The TCP port, if the text tells one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Any { port } => Some(*port),
            Self::Ip(address) => Some(address.port()),
            Self::Unix(_) | Self::Activated(_) => None,
        }
    }

    /// Whether the two conflict by their text, so that one host cannot listen at both: IPv4 and IPv6
    /// ports are separate, except that [`Self::Any`] covers both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any { port }, other) | (other, Self::Any { port }) => {
                other.port() == Some(*port)
            }
            (Self::Ip(one), Self::Ip(other)) => {
                let any = one.ip().is_unspecified() || other.ip().is_unspecified();
                let alike = one.is_ipv4() == other.is_ipv4() && one.port() == other.port();
                one == other || (any && alike)
            }
            (one, other) => one == other,
        }
    }
}

impl Target {
    /// The TCP port, if this is not a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Name { port, .. } => Some(*port),
            Self::Unix(_) => None,
        }
    }
}

/// An address as it is written, where a range of ports stands for several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranged<A> {
    /// The address with the first port.
    pub(crate) first: A,
    /// How many ports; 1 if this is not a range.
    pub(crate) count: u16,
}

impl<A> Ranged<A> {
    pub(crate) fn one(first: A) -> Self {
        Self { first, count: 1 }
    }
}

impl Ranged<ListenAddress> {
    /// The addresses, one per port.
    pub(crate) fn each(&self) -> impl Iterator<Item = ListenAddress> + '_ {
        (0..self.count).map(|more| match &self.first {
            ListenAddress::Any { port } => ListenAddress::Any { port: port.saturating_add(more) },
            ListenAddress::Ip(address) => ListenAddress::Ip(plus(*address, more)),
            one => one.clone(),
        })
    }
}

impl Ranged<Target> {
    /// The targets, one per port.
    pub(crate) fn each(&self) -> impl Iterator<Item = Target> + '_ {
        (0..self.count).map(|more| match &self.first {
            Target::Ip(address) => Target::Ip(plus(*address, more)),
            Target::Name { host, port } => {
                Target::Name { host: host.clone(), port: port.saturating_add(more) }
            }
            Target::Unix(path) => Target::Unix(path.clone()),
        })
    }
}

fn plus(mut address: SocketAddr, more: u16) -> SocketAddr {
    address.set_port(address.port().saturating_add(more));
    address
}

impl fmt::Display for Ranged<ListenAddress> {
    /// `:5432`, or `:9000-9010` for a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        write_last_port(f, self.first.port(), self.count)
    }
}

impl fmt::Display for Ranged<Target> {
    /// `host:5432`, or `host:9000-9010` for a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        write_last_port(f, self.first.port(), self.count)
    }
}

fn write_last_port(f: &mut fmt::Formatter<'_>, first: Option<u16>, count: u16) -> fmt::Result {
    match (count, first) {
        (2.., Some(port)) => write!(f, "-{}", port.saturating_add(count - 1)),
        _ => Ok(()),
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any { port } => write!(f, ":{port}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Activated(name) => write!(f, "fd:{name}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
