//! One listening socket of the admin interface or of the metrics.

use super::interface::Interface;
use super::listener_error::{AdminListenCause, AdminListenError};
use flow::SocketRights;
use host::forbidden_directory;
use plan::MetricsAddress;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use sys::kernel::Linux;
use sys::socket::TcpOptions;
use sys::{Errno, ListensAt, SocketFile};

/// A listening socket of either family.
pub(super) enum BoundListener {
    Unix(std::os::unix::net::UnixListener),
    Tcp(std::net::TcpListener),
}

/// A listening socket. Its file, if this process created it, is removed on `Drop`.
pub(super) struct AdminListener {
    /// A duplicate of the listener's descriptor, which moves to the server.
    socket: OwnedFd,
    listener: Option<BoundListener>,
    interface: Interface,
    is_unix: bool,
    /// Path, or address and port.
    place: String,
    _file: Option<SocketFile>,
}

impl AdminListener {
    /// Listens on a Unix socket with these rights on its file.
    pub(super) fn bind_unix(path: &Path, rights: &SocketRights) -> Result<Self, AdminListenError> {
        let error = |cause| AdminListenError::new(Interface::Admin, path.display(), cause);
        match sys::listen::unix(path, rights) {
            Ok(socket) => Self::unix(socket, path, SocketFile::at(Linux, path)),
            Err(refused) if refused.errno == Errno::ADDRINUSE && is_other_file(path) => {
                Err(error(AdminListenCause::NoSocket))
            }
            Err(refused) if refused.errno == Errno::ADDRINUSE => {
                let pid = sys::listen::unix_owner(path);
                Err(error(AdminListenCause::SocketInUse { pid }))
            }
            Err(refused) if refused.key == "listen" => {
                Err(error(AdminListenCause::Unix(refused.errno)))
            }
            Err(refused) => Err(error(AdminListenCause::Rights(refused.key, refused.errno))),
        }
    }

    /// Listens on a port of the loopback.
    pub(super) fn bind_port(address: SocketAddr) -> Result<Self, AdminListenError> {
        Self::bind_tcp(Interface::Admin, &address, sys::listen::tcp(address, &TcpOptions::NONE))
    }

    /// Listens on the address of the metrics.
    pub(super) fn bind_metrics(address: MetricsAddress) -> Result<Self, AdminListenError> {
        let socket = match address {
            MetricsAddress::Any { port } => sys::listen::tcp_any(port, &TcpOptions::NONE),
            MetricsAddress::Ip(address) => sys::listen::tcp(address, &TcpOptions::NONE),
        };
        Self::bind_tcp(Interface::Metrics, &address, socket)
    }

    fn bind_tcp(
        interface: Interface,
        address: &dyn std::fmt::Display,
        socket: sys::Result<OwnedFd>,
    ) -> Result<Self, AdminListenError> {
        let error = |cause| AdminListenError::new(interface, address, cause);
        match socket {
            Ok(socket) => Self::tcp(interface, socket, address),
            Err(Errno::ADDRINUSE) => Err(error(AdminListenCause::PortInUse)),
            Err(errno) => Err(error(AdminListenCause::Port(errno))),
        }
    }

    /// Resumes on the socket of the previous image. The kernel has its address: the configuration
    /// may name another one, for the next start.
    pub(super) fn resume(interface: Interface, socket: OwnedFd) -> Result<Self, AdminListenError> {
        // An older version may have asked for a shorter queue.
        let listening = sys::listen::start(&socket);
        match sys::listens_at(socket.as_fd()).filter(|_| listening.is_ok()) {
            Some(ListensAt::Ip { address, .. }) => Self::tcp(interface, socket, &address),
            Some(ListensAt::Unix(path)) => {
                let path = path.unwrap_or_default();
                // Another process may have replaced the file.
                Self::unix(socket, &path, SocketFile::of_this_process(&path))
            }
            None => Err(AdminListenError::NotListening),
        }
    }

    fn unix(
        socket: OwnedFd,
        path: &Path,
        file: Option<SocketFile>,
    ) -> Result<Self, AdminListenError> {
        let place = path.display().to_string();
        tracing::debug!(socket = place, "admin interface");
        let listener = |socket: OwnedFd| {
            let listener = std::os::unix::net::UnixListener::from(socket);
            listener.set_nonblocking(true)?;
            Ok(BoundListener::Unix(listener))
        };
        Self::new(Interface::Admin, socket, place, listener, file)
    }

    fn tcp(
        interface: Interface,
        socket: OwnedFd,
        address: &dyn std::fmt::Display,
    ) -> Result<Self, AdminListenError> {
        let place = address.to_string();
        match interface {
            Interface::Admin => tracing::debug!(address = place, "admin interface"),
            Interface::Metrics => tracing::debug!(address = place, "metrics"),
        }
        let listener = |socket: OwnedFd| {
            let listener = std::net::TcpListener::from(socket);
            listener.set_nonblocking(true)?;
            Ok(BoundListener::Tcp(listener))
        };
        Self::new(interface, socket, place, listener, None)
    }

    fn new(
        interface: Interface,
        socket: OwnedFd,
        place: String,
        listener: impl FnOnce(OwnedFd) -> io::Result<BoundListener>,
        file: Option<SocketFile>,
    ) -> Result<Self, AdminListenError> {
        let error =
            |error| AdminListenError::new(interface, &place, AdminListenCause::Socket(error));
        let listener = socket.try_clone().and_then(listener).map_err(error)?;
        let is_unix = matches!(listener, BoundListener::Unix(_));
        Ok(Self { socket, listener: Some(listener), interface, is_unix, place, _file: file })
    }

    /// Takes the socket for the server. `None` the second time.
    pub(super) fn take(&mut self) -> Option<BoundListener> {
        self.listener.take()
    }

    pub(super) fn interface(&self) -> Interface {
        self.interface
    }

    pub(super) fn is_unix(&self) -> bool {
        self.is_unix
    }

    /// Its path, or its address and port.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The listening socket.
    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// The number of its descriptor.
    pub(super) fn number(&self) -> u32 {
        // An open descriptor is not negative.
        self.socket.as_raw_fd().cast_unsigned()
    }
}

/// Whether another file than a socket is at `path`.
fn is_other_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok() && !sys::is_socket_file(path)
}

/// Logs why `admin = "auto"` found no directory for its socket. A directory of another user is
/// worth a warning: an operator would look for the socket there.
pub(super) fn log_no_directory() {
    let Some(directory) = forbidden_directory() else {
        return tracing::debug!("no admin interface: there is no directory for its socket");
    };
    tracing::warn!(
        directory = %directory.display(),
        user = sys::user_id(),
        hint = "give it to the user with chown, or set admin in [process]",
        "no admin interface: this user may not write in the directory of its socket"
    );
}
