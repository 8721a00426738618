//! The address of a target: where a session connects to, or what it asks the resolver for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The address of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TargetAddress {
    /// An address that needs no look-up.
    Ip(SocketAddr),
    /// A name and port, resolved for each session.
    Name(Arc<str>, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// A name whose records are targets, and the port of its addresses, while none of them is known. The
    /// session takes the addresses of the first answer. A service has the prefix `srv:`, and port 0.
    Set(Arc<str>, u16),
}

impl TargetAddress {
    /// Whether each session asks the resolver for the addresses.
    pub(crate) fn is_resolved(&self) -> bool {
        matches!(self, Self::Name(..) | Self::Set(..))
    }

    /// The address for checks and probes.
    pub(crate) fn as_checked(&self) -> CheckedAddress<'_> {
        match self {
            Self::Ip(address) => CheckedAddress::Ip(*address),
            Self::Name(host, port) | Self::Set(host, port) => CheckedAddress::Name(host, *port),
            Self::Unix(path) => CheckedAddress::Unix(path),
        }
    }
}

/// Address of a target, for checks and probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckedAddress<'a> {
    /// An address that needs no look-up.
    Ip(SocketAddr),
    /// A name and port: it is resolved for each connection.
    Name(&'a str, u16),
    /// The path of a Unix socket.
    Unix(&'a Path),
}

impl From<&plan::Target> for TargetAddress {
    fn from(target: &plan::Target) -> Self {
        match target {
            plan::Target::Ip(address) => Self::Ip(*address),
            // The resolver turns the interface's name into its number.
            plan::Target::Zoned(address) => {
                Self::Name(format!("{}%{}", address.ip, address.zone).into(), address.port)
            }
            plan::Target::Name { host, port } => Self::Name(host.as_str().into(), *port),
            plan::Target::Unix(path) => Self::Unix(path.clone()),
            plan::Target::Dns { host, port } => Self::Set(host.as_str().into(), *port),
            plan::Target::Srv { .. } => Self::Set(target.to_string().into(), 0),
        }
    }
}
