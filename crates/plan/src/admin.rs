//! Listeners of the admin interface, and the address of the metrics.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address::ListenAddress;

/// Listeners of the admin interface: a Unix socket, a port, both, or none (`"off"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The Unix socket, if there is one.
    pub socket: Option<AdminSocket>,
    /// A TCP port, protected by the tokens in
    /// [`Process::admin_token_file`](crate::Process::admin_token_file). Always a loopback address,
    /// because the interface is not encrypted.
    pub port: Option<SocketAddr>,
}

/// The Unix socket of the admin interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminSocket {
    /// In a host-dependent directory; none if [`Plan::config`](crate::Plan::config) is `None`.
    Auto,
    /// At this path, which is absolute.
    At(PathBuf),
}

impl Admin {
    /// `"auto"`, the default.
    pub const AUTO: Self = Self { socket: Some(AdminSocket::Auto), port: None };

    /// No admin interface.
    pub const OFF: Self = Self { socket: None, port: None };

    /// Whether there is no admin interface.
    pub fn is_off(&self) -> bool {
        *self == Self::OFF
    }

    /// The addresses that are known from the configuration alone.
    pub fn addresses(&self) -> impl Iterator<Item = ListenAddress> {
        let socket = match &self.socket {
            Some(AdminSocket::At(path)) => Some(ListenAddress::Unix(path.clone())),
            Some(AdminSocket::Auto) | None => None,
        };
        socket.into_iter().chain(self.port.map(ListenAddress::Ip))
    }
}

/// One value of `admin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminValue {
    Off,
    Socket(AdminSocket),
    Port(SocketAddr),
}

impl fmt::Display for AdminValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Socket(AdminSocket::Auto) => f.write_str("auto"),
            Self::Socket(AdminSocket::At(path)) => write!(f, "unix:{}", path.display()),
            Self::Port(address) => address.fmt(f),
        }
    }
}

/// The address on which metrics and probes are served without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAddress {
    /// A port of every address, IPv4 and IPv6.
    Any {
        /// The port.
        port: u16,
    },
    /// One address, or every address of its family.
    Ip(SocketAddr),
}

impl MetricsAddress {
    /// The address as that of a listener.
    pub fn listen(self) -> ListenAddress {
        match self {
            Self::Any { port } => ListenAddress::Any { port },
            Self::Ip(address) => ListenAddress::Ip(address),
        }
    }

    /// Its port.
    pub fn port(self) -> u16 {
        match self {
            Self::Any { port } => port,
            Self::Ip(address) => address.port(),
        }
    }
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.listen().fmt(f)
    }
}
