//! Errors of the admin listener.

use host::TokenError;
use std::error::Error;
use std::fmt;
use std::io;
use sys::Errno;

/// Why the configured admin interface cannot listen.
#[derive(Debug)]
pub enum AdminListenError {
    /// Its path or address, and the cause.
    At(String, AdminListenCause),
    /// The socket of the previous process image does not listen.
    NotListening,
}

/// Why the admin interface cannot listen at its address.
#[derive(Debug)]
pub enum AdminListenCause {
    /// The kernel refuses the Unix socket.
    Unix(Errno),
    /// The kernel refuses the port, or a call on the socket.
    Socket(io::Error),
    /// A port needs a token, and the configuration names no file with one.
    NoTokenFile,
    /// The token cannot be used.
    Token(TokenError),
    /// The handed-off state has no token, and the settings in force name no token file.
    TokenLost,
    /// The kernel does not protect the token: other processes of this user could read it in memory.
    HideToken(Errno),
}

impl fmt::Display for AdminListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(place, cause) => {
                write!(f, "the admin interface cannot listen on {place}: {cause}")
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
            Self::At(_, AdminListenCause::Socket(error)) => Some(error),
            Self::At(_, AdminListenCause::Token(error)) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for AdminListenCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(errno) => {
                let error = sys::errno_text(*errno);
                write!(f, "{error}; its directory must exist and be writable")
            }
            Self::Socket(error) => error.fmt(f),
            Self::NoTokenFile => f.write_str("`admin_token_file` is not set"),
            Self::Token(error) => error.fmt(f),
            Self::TokenLost => f.write_str("its token is not known any more: restart the process"),
            Self::HideToken(errno) => write!(f, "hide the token: {}", sys::errno_text(*errno)),
        }
    }
}
