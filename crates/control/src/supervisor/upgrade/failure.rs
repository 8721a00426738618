//! Errors that leave the process image in place.

use api::ErrorCode;
use std::fmt;
use std::path::PathBuf;
use sys::Errno;

/// Why the process image was not replaced.
#[derive(Debug)]
pub(crate) enum UpgradeError {
    /// The process is shutting down.
    Draining,
    /// Another upgrade is under way.
    Busy,
    /// A CPU profile is being taken: its timer would survive execve(2), and its signal would kill
    /// the next image.
    Profiling,
    /// The configuration was reloaded while the program was checked.
    Reloaded,
    /// The program's file cannot be opened, executed or used any more.
    Binary { path: PathBuf, what: String },
    /// The program rejected the state, or did not answer the check.
    Refused { path: PathBuf, what: String },
    /// Another step before execve(2) failed.
    Failed(String),
    /// execve(2) failed.
    Exec { path: PathBuf, errno: Errno },
}

impl UpgradeError {
    /// Its code in the API's answers.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Draining => ErrorCode::Draining,
            Self::Busy => ErrorCode::Upgrading,
            Self::Profiling => ErrorCode::Profiling,
            Self::Reloaded => ErrorCode::Reloaded,
            Self::Binary { .. } => ErrorCode::NoBinary,
            Self::Refused { .. } => ErrorCode::RefusedByBinary,
            Self::Failed(_) | Self::Exec { .. } => ErrorCode::UpgradeFailed,
        }
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => f.write_str("the process is shutting down"),
            Self::Busy => f.write_str("another upgrade is under way"),
            Self::Profiling => f.write_str("a CPU profile is being taken: upgrade when it is done"),
            Self::Reloaded => f.write_str(
                "the configuration was reloaded while the program was checked: upgrade again",
            ),
            Self::Binary { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Refused { path, what } => {
                write!(f, "{} cannot take over: {what}", path.display())
            }
            Self::Failed(what) => f.write_str(what),
            Self::Exec { path, errno } => {
                write!(f, "execute {}: {}", path.display(), sys::errno_text(*errno))
            }
        }
    }
}

impl std::error::Error for UpgradeError {}
