//! Why the admin interface cannot be served.

use host::TokenError;
use std::error::Error;
use std::fmt;
use std::io;
use sys::Errno;

/// Why the admin interface that the configuration asks for cannot be served.
#[derive(Debug)]
pub enum DoorError {
    /// Its place, a path or an address, and the reason.
    At(String, DoorCause),
    /// The socket of the previous process image does not listen.
    NotListening,
}

/// Why the admin interface cannot listen at its place.
#[derive(Debug)]
pub enum DoorCause {
    /// The kernel refuses the Unix socket.
    Unix(Errno),
    /// The kernel refuses the port, or a call on the socket.
    Socket(io::Error),
    /// A port needs a token, and the configuration names no file with one.
    NoTokenFile,
    /// The token cannot be used.
    Token(TokenError),
    /// The previous process image has not handed the token on, and the settings in force name no file.
    TokenLost,
    /// Other processes of this user could read the token in the memory of this one.
    HideToken(Errno),
}

impl fmt::Display for DoorError {
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

impl Error for DoorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::At(_, DoorCause::Socket(error)) => Some(error),
            Self::At(_, DoorCause::Token(error)) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for DoorCause {
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
