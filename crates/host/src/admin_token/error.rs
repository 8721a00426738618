//! Why the tokens of a file cannot be used.

use crate::privileges::user_in_words;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use sys::Grantee;

/// Minimum length of a token, in bytes: a shorter one can be guessed.
pub(super) const TOKEN_MIN: usize = 16;
/// Largest file of tokens, in bytes.
pub const TOKEN_FILE_MAX: u64 = 64 * 1024;
/// Longest name, in bytes: it is in each audit line.
pub(super) const NAME_MAX: usize = 64;

/// A file whose tokens cannot be used.
#[derive(Debug)]
pub struct TokenError {
    pub(super) path: PathBuf,
    pub(super) fault: TokenFault,
}

#[derive(Debug)]
pub(super) enum TokenFault {
    Unreadable(io::Error),
    NotAFile,
    ReadableByOthers(Grantee),
    /// Its owner, and the user that reads it.
    Foreign {
        owner: u32,
        user: u32,
    },
    /// Its owner, and the user of the process.
    OfAnotherUser {
        owner: u32,
        user: String,
    },
    TooLong,
    Empty,
    /// The number of the line, from 1, and its fault.
    Line(usize, LineFault),
}

/// The fault of a line. Nothing here holds a part of the line: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    Form,
    Role,
    Name,
    Short,
    NotPrintable,
    SameName(usize),
    SameToken(usize),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            TokenFault::Line(line, fault) => write!(f, "{path}:{line}: {fault}"),
            fault => write!(f, "the token file `{path}` {fault}"),
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {}", flow::error_text(error)),
            Self::NotAFile => f.write_str("is not a regular file: give the path of one"),
            Self::ReadableByOthers(grantee @ (Grantee::NamedUser(_) | Grantee::NamedGroup(_))) => {
                write!(
                    f,
                    "is open to {grantee}: chmod 600 it, which ends that, and make a new token"
                )
            }
            Self::ReadableByOthers(Grantee::Group(_) | Grantee::Everyone) => {
                f.write_str("may be read by other users: chmod 600 it, and make a new token")
            }
            Self::Foreign { owner, user } => {
                let whose = if *user == 0 {
                    "root".to_owned()
                } else {
                    format!("root or {}", user_in_words(*user))
                };
                let owner = user_in_words(*owner);
                write!(
                    f,
                    "belongs to {owner}, and must belong to {whose}: chown it, and make a new token"
                )
            }
            Self::OfAnotherUser { owner, user } => write!(
                f,
                "belongs to the user with the id {owner}, and `user` in [process] is `{user}`: chown it"
            ),
            Self::TooLong => write!(f, "is longer than {} KiB", TOKEN_FILE_MAX / 1024),
            Self::Empty => write!(
                f,
                "holds no token: write one word of at least {TOKEN_MIN} ASCII characters, such as \
                 `openssl rand -hex 32` prints, or lines `ROLE NAME TOKEN`"
            ),
            Self::Line(_, fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("write `ROLE NAME TOKEN`, or a token alone in its line"),
            Self::Role => f.write_str("the role must be `view` or `operate`"),
            Self::Name => write!(
                f,
                "the name must have at most {NAME_MAX} characters: letters, digits and `-_.@`"
            ),
            Self::Short => write!(
                f,
                "the token must have at least {TOKEN_MIN} characters: `openssl rand -hex 32` \
                 prints one"
            ),
            Self::NotPrintable => f.write_str("the token must be of printable ASCII characters"),
            Self::SameName(line) => write!(f, "line {line} has a token of this name"),
            Self::SameToken(line) => write!(f, "line {line} has the same token"),
        }
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            TokenFault::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}
