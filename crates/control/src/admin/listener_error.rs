//! Errors of the listeners of the admin interface and of the metrics.

use super::interface::Interface;
use host::{AccountError, TokenError};
use std::error::Error;
use std::fmt;
use std::io;
use sys::Errno;

/// Why a configured address cannot be listened on.
#[derive(Debug)]
pub enum AdminListenError {
    /// What listens there, its path or address, and the cause.
    At(Interface, String, AdminListenCause),
    /// The tokens for the port cannot be used.
    Token(TokenError),
    /// A port needs tokens: the settings in force name no file, and the handed-off state has none.
    NoTokens,
    /// The group of `admin_group`.
    Group(AccountError),
    /// The kernel does not protect the tokens: other processes of this user could read them in memory.
    HideTokens(Errno),
    /// The socket of the previous process image does not listen.
    NotListening,
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub enum AdminListenCause {
    /// The kernel refuses the Unix socket.
    Unix(Errno),
    /// The kernel refuses the right that this setting asks for.
    Rights(&'static str, Errno),
    /// Another process listens on the Unix socket: this one, if it is known.
    SocketInUse {
        /// Its process id.
        pid: Option<u32>,
    },
    /// Another file is at the path of the Unix socket.
    NoSocket,
    /// Another process listens on the port.
    PortInUse,
    /// The kernel refuses the port.
    Port(Errno),
    /// A call on the socket failed.
    Socket(io::Error),
}

impl AdminListenError {
    pub(super) fn new(
        interface: Interface,
        place: impl fmt::Display,
        cause: AdminListenCause,
    ) -> Self {
        Self::At(interface, place.to_string(), cause)
    }

    /// Whether the configuration, or one of its files, must change before a start can succeed.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self, Self::At(..) | Self::NotListening)
    }
}

impl fmt::Display for AdminListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(interface, place, cause) => {
                let what = match interface {
                    Interface::Admin => "the admin interface",
                    Interface::Metrics => "the address of the metrics",
                };
                write!(f, "{what} cannot listen on {place}: ")?;
                cause.write(f, interface.key())
            }
            Self::Token(error) => error.fmt(f),
            Self::NoTokens => f.write_str(
                "the tokens of the admin port are not known any more: restart the process",
            ),
            Self::Group(error) => write!(f, "`admin_group` in [process]: {error}"),
            Self::HideTokens(errno) => {
                write!(f, "hide the tokens of the admin port: {}", sys::errno_text(*errno))
            }
            Self::NotListening => {
                f.write_str("the admin interface's socket does not listen any more")
            }
        }
    }
}

impl Error for AdminListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::At(_, _, AdminListenCause::Socket(error)) => Some(error),
            Self::Token(error) => Some(error),
            Self::Group(error) => Some(error),
            _ => None,
        }
    }
}

impl AdminListenCause {
    /// Writes the cause, and the remedy by the setting `key`.
    fn write(&self, f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
        match self {
            Self::Unix(errno) => {
                let error = sys::errno_text(*errno);
                write!(f, "{error}; its directory must exist and be writable")
            }
            Self::Rights(right, errno) => {
                write!(f, "`admin_{right}` in [process]: {}", sys::errno_text(*errno))
            }
            Self::SocketInUse { pid } => {
                f.write_str("another process listens there")?;
                if let Some(pid) = pid {
                    write!(f, " (pid {pid})")?;
                }
                write!(f, ": stop it, or give `{key}` in [process] another path")
            }
            Self::NoSocket => write!(
                f,
                "a file that is no socket is there: remove it, or give `{key}` in [process] another path"
            ),
            Self::PortInUse => write!(
                f,
                "another process listens there (`ss -ltnp` shows which): stop it, or give `{key}` in \
                 [process] another port"
            ),
            Self::Port(errno) => f.write_str(&sys::errno_text(*errno)),
            Self::Socket(error) => f.write_str(&flow::error_text(error)),
        }
    }
}
