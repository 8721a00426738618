//! The listening socket of the admin interface.

use super::access::Access;
use super::listener_error::{AdminListenCause, AdminListenError};
use host::{Token, forbidden_directory, usable_socket};
use plan::{Admin, Process};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use sys::kernel::Linux;
use sys::{Errno, ListensAt, SocketFile};

/// A listening socket of either family.
pub(super) enum BoundListener {
    Unix(std::os::unix::net::UnixListener),
    Tcp(std::net::TcpListener),
}

impl BoundListener {
    pub(super) fn unix(socket: OwnedFd) -> io::Result<Self> {
        let listener = std::os::unix::net::UnixListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(listener))
    }

    pub(super) fn tcp(socket: OwnedFd) -> io::Result<Self> {
        let listener = std::net::TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(listener))
    }
}

/// The bound socket of the admin interface. Its file, if this process created it, is removed on
/// `Drop`.
pub(crate) struct AdminListener {
    /// A duplicate of the listener's descriptor, which moves to the server.
    socket: OwnedFd,
    listener: Option<BoundListener>,
    access: Access,
    /// Path, or address and port.
    place: String,
    _file: Option<SocketFile>,
}

impl AdminListener {
    /// Binds the address in `in_force`. `None` if the admin interface is off, or if another process
    /// listens there, which keeps it. `reads_a_file` is whether the process has a configuration
    /// file.
    pub(crate) fn bind(
        in_force: &Process,
        reads_a_file: bool,
    ) -> Result<Option<Self>, AdminListenError> {
        match &in_force.admin {
            Admin::Off => Ok(None),
            Admin::Auto if !reads_a_file => Ok(None),
            Admin::Auto => {
                let path = usable_socket();
                if path.is_none() {
                    log_no_directory();
                }
                path.map_or(Ok(None), |path| bind_unix(&path))
            }
            Admin::Unix(path) => bind_unix(path),
            Admin::Tcp(address) => bind_tcp(*address, in_force.admin_token_file.as_deref()),
        }
    }

    /// Resumes on the socket of the previous image. The kernel has its address: the configuration
    /// may name another one, for the next start. `token` is called for a port.
    pub(crate) fn resume(
        socket: OwnedFd,
        token: impl FnOnce() -> Result<Token, AdminListenCause>,
    ) -> Result<Self, AdminListenError> {
        match sys::listens_at(socket.as_fd()) {
            Some(ListensAt::Ip { address, .. }) => {
                let token = token().map_err(at(address))?;
                tcp(socket, address, token)
            }
            Some(ListensAt::Unix(path)) => {
                let path = path.unwrap_or_default();
                // Another process may have replaced the file.
                unix(socket, &path, SocketFile::of_this_process(&path))
            }
            None => Err(AdminListenError::NotListening),
        }
    }

    /// Whether this socket listens at the address in `in_force`.
    pub(crate) fn is_of(socket: &OwnedFd, in_force: &Admin) -> bool {
        let at = |path: &Path| sys::listen::is_at_path(socket, path);
        match in_force {
            Admin::Off => false,
            Admin::Auto => usable_socket().is_some_and(|path| at(&path)),
            Admin::Unix(path) => at(path),
            Admin::Tcp(address) => {
                sys::listen::local_address(socket).ok().flatten() == Some(*address)
            }
        }
    }

    /// Its path, or its address and port.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The listening socket.
    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// The number of its descriptor.
    pub(crate) fn number(&self) -> u32 {
        // An open descriptor is not negative.
        self.socket.as_raw_fd().cast_unsigned()
    }

    /// The token that a client must send, on a port.
    pub(crate) fn token(&self) -> Option<&str> {
        self.access.token()
    }

    /// Takes the socket and its access rules, for the server. `None` the second time.
    pub(super) fn take_listener(&mut self) -> Option<(BoundListener, Access)> {
        Some((self.listener.take()?, self.access.clone()))
    }
}

/// Logs why `admin = "auto"` found no directory for its socket. A directory of another user is
/// worth a warning: an operator would look for the socket there.
fn log_no_directory() {
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

fn bind_unix(path: &Path) -> Result<Option<AdminListener>, AdminListenError> {
    let shown = path.display();
    match sys::listen::unix_private(path) {
        Ok(socket) => unix(socket, path, SocketFile::at(Linux, path)).map(Some),
        Err(Errno::ADDRINUSE) => {
            tracing::warn!(
                socket = %shown,
                pid = sys::listen::unix_owner(path),
                "no admin interface: another process holds its socket"
            );
            Ok(None)
        }
        Err(errno) => Err(at(shown)(AdminListenCause::Unix(errno))),
    }
}

fn unix(
    socket: OwnedFd,
    path: &Path,
    file: Option<SocketFile>,
) -> Result<AdminListener, AdminListenError> {
    let shown = path.display();
    tracing::debug!(socket = %shown, "admin interface");
    admin_listener(socket, shown.to_string(), BoundListener::unix, Access::unix(), file)
        .map_err(AdminListenCause::Socket)
        .map_err(at(shown))
}

fn bind_tcp(
    address: SocketAddr,
    token_file: Option<&Path>,
) -> Result<Option<AdminListener>, AdminListenError> {
    // A checked plan has a token file for each port.
    let Some(token_file) = token_file else {
        return Err(at(address)(AdminListenCause::NoTokenFile));
    };
    let token = Token::read(token_file).map_err(AdminListenCause::Token).map_err(at(address))?;
    match std::net::TcpListener::bind(address).map(OwnedFd::from) {
        Ok(socket) => {
            let bound = sys::listen::local_address(&socket).ok().flatten().unwrap_or(address);
            tcp(socket, bound, token).map(Some)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!(%address, "no admin interface: another process listens on its port");
            Ok(None)
        }
        Err(error) => Err(at(address)(AdminListenCause::Socket(error))),
    }
}

fn tcp(
    socket: OwnedFd,
    address: SocketAddr,
    token: Token,
) -> Result<AdminListener, AdminListenError> {
    sys::hide_memory().map_err(AdminListenCause::HideToken).map_err(at(address))?;
    tracing::debug!(%address, "admin interface");
    admin_listener(socket, address.to_string(), BoundListener::tcp, Access::tcp(token), None)
        .map_err(AdminListenCause::Socket)
        .map_err(at(address))
}

fn admin_listener(
    socket: OwnedFd,
    place: String,
    listener: fn(OwnedFd) -> io::Result<BoundListener>,
    access: Access,
    file: Option<SocketFile>,
) -> io::Result<AdminListener> {
    let listener = listener(socket.try_clone()?)?;
    Ok(AdminListener { socket, listener: Some(listener), access, place, _file: file })
}

/// Adds the address to the cause.
fn at(place: impl ToString) -> impl FnOnce(AdminListenCause) -> AdminListenError {
    move |cause| AdminListenError::At(place.to_string(), cause)
}
