//! Results of upgrades.

use observe::Version;
use std::time::{Duration, SystemTime};

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
