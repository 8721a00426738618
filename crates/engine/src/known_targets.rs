//! The targets of a forward by address. Listeners of one forward share the state of a target, and so do
//! sessions restored after an upgrade.

use crate::target::{Target, TargetAddress};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The targets in the sets of a forward, and those that still have sessions. Locked by the control side, and
/// by workers that restore sessions.
pub(crate) struct KnownTargets {
    workers: usize,
    by_address: Mutex<HashMap<TargetAddress, Weak<Target>>>,
}

impl KnownTargets {
    /// No targets, for so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers, by_address: Mutex::default() }
    }

    /// The configured target, with its present limit.
    pub(crate) fn configured(&self, entry: &plan::TargetEntry) -> Arc<Target> {
        let target = self.at(&entry.address);
        target.set_limit(entry);
        target
    }

    /// The target at this address; a new one without a limit if no set or session has it.
    pub(crate) fn at(&self, address: &plan::Target) -> Arc<Target> {
        let mut known = self.lock();
        let place = known.entry(address.into()).or_default();
        place.upgrade().unwrap_or_else(|| {
            let target = Arc::new(Target::new(address, self.workers));
            *place = Arc::downgrade(&target);
            target
        })
    }

    /// The targets in the sets, and those with sessions.
    pub(crate) fn all(&self) -> Vec<Arc<Target>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Forgets the targets that no set and no session has.
    pub(crate) fn forget_unused(&self) {
        self.lock().retain(|_, target| target.strong_count() > 0);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TargetAddress, Weak<Target>>> {
        // No code panics while it holds the lock.
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
