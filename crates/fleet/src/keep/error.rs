//! Why the directory cannot be used.

use super::state::{KeepState, StateFault};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why `keep` cannot be opened, read or written.
#[derive(Debug)]
pub enum KeepError {
    /// A call failed.
    Io {
        /// A verb: the failed act.
        act: &'static str,
        /// The directory, or the file in it.
        path: PathBuf,
        /// The result.
        error: io::Error,
    },
    /// Another user could write to the directory, and so choose the configuration.
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
        /// The user of this process.
        user: u32,
    },
    /// Another process uses the directory.
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The state is damaged, or in another format.
    State {
        /// Its file.
        path: PathBuf,
        /// The damage.
        fault: StateFault,
    },
    /// The file of the last good text is missing or damaged.
    Text {
        /// Its file.
        path: PathBuf,
        /// The damage: a sentence without its subject.
        message: String,
        /// The state, without the text.
        rest: Box<KeepState>,
    },
}

impl KeepError {
    /// The state whose text is damaged.
    pub fn into_rest(self) -> Option<KeepState> {
        match self {
            Self::Text { rest, .. } => Some(*rest),
            _ => None,
        }
    }
}

impl fmt::Display for KeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { act, path, error } => {
                write!(f, "could not {act} `{}`: {}", path.display(), flow::error_text(error))?;
                f.write_str(hint(error))
            }
            Self::Exposed { path, owner, mode, user } => write!(
                f,
                "`{}` belongs to user {owner} with mode {mode:04o}, so another user could choose what this process \
                 runs: `chown {user}` and `chmod 0700` it",
                path.display()
            ),
            Self::InUse { path } => write!(
                f,
                "`{}` is in use by another process: give each instance another directory (`keep`)",
                path.display()
            ),
            Self::State { path, fault } => write!(
                f,
                "`{}` {fault}: the instance goes on without it, and keeps it as `state.json.damaged`",
                path.display()
            ),
            Self::Text { path, message, .. } => write!(
                f,
                "the last good text `{}` {message}: the instance fetches it again from the store",
                path.display()
            ),
        }
    }
}

/// What to do about errors that a directory for state usually has.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ": create the directory above it",
        io::ErrorKind::PermissionDenied => ": give it to the user of the process",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": free some space",
        io::ErrorKind::ReadOnlyFilesystem => ": `keep` must be in a file system that takes writes",
        _ => "",
    }
}

impl Error for KeepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::State { fault, .. } => fault.source(),
            Self::Exposed { .. } | Self::InUse { .. } | Self::Text { .. } => None,
        }
    }
}
