//! Binding listeners, and giving them up.

use plan::ListenAddress;
use rustix::fd::{AsFd, OwnedFd};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use sys::socket::TcpOptions;
use sys::{Errno, SocketFile};

/// One bound listener.
pub(crate) struct Listener {
    /// What the workers know it by.
    pub(crate) number: u32,
    pub(crate) address: ListenAddress,
    pub(crate) socket: Arc<OwnedFd>,
    /// The file of a Unix socket, which goes with it.
    _file: Option<SocketFile>,
}

impl Listener {
    /// Binds. The options are inherited by every accepted socket: no system call per session.
    pub(crate) fn bind(
        number: u32,
        address: &ListenAddress,
        options: &TcpOptions,
    ) -> Result<Self, ListenError> {
        let socket = match address {
            ListenAddress::Any { port } => sys::listen::tcp_any(*port, options),
            ListenAddress::Ip(address) => sys::listen::tcp(*address, options),
            ListenAddress::Unix(path) => sys::listen::unix(path),
        };
        let error = |errno| ListenError { address: address.clone(), errno, ours: false };
        Ok(Self::bound(number, address, socket.map_err(error)?))
    }

    /// One that is bound already.
    pub(crate) fn bound(number: u32, address: &ListenAddress, socket: OwnedFd) -> Self {
        let file = match address {
            ListenAddress::Unix(path) => SocketFile::at(path),
            _ => None,
        };
        Self { number, address: address.clone(), socket: Arc::new(socket), _file: file }
    }

    /// Whether a socket listens on this address.
    pub(crate) fn is_at(socket: &OwnedFd, address: &ListenAddress) -> bool {
        let bound = sys::listen::local_address(socket).ok().flatten();
        match address {
            ListenAddress::Any { port } => {
                bound.is_some_and(|it| it.ip().is_unspecified() && it.port() == *port)
            }
            ListenAddress::Ip(address) => bound == Some(*address),
            ListenAddress::Unix(path) => sys::listen::is_at_path(socket, path),
        }
    }

    /// From now on accepted sockets get these options.
    pub(crate) fn set_options(&self, options: &TcpOptions) {
        if !matches!(self.address, ListenAddress::Unix(_)) {
            // It took others before; a kernel that refuses these leaves it with the old ones.
            let _ = sys::socket::replace_tcp_options(self.socket.as_fd(), options);
        }
    }

    /// Every address that it takes connections to, where it is not a Unix socket.
    pub(crate) fn reached_at(&self) -> Vec<SocketAddr> {
        let Some(address) = self.local_address() else { return Vec::new() };
        if matches!(self.address, ListenAddress::Any { .. }) {
            let all: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            return all.map(|ip| SocketAddr::new(ip, address.port())).into();
        }
        vec![address]
    }

    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        sys::listen::local_address(&*self.socket).ok().flatten()
    }
}

/// A listener could not be bound.
#[derive(Clone, Debug)]
pub struct ListenError {
    /// Where.
    pub address: ListenAddress,
    /// What the kernel said.
    pub errno: Errno,
    /// It is another listener of this process that is in the way.
    pub ours: bool,
}

impl ListenError {
    /// The configuration and this host do not fit together: it will not work later either.
    pub fn is_lasting(&self) -> bool {
        self.errno != Errno::ADDRINUSE
    }

    /// What can be done about it.
    pub fn advice(&self) -> Option<&'static str> {
        let unix = matches!(self.address, ListenAddress::Unix(_));
        match self.errno {
            Errno::ADDRINUSE if self.ours => Some(
                "this process listens on an overlapping address, which it keeps until the new one \
                 is bound: remove that one in a reload of its own first",
            ),
            Errno::ACCESS | Errno::PERM if unix => Some("may this user write to its directory?"),
            Errno::ACCESS | Errno::PERM => Some(
                "ports below net.ipv4.ip_unprivileged_port_start (1024 by default) need root or \
                 CAP_NET_BIND_SERVICE: setcap cap_net_bind_service=+ep on the binary, \
                 AmbientCapabilities= in a systemd unit, or a higher port",
            ),
            Errno::ADDRINUSE if unix => Some("another process listens on it, or a file is there"),
            Errno::ADDRINUSE => Some("another process listens there: see `ss -ltnp`"),
            Errno::ADDRNOTAVAIL => {
                Some("no interface of this host has that address: see `ip addr`")
            }
            Errno::NOENT => Some("its directory does not exist"),
            Errno::MFILE | Errno::NFILE => Some("raise the open-file limit: `ulimit -n`"),
            _ => None,
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = sys::errno_text(self.errno);
        write!(f, "listen {}: {error}", self.address)?;
        self.advice().map_or(Ok(()), |advice| write!(f, " ({advice})"))
    }
}

impl std::error::Error for ListenError {}
