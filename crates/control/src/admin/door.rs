//! The listening socket of the admin interface.

use super::access::{Access, Token};
use super::place::{forbidden_directory, usable_socket};
use super::routes::App;
use super::server::{Listener, serve};
use plan::Admin;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use sys::{Errno, SocketFile};

/// Why the admin interface that the configuration asks for cannot be served.
#[derive(Debug)]
pub(crate) struct DoorError(String);

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bound socket. Its file, if it has one, is removed on `Drop`.
pub(crate) struct Door {
    /// The same socket as the listener's, which is given away when the door is opened.
    socket: OwnedFd,
    listener: Option<Listener>,
    access: Option<Access>,
    /// Its path, or its address.
    place: String,
    _file: Option<SocketFile>,
}

impl Door {
    /// Binds it as the plan says. `None` if there is to be none, or if another process has it
    /// already: that one is not disturbed.
    ///
    /// With a socket that is bound already, that one is used.
    pub(crate) fn bind(
        plan: &plan::Plan,
        bound: Option<OwnedFd>,
    ) -> Result<Option<Self>, DoorError> {
        match &plan.process.admin {
            Admin::Off => Ok(None),
            Admin::Auto if plan.config.is_none() => Ok(None),
            Admin::Auto => {
                let path = usable_socket();
                if path.is_none() {
                    tell_of_no_directory();
                }
                path.map_or(Ok(None), |path| bind_unix(&path, bound))
            }
            Admin::Unix(path) => bind_unix(path, bound),
            Admin::Tcp { address, token_file } => bind_tcp(*address, token_file, bound),
        }
    }

    /// Whether this socket is what the plan's admin interface listens on.
    pub(crate) fn is_of(socket: &OwnedFd, plan: &plan::Plan) -> bool {
        let at = |path: &Path| sys::listen::is_at_path(socket, path);
        match &plan.process.admin {
            Admin::Off => false,
            Admin::Auto => usable_socket().is_some_and(|path| at(&path)),
            Admin::Unix(path) => at(path),
            Admin::Tcp { address, .. } => {
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

    /// Lets people in, from now on and until the runtime ends.
    pub(crate) fn open(&mut self, app: App) {
        if let (Some(listener), Some(access)) = (self.listener.take(), self.access.take()) {
            tokio::spawn(serve(listener, access, app));
        }
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

fn bind_unix(path: &Path, bound: Option<OwnedFd>) -> Result<Option<Door>, DoorError> {
    let shown = path.display();
    match bound.map_or_else(|| sys::listen::unix_private(path), Ok) {
        Ok(socket) => {
            tracing::debug!(socket = %shown, "admin interface");
            let file = SocketFile::at(path);
            let door = door(socket, shown.to_string(), Listener::unix, Access::unix(), file);
            door.map(Some).map_err(|error| fault(&shown, &error))
        }
        Err(Errno::ADDRINUSE) => {
            tracing::warn!(
                socket = %shown,
                pid = sys::listen::unix_owner(path),
                "no admin interface: another process holds its socket"
            );
            Ok(None)
        }
        Err(errno) => {
            let what = sys::errno_text(errno);
            Err(fault(&shown, &format!("{what}; its directory must exist and be writable")))
        }
    }
}

fn bind_tcp(
    address: SocketAddr,
    token_file: &Path,
    bound: Option<OwnedFd>,
) -> Result<Option<Door>, DoorError> {
    let token = Token::read(token_file).map_err(DoorError)?;
    sys::hide_memory()
        .map_err(|errno| fault(&address, &format!("hide the token: {}", sys::errno_text(errno))))?;
    let bind = || std::net::TcpListener::bind(address).map(OwnedFd::from);
    match bound.map_or_else(bind, Ok) {
        Ok(socket) => {
            tracing::debug!(%address, "admin interface");
            let bound = sys::listen::local_address(&socket).ok().flatten().unwrap_or(address);
            let door = door(socket, bound.to_string(), Listener::tcp, Access::tcp(token), None);
            door.map(Some).map_err(|error| fault(&address, &error))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::warn!(%address, "no admin interface: another process listens on its port");
            Ok(None)
        }
        Err(error) => Err(fault(&address, &error)),
    }
}

fn door(
    socket: OwnedFd,
    place: String,
    listener: fn(OwnedFd) -> std::io::Result<Listener>,
    access: Access,
    file: Option<SocketFile>,
) -> std::io::Result<Door> {
    let listener = listener(socket.try_clone()?)?;
    Ok(Door { socket, listener: Some(listener), access: Some(access), place, _file: file })
}

fn fault(place: &dyn fmt::Display, error: &dyn fmt::Display) -> DoorError {
    DoorError(format!("the admin interface cannot listen on {place}: {error}"))
}
