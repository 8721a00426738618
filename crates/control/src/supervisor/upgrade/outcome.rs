//! The upgrades of a process, and their results.

use observe::Version;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Upgrades of this process.
pub(crate) struct Upgrades {
    /// The executable file of this process; `None` if it is unknown.
    pub(crate) program: Option<PathBuf>,
    /// A program is being checked, or is about to replace this one.
    pub(crate) is_running: bool,
    /// Upgrades in place since the start.
    pub(crate) count: u64,
    pub(crate) last: Option<LastUpgrade>,
}

impl Upgrades {
    pub(crate) fn new(program: Option<PathBuf>) -> Self {
        Self { program, is_running: false, count: 0, last: None }
    }
}

/// The last attempt to upgrade.
#[derive(Clone, Debug)]
pub(crate) struct LastUpgrade {
    pub(crate) at: SystemTime,
    pub(crate) by: String,
    pub(crate) result: Result<Arrival, String>,
}

/// Result of an upgrade that succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The version of the previous process image.
    pub(crate) from: Version,
    /// Sessions that were restored.
    pub(crate) sessions: u64,
    /// Sessions that could not be restored, and were reset.
    pub(crate) lost: u64,
    /// Time from the stop of the workers in the previous image to their start in this one.
    pub(crate) pause: Duration,
    /// Warnings for the operator about anything that the upgrade could not keep.
    pub(crate) warnings: Vec<String>,
}
