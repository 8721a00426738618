//! All listeners of the admin interface and of the metrics, with the tokens in force.

use super::denials::Denials;
use super::interface::Interface;
use super::listener::{AdminListener, BoundListener, log_no_directory};
use super::listener_error::{AdminListenCause, AdminListenError};
use super::reserve::Reserve;
use super::tokens::Tokens;
use host::{AdminTokens, TokenError, admin_group_may_connect, admin_rights, usable_socket};
use plan::{AdminSocket, Process};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The parts of the admin interface that the previous process image hands over.
#[derive(Default)]
pub(crate) struct AdminHandoff {
    /// The listening sockets.
    pub(crate) sockets: Vec<(Interface, OwnedFd)>,
    /// The tokens that were in force.
    pub(crate) tokens: Option<AdminTokens>,
    /// Denied requests by reason.
    pub(crate) denied: Vec<u64>,
}

/// The listeners of the admin interface and of the metrics.
pub(crate) struct AdminListeners {
    listeners: Vec<AdminListener>,
    tokens: Tokens,
    /// The file of the tokens; `None` without a port.
    token_file: Option<PathBuf>,
    denials: Denials,
    group_may_connect: bool,
    /// The group in `admin_group`.
    group: Option<u32>,
    /// For the connections of the admin interface; `None` before [`Self::open_reserve`], and without one.
    reserve: Option<Reserve>,
}

impl AdminListeners {
    /// Binds all addresses in `in_force`. `reads_a_file` is whether the process has a configuration
    /// file.
    ///
    /// # Errors
    ///
    /// Every address that cannot be bound.
    pub(crate) fn bind(
        in_force: &Process,
        reads_a_file: bool,
    ) -> Result<Self, Vec<AdminListenError>> {
        let mut listeners = Self::new(in_force);
        let errors = listeners.complete(in_force, reads_a_file, None);
        if errors.is_empty() { Ok(listeners) } else { Err(errors) }
    }

    /// Resumes on the sockets of the previous image, and binds the addresses in `in_force` that are
    /// missing. Returns the errors, too: the process goes on without these listeners.
    pub(crate) fn resume(
        in_force: &Process,
        reads_a_file: bool,
        handoff: AdminHandoff,
    ) -> (Self, Vec<AdminListenError>) {
        let AdminHandoff { sockets, tokens, denied } = handoff;
        let (mut listeners, mut errors) = (Self::new(in_force), Vec::new());
        listeners.denials.restore(&denied);
        for (interface, socket) in sockets {
            match AdminListener::resume(interface, socket) {
                Ok(listener) => listeners.listeners.push(listener),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(listeners.complete(in_force, reads_a_file, tokens));
        (listeners, errors)
    }

    /// No listener.
    pub(crate) fn none() -> Self {
        Self::new(&Process::default())
    }

    fn new(in_force: &Process) -> Self {
        Self {
            listeners: Vec::new(),
            tokens: Tokens::default(),
            token_file: in_force.admin_token_file.clone(),
            denials: Denials::default(),
            group_may_connect: admin_group_may_connect(in_force),
            // An unknown group is an error where the socket is bound.
            group: admin_rights(in_force).ok().and_then(|rights| rights.group),
            reserve: None,
        }
    }

    /// Binds the missing listeners. `known` are the tokens of the previous image.
    fn complete(
        &mut self,
        in_force: &Process,
        reads_a_file: bool,
        known: Option<AdminTokens>,
    ) -> Vec<AdminListenError> {
        let mut errors = Vec::new();
        let port = self.has(Interface::Admin, false);
        if port || in_force.admin.port.is_some() {
            match self.take_tokens(known) {
                Ok(()) if port => {}
                Ok(()) => {
                    let bound = in_force.admin.port.map(AdminListener::bind_port);
                    self.add(bound.transpose(), &mut errors);
                }
                Err(error) => {
                    // Without tokens, the port would refuse every caller.
                    self.listeners
                        .retain(|it| it.is_unix() || it.interface() == Interface::Metrics);
                    errors.push(error);
                }
            }
        }
        if !self.has(Interface::Admin, true) {
            self.add(bind_socket(in_force, reads_a_file), &mut errors);
        }
        if !self.has(Interface::Metrics, false) {
            let bound = in_force.metrics.map(AdminListener::bind_metrics);
            self.add(bound.transpose(), &mut errors);
        }
        errors
    }

    fn has(&self, interface: Interface, is_unix: bool) -> bool {
        self.listeners.iter().any(|it| it.interface() == interface && it.is_unix() == is_unix)
    }

    fn add(
        &mut self,
        bound: Result<Option<AdminListener>, AdminListenError>,
        errors: &mut Vec<AdminListenError>,
    ) {
        match bound {
            Ok(listener) => self.listeners.extend(listener),
            Err(error) => errors.push(error),
        }
    }

    /// Puts the tokens of the file in force, or those of the previous image if it cannot be read.
    fn take_tokens(&mut self, known: Option<AdminTokens>) -> Result<(), AdminListenError> {
        sys::hide_memory().map_err(AdminListenError::HideTokens)?;
        let tokens = match (self.read_tokens(), known) {
            (Ok(Some(tokens)), _) | (Ok(None), Some(tokens)) => tokens,
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "the tokens in force stay");
                known
            }
            (Err(error), None) => return Err(AdminListenError::Token(error)),
            (Ok(None), None) => return Err(AdminListenError::NoTokens),
        };
        self.tokens.replace(tokens);
        Ok(())
    }

    /// Reads the file of the tokens again; `None` without a port.
    pub(crate) fn read_tokens(&self) -> Result<Option<AdminTokens>, TokenError> {
        self.token_file.as_deref().map(AdminTokens::read).transpose()
    }

    /// Whether these tokens differ from those in force.
    pub(crate) fn differ(&self, tokens: Option<&AdminTokens>) -> bool {
        tokens.is_some() && self.tokens.read(|present| present != tokens)
    }

    /// Puts these tokens in force.
    pub(crate) fn replace_tokens(&self, tokens: Option<AdminTokens>) {
        if let Some(tokens) = tokens {
            self.tokens.replace(tokens);
        }
    }

    /// The tokens in force, for the next image.
    pub(crate) fn saved_tokens(&self) -> Option<AdminTokens> {
        self.tokens.present()
    }

    pub(super) fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }

    pub(crate) fn denials(&self) -> Denials {
        self.denials.clone()
    }

    pub(super) fn group_may_connect(&self) -> bool {
        self.group_may_connect
    }

    pub(super) fn group(&self) -> Option<u32> {
        self.group
    }

    /// Opens the descriptors in reserve, if there is an admin interface. Call it when the process has opened all that
    /// it needs, and before it is ready: from then on its number of descriptors follows its connections.
    pub(crate) fn open_reserve(&mut self) {
        let has_admin = [true, false].iter().any(|is_unix| self.has(Interface::Admin, *is_unix));
        self.reserve = has_admin.then(Reserve::open);
    }

    pub(super) fn take_reserve(&mut self) -> Option<Reserve> {
        self.reserve.take()
    }

    /// Takes the sockets for the server. None are left the second time.
    pub(super) fn take_listeners(&mut self) -> Vec<(Interface, BoundListener)> {
        let listeners = self.listeners.iter_mut();
        listeners.filter_map(|it| Some((it.interface(), it.take()?))).collect()
    }

    /// The paths and addresses of an interface, if it has any.
    pub(crate) fn places(&self, interface: Interface) -> Option<String> {
        let places: Vec<_> = self
            .listeners
            .iter()
            .filter(|it| it.interface() == interface)
            .map(AdminListener::place)
            .collect();
        (!places.is_empty()).then(|| places.join(","))
    }

    /// The listening sockets.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = &OwnedFd> {
        self.listeners.iter().map(AdminListener::socket)
    }

    /// The numbers of the descriptors of an interface.
    pub(crate) fn numbers(&self, interface: Interface) -> Vec<u32> {
        self.listeners
            .iter()
            .filter(|it| it.interface() == interface)
            .map(AdminListener::number)
            .collect()
    }
}

/// Which address in `in_force` this socket has.
pub(crate) fn interface_of(socket: &OwnedFd, in_force: &Process) -> Option<Interface> {
    let at = |path: &Path| sys::listen::is_at_path(socket, path);
    let address = sys::listen::local_address(socket).ok().flatten();
    let is_socket = match &in_force.admin.socket {
        Some(AdminSocket::Auto) => usable_socket().is_some_and(|path| at(&path)),
        Some(AdminSocket::At(path)) => at(path),
        None => false,
    };
    let is_port = address.is_some() && address == in_force.admin.port;
    let is_metrics = || match (in_force.metrics?, address?) {
        (plan::MetricsAddress::Any { port }, at) => {
            Some(at.port() == port && at.ip().is_unspecified())
        }
        (plan::MetricsAddress::Ip(configured), at) => Some(configured == at),
    };
    if is_socket || is_port {
        return Some(Interface::Admin);
    }
    is_metrics().unwrap_or_default().then_some(Interface::Metrics)
}

/// Binds the Unix socket. `None` if none is configured, or if it is chosen automatically and cannot be
/// bound.
fn bind_socket(
    in_force: &Process,
    reads_a_file: bool,
) -> Result<Option<AdminListener>, AdminListenError> {
    let Some(socket) = &in_force.admin.socket else { return Ok(None) };
    if *socket == AdminSocket::Auto && !reads_a_file {
        return Ok(None);
    }
    let rights = admin_rights(in_force).map_err(AdminListenError::Group)?;
    match socket {
        AdminSocket::At(path) => AdminListener::bind_unix(path, &rights).map(Some),
        AdminSocket::Auto => {
            let Some(path) = usable_socket() else {
                log_no_directory();
                return Ok(None);
            };
            let bound = AdminListener::bind_unix(&path, &rights);
            if let Err(AdminListenError::At(_, _, AdminListenCause::SocketInUse { pid })) = &bound {
                tracing::warn!(
                    socket = %path.display(),
                    pid,
                    "no admin interface: another process holds its socket"
                );
                return Ok(None);
            }
            bound.map(Some)
        }
    }
}
