//! The listening socket of the admin interface.

use super::access::{Access, Token};
use super::place::usable_socket;
use super::routes::App;
use super::server::{Listener, serve};
use plan::Admin;
use std::fmt;
use std::net::SocketAddr;
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
    listener: Option<Listener>,
    access: Option<Access>,
    _file: Option<SocketFile>,
}

impl Door {
    /// Binds it as the plan says. `None` if there is to be none, or if another process has it
    /// already: that one is not disturbed.
    pub(crate) fn bind(plan: &plan::Plan) -> Result<Option<Self>, DoorError> {
        match &plan.process.admin {
            Admin::Off => Ok(None),
            Admin::Auto if plan.config.is_none() => Ok(None),
            Admin::Auto => {
                let path = usable_socket();
                if path.is_none() {
                    tracing::debug!("no admin interface: there is no directory for its socket");
                }
                path.map_or(Ok(None), |path| bind_unix(&path))
            }
            Admin::Unix(path) => bind_unix(path),
            Admin::Tcp { address, token_file } => bind_tcp(*address, token_file),
        }
    }

    /// Lets people in, from now on and until the runtime ends.
    pub(crate) fn open(&mut self, app: App) {
        if let (Some(listener), Some(access)) = (self.listener.take(), self.access.take()) {
            tokio::spawn(serve(listener, access, app));
        }
    }
}

fn bind_unix(path: &Path) -> Result<Option<Door>, DoorError> {
    let shown = path.display();
    match sys::listen::unix_private(path) {
        Ok(socket) => {
            let listener = Listener::unix(socket).map_err(|error| fault(&shown, &error))?;
            tracing::debug!(socket = %shown, "admin interface");
            let access = Access::unix();
            let file = SocketFile::at(path);
            Ok(Some(Door { listener: Some(listener), access: Some(access), _file: file }))
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

fn bind_tcp(address: SocketAddr, token_file: &Path) -> Result<Option<Door>, DoorError> {
    let token = Token::read(token_file).map_err(DoorError)?;
    match Listener::tcp(address) {
        Ok(listener) => {
            tracing::debug!(%address, "admin interface");
            let access = Access::tcp(token);
            Ok(Some(Door { listener: Some(listener), access: Some(access), _file: None }))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::warn!(%address, "no admin interface: another process listens on its port");
            Ok(None)
        }
        Err(error) => Err(fault(&address, &error)),
    }
}

fn fault(place: &dyn fmt::Display, error: &dyn fmt::Display) -> DoorError {
    DoorError(format!("the admin interface cannot listen on {place}: {error}"))
}
