//! Errors that leave the process image in place.

use api::ErrorCode;
use engine::NotParked;
use host::SandboxRefusal;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use sys::{Errno, Writers};

/// Why the process image was not replaced.
#[derive(Debug)]
pub(crate) enum UpgradeError {
    /// The process is shutting down.
    Draining,
    /// Another upgrade is under way.
    Busy,
    /// A CPU profile is being taken: its timer would survive execve(2), and its signal would kill the
    /// next image.
    Profiling,
    /// The configuration was reloaded while the program was checked.
    Reloaded,
    /// The path of the running program is unknown, and no other was named.
    UnknownProgram,
    /// The program's file cannot be used.
    Binary { path: PathBuf, cause: BinaryError },
    /// The program failed the check.
    Refused { path: PathBuf, cause: CheckError },
    /// Another step before execve(2) failed.
    Failed { step: &'static str, cause: StepError },
    /// execve(2) failed.
    Exec { path: PathBuf, errno: Errno },
}

/// Why the file of a program cannot be used.
#[derive(Debug)]
pub(crate) enum BinaryError {
    /// The sandbox of this process does not allow to execute it.
    Sandbox(Box<SandboxRefusal>),
    /// open(2) failed.
    Open(Errno),
    /// fstat(2) failed.
    Metadata(io::Error),
    /// It is a directory, for example.
    NotAFile,
    /// Its mode has no execute bit.
    NotExecutable,
    /// Others own it, or may write to it, and could have put any program there.
    Exposed {
        writers: Writers,
        path: PathBuf,
        /// Whether the request names the program.
        is_named: bool,
    },
    /// It was modified after it was opened.
    Modified,
}

/// Why a program failed the check.
#[derive(Debug)]
pub(crate) enum CheckError {
    /// The kernel cannot run its architecture or format.
    Format,
    /// It cannot be started as a child.
    Start(io::Error),
    /// waitpid(2) failed.
    Wait(io::Error),
    /// It did not end within this time.
    Timeout(Duration),
    /// It cannot restore the state, for the reason that it wrote to standard error.
    Rejected(String),
    /// It ended without an answer or an error message.
    NoAnswer(ExitStatus),
}

/// Why a step of the upgrade failed.
#[derive(Debug)]
pub(crate) enum StepError {
    /// A thread, memory or a file was refused.
    Io(io::Error),
    /// A system call failed.
    Errno(Errno),
    /// The workers could not be stopped and saved.
    Workers(NotParked),
    /// The journal's thread hangs in the kernel. execve(2) would block until it returns.
    JournalHangs,
    /// An argument or a variable has a NUL byte.
    Nul,
    /// The thread of the check ended without a result.
    NoResult,
}

impl UpgradeError {
    /// The error of `step`, such as "start a thread".
    pub(super) fn failed(step: &'static str, cause: impl Into<StepError>) -> Self {
        Self::Failed { step, cause: cause.into() }
    }

    /// Its code in the API's answers.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Draining => ErrorCode::Draining,
            Self::Busy => ErrorCode::Upgrading,
            Self::Profiling => ErrorCode::Profiling,
            Self::Reloaded => ErrorCode::Reloaded,
            Self::Binary { cause: BinaryError::Exposed { .. }, .. } => ErrorCode::ExposedBinary,
            Self::Binary { .. } => ErrorCode::NoBinary,
            Self::Refused { .. } => ErrorCode::RefusedByBinary,
            Self::UnknownProgram | Self::Failed { .. } | Self::Exec { .. } => {
                ErrorCode::UpgradeFailed
            }
        }
    }
}

impl From<io::Error> for StepError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for StepError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<NotParked> for StepError {
    fn from(error: NotParked) -> Self {
        Self::Workers(error)
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
            Self::UnknownProgram => f.write_str("this program's file is unknown: name one"),
            Self::Binary { path, cause } => write!(f, "{}: {cause}", path.display()),
            Self::Refused { path, cause } => {
                write!(f, "{} cannot take over: {cause}", path.display())
            }
            Self::Failed { cause: cause @ StepError::NoResult, .. } => cause.fmt(f),
            Self::Failed { step, cause } => write!(f, "{step}: {cause}"),
            Self::Exec { path, errno } => {
                write!(f, "execute {}: {}", path.display(), sys::errno_text(*errno))
            }
        }
    }
}

impl Error for UpgradeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Binary { cause, .. } => Some(cause),
            Self::Refused { cause, .. } => Some(cause),
            Self::Failed { cause, .. } => Some(cause),
            Self::Exec { errno, .. } => Some(errno),
            Self::Draining
            | Self::Busy
            | Self::Profiling
            | Self::Reloaded
            | Self::UnknownProgram => None,
        }
    }
}

impl fmt::Display for BinaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox(refusal) => refusal.fmt(f),
            Self::Open(errno) => f.write_str(&sys::errno_text(*errno)),
            Self::Metadata(error) => f.write_str(&flow::error_text(error)),
            Self::NotAFile => f.write_str("is not a file"),
            Self::NotExecutable => f.write_str("is not executable (chmod +x)"),
            Self::Exposed { writers, path, is_named } => {
                let remedy = host::remedy(*writers, path);
                let name = || format!(" --binary {}", plan::shell_word(&path.to_string_lossy()));
                let named = is_named.then(name).unwrap_or_default();
                write!(
                    f,
                    "{writers} may write to it, and it would run with the rights of this process: \
                     end that with `{remedy}`, or accept it with \
                     `traffic-forwarder upgrade{named} --allow-owner`"
                )
            }
            Self::Modified => f.write_str("was written to while it was checked: upgrade again"),
        }
    }
}

impl Error for BinaryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Sandbox(refusal) => Some(&**refusal),
            Self::Open(errno) => Some(errno),
            Self::Metadata(error) => Some(error),
            Self::NotAFile | Self::NotExecutable | Self::Exposed { .. } | Self::Modified => None,
        }
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("it is not a program for this machine"),
            Self::Start(error) => write!(f, "it cannot be run: {}", flow::error_text(error)),
            Self::Wait(error) => write!(f, "wait for it: {}", flow::error_text(error)),
            Self::Timeout(limit) => write!(f, "it did not answer within {} s", limit.as_secs()),
            Self::Rejected(reason) => f.write_str(reason),
            Self::NoAnswer(status) => write!(f, "it did not say that it can ({status})"),
        }
    }
}

impl Error for CheckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Start(error) | Self::Wait(error) => Some(error),
            Self::Format | Self::Timeout(_) | Self::Rejected(_) | Self::NoAnswer(_) => None,
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Errno(errno) => f.write_str(&sys::errno_text(*errno)),
            Self::Workers(error) => error.fmt(f),
            Self::JournalHangs => f.write_str(
                "it has not returned from writing to its file: look at the disk, or the device, \
                 under it",
            ),
            Self::Nul => f.write_str("they hold a NUL byte"),
            Self::NoResult => f.write_str("the check broke off"),
        }
    }
}

impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Errno(errno) => Some(errno),
            Self::Workers(_) | Self::JournalHangs | Self::Nul | Self::NoResult => None,
        }
    }
}
