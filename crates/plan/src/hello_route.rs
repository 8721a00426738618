//! Routes of a forward: the targets of clients whose TLS ClientHello has certain names.

use std::sync::Arc;

use flow::HelloRule;

use crate::target::{TargetEntry, TargetRange};

/// One entry of a forward's `route`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloRoute {
    /// The clients that it takes.
    pub rule: HelloRule,
    /// Their targets, in the order of the configuration; never empty.
    pub targets: Arc<[TargetEntry]>,
}

impl HelloRoute {
    /// The targets as written.
    pub(crate) fn target_ranges(&self) -> impl Iterator<Item = TargetRange> {
        self.targets.iter().map(|entry| entry.clone().into())
    }
}
