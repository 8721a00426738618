//! Errors that prevent the process from serving.

use crate::admin::AdminListenError;
use crate::listen_names::ListenNameError;
use engine::{ListenError, Unbound};
use host::{NoRoom, RefusedOption, SandboxError, UnknownOwner};
use plan::Plan;
use std::error::Error;
use std::fmt;
use std::io;
use sys::ActivationError;

/// Why the process could not serve.
#[derive(Debug)]
pub enum ServeError {
    /// The sockets given by the service manager cannot be used.
    Activation(ActivationError),
    /// The configured addresses of the admin interface and of the metrics that cannot be listened on.
    Admin(Vec<AdminListenError>),
    /// The sandbox cannot be entered.
    Sandbox(SandboxError),
    /// The open-file limit allows no session.
    NoRoom(NoRoom),
    /// Names in `listen` that cannot be listened on.
    Names(Vec<ListenNameError>),
    /// Owners of Unix listeners that do not exist.
    Owners(Vec<UnknownOwner>),
    /// The kernel does not grant options of connections.
    Options(Vec<RefusedOption>),
    /// All listeners that cannot be bound.
    Unbound(Vec<UnboundListener>),
    /// Every forward is optional, and none could be bound.
    NoListener,
    /// The host refuses a resource: the action that failed, and its error.
    Refused(&'static str, io::Error),
}

/// A listener that cannot be bound.
#[derive(Debug)]
pub struct UnboundListener {
    /// Name of its forward.
    pub forward: String,
    /// Location of the forward in the configuration.
    pub location: String,
    /// Error of bind(2), listen(2) or a check before them.
    pub error: ListenError,
}

impl UnboundListener {
    pub(crate) fn new(plan: &Plan, unbound: &Unbound) -> Self {
        let forward = &plan.forwards[unbound.position];
        let (name, location) = (forward.name.clone(), forward.location.to_string());
        Self { forward: name, location, error: unbound.error.clone() }
    }
}

impl ServeError {
    /// Whether the configuration must change before a start can succeed. Otherwise the cause may
    /// pass.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Activation(_) | Self::Sandbox(_) | Self::NoRoom(_) | Self::Owners(_) => true,
            Self::Admin(errors) => errors.iter().any(AdminListenError::is_lasting),
            Self::Options(refused) => refused.iter().any(RefusedOption::is_lasting),
            Self::Unbound(listeners) => listeners.iter().any(|it| it.error.is_lasting()),
            Self::Names(_) | Self::NoListener | Self::Refused(..) => false,
        }
    }
}

/// One line for each entry.
fn lines<T: fmt::Display>(f: &mut fmt::Formatter<'_>, entries: &[T]) -> fmt::Result {
    let lines: Vec<_> = entries.iter().map(ToString::to_string).collect();
    f.write_str(&lines.join("\n"))
}

/// One line for each fault.
impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activation(error) => error.fmt(f),
            Self::Admin(errors) => lines(f, errors),
            Self::Sandbox(error) => error.fmt(f),
            Self::NoRoom(error) => error.fmt(f),
            Self::Names(failed) => lines(f, failed),
            Self::Owners(unknown) => lines(f, unknown),
            Self::Options(refused) => lines(f, refused),
            Self::Unbound(listeners) => lines(f, listeners),
            Self::NoListener => f.write_str("no listener could be bound"),
            Self::Refused(what, error) => write!(f, "{what}: {}", flow::error_text(error)),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Sandbox(error) => Some(error),
            Self::Refused(_, error) => Some(error),
            _ => None,
        }
    }
}

impl Error for UnboundListener {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Display for UnboundListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { forward, location, error } = self;
        write!(f, "{error}, for forward `{forward}` ({location})")
    }
}
