//! How an attempt to upgrade ended.

use observe::Version;
use std::time::{Duration, SystemTime};

/// The last attempt to upgrade.
#[derive(Clone, Debug)]
pub(crate) struct LastUpgrade {
    pub(crate) at: SystemTime,
    pub(crate) by: String,
    pub(crate) result: Result<Arrival, String>,
}

/// How a process arrived in the image that now runs.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The version of the previous process image.
    pub(crate) from: Version,
    /// Sessions that went on.
    pub(crate) sessions: u64,
    /// Sessions that could not be read, and were reset.
    pub(crate) lost: u64,
    /// From the stop of the workers in the image before to the moment they went on in this one.
    pub(crate) pause: Duration,
    /// Warnings for the operator about anything that the upgrade could not keep.
    pub(crate) warnings: Vec<String>,
}
