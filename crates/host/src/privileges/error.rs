//! Errors of switching to the configured user.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use sys::{Errno, IdentityError};

/// The process cannot run as the configured user.
#[derive(Debug)]
pub struct UserError {
    pub(super) user: String,
    pub(super) cause: UserFault,
}

/// The cause of a [`UserError`].
#[derive(Debug)]
pub enum UserFault {
    /// The user or group has no number in `/etc/passwd` and `/etc/group`.
    Account(AccountError),
    /// The kernel keeps identities per thread, and the process has several.
    SeveralThreads,
    /// The kernel refuses the new identity.
    Refused(IdentityError),
    /// The user cannot read the configuration, so a reload would fail.
    Config {
        /// The file of the configuration.
        path: PathBuf,
        /// The error of opening it.
        error: io::Error,
    },
}

/// The entry missing in `/etc/passwd` or `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// No user has this name, and it is not a number.
    NoUser,
    /// No group has this name, and it is not a number.
    NoGroup(String),
    /// The user is a number without an entry, so its group is not known either.
    GroupUnknown,
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, cause } = self;
        write!(f, "run as user `{user}`: {cause}")
    }
}

impl Error for UserError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            UserFault::Account(error) => Some(error),
            UserFault::Config { error, .. } => Some(error),
            UserFault::SeveralThreads | UserFault::Refused(_) => None,
        }
    }
}

impl fmt::Display for UserFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(error) => error.fmt(f),
            Self::SeveralThreads => {
                f.write_str("the process has several threads, or there is no /proc")
            }
            Self::Refused(IdentityError { call, errno }) => {
                write!(f, "{call}: {}", sys::errno_text(*errno))?;
                if *errno == Errno::PERM {
                    f.write_str(
                        " (only root may become another user, with CAP_SETUID and CAP_SETGID: start \
                         the program as root or as this user, or remove `user`)",
                    )?;
                }
                Ok(())
            }
            Self::Config { path, error } => {
                let (path, error) = (path.display(), flow::error_text(error));
                write!(
                    f,
                    "it cannot read the configuration `{path}`, which every reload reads: {error}"
                )
            }
        }
    }
}

impl AccountError {
    /// The text of [`Self::NoGroup`] without the group.
    pub(super) const NO_GROUP: &str = "there is no such group in /etc/group (configure accounts of a directory service by number)";
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser => f.write_str(
                "there is no such user in /etc/passwd (configure accounts of a directory service by number)",
            ),
            Self::NoGroup(group) => write!(f, "group `{group}`: {}", Self::NO_GROUP),
            Self::GroupUnknown => f.write_str(
                "it is not in /etc/passwd, so its group is not known: name it with `group`",
            ),
        }
    }
}

impl Error for AccountError {}
