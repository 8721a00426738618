//! Published changes that a late worker has not applied yet.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of changes that some worker has not applied yet.
#[derive(Default)]
pub(crate) struct Unapplied(AtomicUsize);

impl Unapplied {
    /// A change is published.
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The last worker has applied a change.
    pub(crate) fn end(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Whether there is none. What the workers did before they applied the last one is visible then.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}
