//! Errors of making a sandbox.

use super::needs::Need;
use super::{Access, shown};
use landlock::RulesetError;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The process cannot be restricted to its directories.
#[derive(Debug)]
pub enum SandboxError {
    /// The kernel restricts a thread and its children, and the process has several threads.
    SeveralThreads,
    /// Paths of the plan that no sandbox can open, each with its reason.
    Paths(Vec<PathFault>),
    /// The kernel refuses the rules.
    Landlock(RulesetError),
    /// The thread for a rehearsal cannot be started.
    Thread(io::Error),
    /// The rehearsal's thread panicked.
    BrokeOff,
}

/// A path of the plan that a sandbox cannot open.
#[derive(Debug)]
pub struct PathFault {
    pub(super) need: Need,
    pub(super) cause: PlaceError,
}

/// The reason why a path has no directory that the sandbox can open.
#[derive(Debug)]
pub(super) enum PlaceError {
    /// The path's directory is missing or cannot be resolved.
    NoDirectory(io::Error),
    /// The directory contains system files, and the sandbox opens whole directories.
    OfSystem(PathBuf),
}

impl SandboxError {
    /// The message of each single fault.
    pub fn faults(&self) -> Vec<String> {
        match self {
            Self::Paths(faults) => faults.iter().map(ToString::to_string).collect(),
            Self::SeveralThreads => {
                vec!["the process has several threads, or there is no /proc".to_owned()]
            }
            Self::Landlock(error) => vec![format!("landlock: {error}")],
            Self::Thread(error) => vec![format!("start a thread: {}", flow::error_text(error))],
            Self::BrokeOff => vec!["the rehearsal's thread panicked".to_owned()],
        }
    }
}

/// One line per fault.
impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.faults().iter().map(|fault| format!("sandbox: {fault}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Error for SandboxError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Landlock(error) => Some(error),
            Self::Thread(error) => Some(error),
            Self::SeveralThreads | Self::Paths(_) | Self::BrokeOff => None,
        }
    }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.need, self.cause)
    }
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory(error) => {
                let error = flow::error_text(error);
                write!(f, "its directory cannot be found: {error}. Create it before the start")
            }
            Self::OfSystem(place) => write!(
                f,
                "it is in `{}`, which contains system files, and the sandbox opens whole \
                 directories. Use a separate directory, or remove `sandbox`",
                place.display()
            ),
        }
    }
}

/// A path that the sandbox of the running process does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxRefusal {
    pub(super) need: Need,
    /// The directory of the path.
    pub(super) outside: PathBuf,
    /// The directories that allow this access.
    pub(super) allowed: BTreeSet<PathBuf>,
}

impl fmt::Display for SandboxRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { need, outside, allowed } = self;
        let verb = match need.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::Execute => "execute programs",
        };
        write!(
            f,
            "{need}: the sandbox of this process does not let it {verb} in `{}`, only in {}, for as \
             long as it lives. Choose a path in one of those directories, or restart the process, \
             which ends its sessions",
            outside.display(),
            shown(allowed),
        )
    }
}

impl Error for SandboxRefusal {}
