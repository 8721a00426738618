//! Published changes that a late worker has not applied yet.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of changes that some worker has not applied yet.
#[derive(Default)]
pub(crate) struct Unapplied(AtomicUsize);

impl Unapplied {
    /// Counts a published change.
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes a change that every worker has applied.
    pub(crate) fn end(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Whether all changes are applied. If so, the caller sees everything that the workers did before.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}
