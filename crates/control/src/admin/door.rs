//! The listening socket of the admin interface.

use super::access::Access;
use super::door_error::{DoorCause, DoorError};
use host::{Token, forbidden_directory, usable_socket};
use plan::{Admin, Process};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use sys::{Errno, ListensAt, SocketFile};

/// What is listened on.
pub(super) enum Listener {
    Unix(std::os::unix::net::UnixListener),
    Tcp(std::net::TcpListener),
}

impl Listener {
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

/// A bound socket. Its file, if this process made it, is removed on `Drop`.
pub(crate) struct Door {
    /// The same socket as the listener's, which is given away when the door is opened.
    socket: OwnedFd,
    listener: Option<Listener>,
    access: Access,
    /// Its path, or its address.
    place: String,
    _file: Option<SocketFile>,
}

impl Door {
    /// Binds it as `in_force` says. `None` if there is to be none, or if another process has it
    /// already: that one is not disturbed. `reads_a_file` is whether the process has a
    /// configuration file.
    pub(crate) fn bind(in_force: &Process, reads_a_file: bool) -> Result<Option<Self>, DoorError> {
        match &in_force.admin {
            Admin::Off => Ok(None),
            Admin::Auto if !reads_a_file => Ok(None),
            Admin::Auto => {
                let path = usable_socket();
                if path.is_none() {
                    tell_of_no_directory();
                }
                path.map_or(Ok(None), |path| bind_unix(&path))
            }
            Admin::Unix(path) => bind_unix(path),
            Admin::Tcp(address) => bind_tcp(*address, in_force.admin_token_file.as_deref()),
        }
    }

    /// Serves on at the socket of the previous image. What it is bound to is asked of the kernel:
    /// the configuration may name another place by now, for the next start. `token` is what a
    /// client has to know on a port.
    pub(crate) fn resume(
        socket: OwnedFd,
        token: impl FnOnce() -> Result<Token, DoorCause>,
    ) -> Result<Self, DoorError> {
        match sys::listens_at(socket.as_fd()) {
            Some(ListensAt::Ip { address, .. }) => {
                let token = token().map_err(at(address))?;
                tcp(socket, address, token)
            }
            Some(ListensAt::Unix(path)) => {
                let path = path.unwrap_or_default();
                // Another process may have put a socket of its own there meanwhile.
                unix(socket, &path, SocketFile::of_this_process(&path))
            }
            None => Err(DoorError::NotListening),
        }
    }

    /// Whether this socket is where the admin interface is to listen.
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

    /// Where it listens: a path, or an address and port.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The listening socket.
    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// The number of its descriptor.
    pub(crate) fn number(&self) -> u32 {
        // Descriptors are never negative.
        u32::try_from(self.socket.as_raw_fd()).unwrap_or(u32::MAX)
    }

    /// What a client has to know, on a port.
    pub(crate) fn token(&self) -> Option<&str> {
        self.access.token()
    }

    /// What serves it, and for whom: once.
    pub(super) fn take_listener(&mut self) -> Option<(Listener, Access)> {
        Some((self.listener.take()?, self.access.clone()))
    }
}

/// Where a directory is that this user may not use, somebody has made it for another: then an
/// operator would look for the socket in vain.
fn tell_of_no_directory() {
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

fn bind_unix(path: &Path) -> Result<Option<Door>, DoorError> {
    let shown = path.display();
    match sys::listen::unix_private(path) {
        Ok(socket) => unix(socket, path, SocketFile::at(path)).map(Some),
        Err(Errno::ADDRINUSE) => {
            tracing::warn!(
                socket = %shown,
                pid = sys::listen::unix_owner(path),
                "no admin interface: another process holds its socket"
            );
            Ok(None)
        }
        Err(errno) => Err(at(shown)(DoorCause::Unix(errno))),
    }
}

fn unix(socket: OwnedFd, path: &Path, file: Option<SocketFile>) -> Result<Door, DoorError> {
    let shown = path.display();
    tracing::debug!(socket = %shown, "admin interface");
    door(socket, shown.to_string(), Listener::unix, Access::unix(), file)
        .map_err(DoorCause::Socket)
        .map_err(at(shown))
}

fn bind_tcp(address: SocketAddr, token_file: Option<&Path>) -> Result<Option<Door>, DoorError> {
    // A plan has one for each port.
    let Some(token_file) = token_file else {
        return Err(at(address)(DoorCause::NoTokenFile));
    };
    let token = Token::read(token_file).map_err(DoorCause::Token).map_err(at(address))?;
    match std::net::TcpListener::bind(address).map(OwnedFd::from) {
        Ok(socket) => {
            let bound = sys::listen::local_address(&socket).ok().flatten().unwrap_or(address);
            tcp(socket, bound, token).map(Some)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!(%address, "no admin interface: another process listens on its port");
            Ok(None)
        }
        Err(error) => Err(at(address)(DoorCause::Socket(error))),
    }
}

fn tcp(socket: OwnedFd, address: SocketAddr, token: Token) -> Result<Door, DoorError> {
    sys::hide_memory().map_err(DoorCause::HideToken).map_err(at(address))?;
    tracing::debug!(%address, "admin interface");
    door(socket, address.to_string(), Listener::tcp, Access::tcp(token), None)
        .map_err(DoorCause::Socket)
        .map_err(at(address))
}

fn door(
    socket: OwnedFd,
    place: String,
    listener: fn(OwnedFd) -> io::Result<Listener>,
    access: Access,
    file: Option<SocketFile>,
) -> io::Result<Door> {
    let listener = listener(socket.try_clone()?)?;
    Ok(Door { socket, listener: Some(listener), access, place, _file: file })
}

/// Adds the place to the cause.
fn at(place: impl ToString) -> impl FnOnce(DoorCause) -> DoorError {
    move |cause| DoorError::At(place.to_string(), cause)
}
