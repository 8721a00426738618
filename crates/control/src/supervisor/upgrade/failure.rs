//! Why a process stays what it is.

use api::ErrorCode;
use std::fmt;
use std::path::PathBuf;
use sys::Errno;

#[derive(Debug)]
pub(crate) enum UpgradeError {
    /// The process is shutting down.
    Draining,
    /// Another upgrade is under way.
    Busy,
    /// A profile is being taken: its timer would run on in the next image, and end it.
    Profiling,
    /// It was reloaded while the program was checked.
    Reloaded,
    /// There is no such program.
    Binary { path: PathBuf, what: String },
    /// The program says that it cannot go on with this, or does not say that it can.
    Refused { path: PathBuf, what: String },
    /// Something on the way failed.
    Failed(String),
    /// The kernel does not run it after all.
    Exec { path: PathBuf, errno: Errno },
}

impl UpgradeError {
    /// The code in answers.
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
