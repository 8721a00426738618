//! Listen and target addresses of a plan.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Address of a listener.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenAddress {
    /// Every address of this host, IPv4 and IPv6.
    Any {
        /// The TCP port.
        port: u16,
    },
    /// One address of this host. `0.0.0.0` stands for every IPv4 address, `[::]` for every IPv6
    /// address.
    Ip(SocketAddr),
    /// A link-local address with its interface by name.
    Zoned(ZonedAddress),
    /// Every address of a name. [`Plan::resolve_listeners`](crate::Plan::resolve_listeners) replaces it.
    Name {
        /// The name as written; only its syntax has been checked.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A Unix socket; the path is absolute.
    Unix(PathBuf),
    /// Sockets activated by the service manager under this name (`LISTEN_FDNAMES`).
    Activated(String),
}

/// A link-local address of one interface (RFC 4007). The kernel knows interfaces by number, and a
/// number may change at each boot, so the name is resolved for each socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZonedAddress {
    /// The address; link-local.
    pub ip: Ipv6Addr,
    /// Name of the interface.
    pub zone: String,
    /// The TCP port.
    pub port: u16,
}

/// Destination of a forward's sessions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An IP address, which needs no name lookup.
    Ip(SocketAddr),
    /// A link-local address with its interface by name.
    Zoned(ZonedAddress),
    /// A host name, resolved when a session connects.
    Name {
        /// The name as written; only its syntax has been checked.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A Unix socket; the path is absolute.
    Unix(PathBuf),
    /// Every address of a host name is a target.
    Dns {
        /// The name as written; only its syntax has been checked.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// Every record of a service is a target, with its own port (RFC 2782).
    Srv {
        /// The name as written, such as `_postgres._tcp.db.internal`.
        service: String,
    },
}

impl Target {
    /// Whether it may be reached at an IPv6 address.
    pub fn may_have_ipv6(&self) -> bool {
        match self {
            Self::Ip(address) => address.is_ipv6(),
            Self::Unix(_) => false,
            Self::Zoned(_) | Self::Name { .. } | Self::Dns { .. } | Self::Srv { .. } => true,
        }
    }
}

impl ListenAddress {
    /// The TCP port; `None` for Unix and activated sockets.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Any { port } | Self::Name { port, .. } => Some(*port),
            Self::Ip(address) => Some(address.port()),
            Self::Zoned(address) => Some(address.port),
            Self::Unix(_) | Self::Activated(_) => None,
        }
    }

    /// Whether one host cannot listen on both, judged by the text alone. IPv4 and IPv6 ports are
    /// separate; [`Self::Any`] covers both.
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
            (Self::Zoned(zoned), Self::Ip(ip)) | (Self::Ip(ip), Self::Zoned(zoned)) => {
                let any = ip.is_ipv6() && ip.ip().is_unspecified();
                any && ip.port() == zoned.port
            }
            (one, other) => one == other,
        }
    }
}

impl Target {
    /// The target in the spelling that all equal ones share: IPv4 addresses in their own form, names
    /// in lower case.
    pub(crate) fn canonical(&self) -> Self {
        match self {
            Self::Ip(SocketAddr::V6(address)) if address.scope_id() == 0 => {
                Self::Ip(SocketAddr::new(address.ip().to_canonical(), address.port()))
            }
            Self::Name { host, port } => {
                Self::Name { host: host.to_ascii_lowercase(), port: *port }
            }
            Self::Dns { host, port } => Self::Dns { host: host.to_ascii_lowercase(), port: *port },
            Self::Srv { service } => Self::Srv { service: service.to_ascii_lowercase() },
            other => other.clone(),
        }
    }

    /// The TCP port; `None` for a Unix socket, and for a service, whose records have their ports.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(address) => Some(address.port()),
            Self::Zoned(address) => Some(address.port),
            Self::Name { port, .. } | Self::Dns { port, .. } => Some(*port),
            Self::Unix(_) | Self::Srv { .. } => None,
        }
    }

    /// Whether connections to it are TCP.
    pub fn is_tcp(&self) -> bool {
        !matches!(self, Self::Unix(_))
    }

    /// Whether it stands for any number of targets, which DNS lists.
    pub fn is_set(&self) -> bool {
        matches!(self, Self::Dns { .. } | Self::Srv { .. })
    }
}

/// An address with a port or a range of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranged<A> {
    /// The address with the first port of the range.
    pub(crate) first: A,
    /// Number of ports; 1 unless this is a range.
    pub(crate) count: u16,
}

impl<A> Ranged<A> {
    pub(crate) fn one(first: A) -> Self {
        Self { first, count: 1 }
    }
}

impl Ranged<ListenAddress> {
    /// One listen address per port.
    pub(crate) fn each(&self) -> impl Iterator<Item = ListenAddress> + '_ {
        (0..self.count).map(|more| match &self.first {
            ListenAddress::Any { port } => ListenAddress::Any { port: port.saturating_add(more) },
            ListenAddress::Ip(address) => ListenAddress::Ip(plus(*address, more)),
            ListenAddress::Zoned(address) => ListenAddress::Zoned(address.plus(more)),
            ListenAddress::Name { host, port } => {
                ListenAddress::Name { host: host.clone(), port: port.saturating_add(more) }
            }
            one => one.clone(),
        })
    }
}

impl Ranged<Target> {
    /// One target per port.
    pub(crate) fn each(&self) -> impl Iterator<Item = Target> + '_ {
        (0..self.count).map(|more| self.at(more))
    }

    /// The target at this position in the range, from 0.
    pub(crate) fn at(&self, more: u16) -> Target {
        match &self.first {
            Target::Ip(address) => Target::Ip(plus(*address, more)),
            Target::Zoned(address) => Target::Zoned(address.plus(more)),
            Target::Name { host, port } => {
                Target::Name { host: host.clone(), port: port.saturating_add(more) }
            }
            Target::Dns { host, port } => {
                Target::Dns { host: host.clone(), port: port.saturating_add(more) }
            }
            one @ (Target::Unix(_) | Target::Srv { .. }) => one.clone(),
        }
    }
}

impl ZonedAddress {
    fn plus(&self, more: u16) -> Self {
        Self { port: self.port.saturating_add(more), ..self.clone() }
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

impl fmt::Display for ZonedAddress {
    /// `[fe80::1%eth0]:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}%{}]:{}", self.ip, self.zone, self.port)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any { port } => write!(f, ":{port}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Zoned(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Activated(name) => write!(f, "fd:{name}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::Zoned(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Dns { host, port } => write!(f, "dns:{host}:{port}"),
            Self::Srv { service } => write!(f, "srv:{service}"),
        }
    }
}
