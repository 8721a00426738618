//! Why a sandbox cannot be made.

use super::needs::Need;
use landlock::RulesetError;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the process cannot be kept to its directories.
#[derive(Debug)]
pub enum SandboxError {
    /// The kernel restricts a thread and its children, and the process has several threads.
    SeveralThreads,
    /// Paths of the plan that no sandbox can open: each with its reason.
    Paths(Vec<PathFault>),
    /// The kernel refuses the rules.
    Landlock(RulesetError),
    /// The trial has no thread of its own.
    Thread(io::Error),
    /// The trial's thread ended without a result.
    BrokeOff,
}

/// A path of the plan that a sandbox cannot open.
#[derive(Debug)]
pub struct PathFault {
    pub(super) need: Need,
    pub(super) cause: PlaceError,
}

/// Why no directory can stand for a path.
#[derive(Debug)]
pub(super) enum PlaceError {
    /// Its directory is missing.
    NoDirectory(io::Error),
    /// The directory holds files of the system, and the sandbox opens whole directories.
    OfSystem(PathBuf),
}

impl SandboxError {
    /// One line for each fault.
    pub fn faults(&self) -> Vec<String> {
        match self {
            Self::Paths(faults) => faults.iter().map(ToString::to_string).collect(),
            Self::SeveralThreads => {
                vec!["the process has several threads, or there is no /proc".to_owned()]
            }
            Self::Landlock(error) => vec![format!("landlock: {error}")],
            Self::Thread(error) => vec![format!("start a thread: {error}")],
            Self::BrokeOff => vec!["the rehearsal broke off".to_owned()],
        }
    }
}

/// One line for each fault.
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
            Self::NoDirectory(error) => write!(
                f,
                "its directory cannot be found: {error}. It must be there before the start"
            ),
            Self::OfSystem(place) => write!(
                f,
                "it lies in `{}`, where the system's own files are, and the sandbox opens whole \
                 directories. Give it a directory of its own, or leave `sandbox` out",
                place.display()
            ),
        }
    }
}
