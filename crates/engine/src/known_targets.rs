//! The targets of a forward by address. Listeners of one forward share the state of a target, and so do
//! sessions restored after an upgrade.

use crate::permit::Waiters;
use crate::target::Target;
use crate::target_address::TargetAddress;
use flow::{Active, Time};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

/// The targets in the sets of a forward, and those that still have sessions. Locked by the control side, and
/// by workers that restore sessions.
pub(crate) struct KnownTargets {
    workers: usize,
    /// The workers that wait for a place in any of them.
    waiters: Arc<Waiters>,
    by_address: Mutex<HashMap<TargetAddress, Weak<Target>>>,
    /// The drained ones: they stay known while no set has them, and are drained when they are back.
    drained: Mutex<HashMap<TargetAddress, Arc<Target>>>,
    /// The health of targets of the previous process image, until they exist here.
    inherited: Mutex<HashMap<TargetAddress, handover::Target>>,
}

impl KnownTargets {
    /// No targets, for so many workers. Their room wakes `waiters`.
    pub(crate) fn new(workers: usize, waiters: Arc<Waiters>) -> Self {
        Self {
            workers,
            waiters,
            by_address: Mutex::default(),
            drained: Mutex::default(),
            inherited: Mutex::default(),
        }
    }

    /// Gives the targets the health that they had in the previous process image, when they are made.
    pub(crate) fn inherit(&self, targets: Vec<handover::Target>) {
        let mut inherited = lock(&self.inherited);
        for target in targets {
            // A text that this version does not know is no target here.
            let Ok(address) = target.address.parse::<plan::Target>() else { continue };
            inherited.insert((&address).into(), target);
        }
    }

    /// The health of all targets that differs from that of new ones, by address.
    pub(crate) fn saved(&self) -> Vec<handover::Target> {
        let known = lock(&self.by_address);
        let targets = known.values().filter_map(Weak::upgrade);
        let mut saved: Vec<_> = targets.filter_map(|target| target.saved()).collect();
        saved.sort_by(|one, other| one.address.cmp(&other.address));
        saved
    }

    /// Begins or ends to check the targets, as the configuration says, and begins the slow start of those that
    /// were added to sets in use.
    pub(crate) fn follow(&self, rules: Option<&Active>, now: Time, are_in_use: bool) {
        let known = lock(&self.by_address);
        for target in known.values().filter_map(Weak::upgrade) {
            target.checked.follow(rules, target.connects()[0] > 0);
            target.begin(now, are_in_use);
        }
    }

    /// The configured target, with its present limit and header. The caller wakes the workers that wait.
    pub(crate) fn configured(&self, entry: &plan::TargetEntry) -> Arc<Target> {
        let target = self.at(&entry.address);
        target.set_limit(entry);
        target.header.set((entry.options.send_proxy, entry.options.pass_tlvs));
        target.clear_removed();
        target
    }

    /// The target at this address; a new one without a limit if no set or session has it.
    pub(crate) fn at(&self, address: &plan::Target) -> Arc<Target> {
        let mut known = lock(&self.by_address);
        let place = known.entry(address.into()).or_default();
        place.upgrade().unwrap_or_else(|| {
            let inherited = lock(&self.inherited).remove(&address.into());
            let target = Target::new(address, self.workers, Arc::clone(&self.waiters));
            let target = Arc::new(match inherited {
                Some(saved) => target.restored(&saved),
                None => target,
            });
            *place = Arc::downgrade(&target);
            if target.is_drained() {
                lock(&self.drained).insert(address.into(), Arc::clone(&target));
            }
            target
        })
    }

    /// The targets in the sets, and those with sessions.
    pub(crate) fn all(&self) -> Vec<Arc<Target>> {
        lock(&self.by_address).values().filter_map(Weak::upgrade).collect()
    }

    /// Whether an operator has drained any of them.
    pub(crate) fn has_drained(&self) -> bool {
        !lock(&self.drained).is_empty()
    }

    /// Drains a target at that time, or lets it take sessions again. True if that is a change.
    pub(crate) fn set_drained(&self, target: &Arc<Target>, at: Option<SystemTime>) -> bool {
        let mut all = lock(&self.drained);
        if at.is_some() {
            all.insert(target.address.clone(), Arc::clone(target));
        } else {
            all.remove(&target.address);
        }
        target.set_drained(at)
    }

    /// Forgets the targets that no set and no session has, but for drained ones.
    pub(crate) fn forget_unused(&self) {
        lock(&self.by_address).retain(|_, target| target.strong_count() > 0);
    }

    /// All sessions of the previous process image are restored: of its targets that no set and no session has,
    /// only drained ones matter.
    pub(crate) fn forget_inherited(&self) {
        let rest: Vec<_> = lock(&self.inherited).drain().collect();
        for (_, saved) in rest.into_iter().filter(|(_, saved)| saved.drained) {
            let Ok(address) = saved.address.parse::<plan::Target>() else { continue };
            lock(&self.inherited).insert((&address).into(), saved);
            self.at(&address);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn saved(address: &str, drained: bool) -> handover::Target {
        handover::Target { address: address.into(), failed: 3, drained, ..Default::default() }
    }

    #[test]
    fn a_target_without_a_set_has_its_inherited_health_until_the_sessions_are_restored() {
        let known = KnownTargets::new(1, Arc::default());
        let address = |text: &str| text.parse::<plan::Target>().expect("an address");
        known.inherit(vec![saved("10.0.0.1:1", false), saved("10.0.0.2:1", true)]);
        // The configured sets have none of them.
        known.forget_unused();
        assert_eq!(known.at(&address("10.0.0.1:1")).connects(), [0, 3], "a session has it");
        known.forget_unused();
        known.forget_inherited();
        assert_eq!(known.at(&address("10.0.0.1:1")).connects(), [0, 0], "nothing had it");
        let drained = known.at(&address("10.0.0.2:1"));
        assert!(drained.is_drained() && drained.connects() == [0, 3], "it is back");
    }
}
