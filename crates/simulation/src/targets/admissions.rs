//! The sessions that clients have got so far, where the number of new ones is limited.

use flow::Time;
use std::collections::BTreeMap;

/// The admitted sessions of the clients of a forward that has a limit on new ones, by client.
#[derive(Debug)]
pub(super) struct Admissions {
    pub(super) times: BTreeMap<String, Vec<Time>>,
    /// None is missing.
    pub(super) are_all_known: bool,
}

impl Default for Admissions {
    fn default() -> Self {
        Self { times: BTreeMap::new(), are_all_known: true }
    }
}

impl Admissions {
    /// Some before are not known.
    pub(super) fn unknown() -> Self {
        Self { are_all_known: false, ..Self::default() }
    }
}
