//! The entries of `to`, the targets of a forward.

use std::num::NonZeroU32;

use flow::SendProxy;

use crate::address::{Ranged, Target};

/// One entry of a forward's `to`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetEntry {
    /// Address that sessions are forwarded to.
    pub address: Target,
    /// Its share of the sessions, and its limits.
    pub options: TargetOptions,
}

/// Settings of one target. Each field is a setting with a row in `settings.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetOptions {
    /// Share of the sessions, relative to the other targets.
    pub weight: NonZeroU32,
    /// Whether it serves only while all targets that are no backups are down.
    pub backup: bool,
    /// Maximum number of concurrent sessions; `None` leaves only the forward's limit.
    pub max_sessions: Option<NonZeroU32>,
    /// PROXY header that it gets; `None` is that of the forward.
    pub send_proxy: Option<SendProxy>,
    /// Whether that header has the TLVs of the client's; `None` is as the forward.
    pub pass_tlvs: Option<bool>,
}

/// An entry as written: one target, or one per port of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetRange {
    pub(crate) address: Ranged<Target>,
    pub(crate) options: TargetOptions,
}

impl TargetEntry {
    /// A target with the default options.
    pub fn new(address: Target) -> Self {
        Self { address, options: TargetOptions::default() }
    }
}

impl From<TargetEntry> for TargetRange {
    fn from(entry: TargetEntry) -> Self {
        let TargetEntry { address, options } = entry;
        Self { address: Ranged { first: address, count: 1 }, options }
    }
}

impl TargetRange {
    /// A range with the default options.
    pub(crate) fn new(address: Ranged<Target>) -> Self {
        Self { address, options: TargetOptions::default() }
    }

    /// The entry for the port at this position in the range.
    pub(crate) fn at(&self, position: u16) -> TargetEntry {
        TargetEntry { address: self.address.at(position), options: self.options }
    }
}
