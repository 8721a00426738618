//! Publishes the members of sets to the routes that have them. Workers read a route's targets where they
//! select one.

use crate::change::Changes;
use crate::leaving::Leaving;
use crate::publish::publish;
use crate::running::{Forwards, Running};
use crate::sets::{SetChange, SetMember, set_of};
use crate::shared::Shared;
use std::collections::HashSet;
use std::sync::Arc;
use sys::kernel::Kernel;

/// The result of replacing the members of sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetsReplaced {
    /// The sets with other members than before.
    pub changes: Vec<SetChange>,
    /// The forwards that cannot have all of the targets.
    pub left_out: Vec<LeftOut>,
}

/// A forward with more targets than it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Name of the forward.
    pub forward: Arc<str>,
    /// The most targets of one of its listeners that are left out.
    pub targets: usize,
}

impl<K: Kernel> Forwards<K> {
    /// Replaces the members of sets. An address that stays keeps its state; sessions of one that has left
    /// go on.
    pub(crate) fn replace_sets(
        &mut self,
        sets: Vec<(Arc<str>, Vec<SetMember>)>,
        shared: &Shared<K>,
    ) -> SetsReplaced {
        let changes =
            sets.into_iter().filter_map(|(name, members)| self.sets.replace(name, members));
        let changes: Vec<SetChange> = changes.collect();
        let names = changes.iter().map(|change| Arc::clone(&change.name)).collect::<HashSet<_>>();
        let mut left_out = Vec::new();
        for running in self.running.iter().filter(|running| has_set_of(running, &names)) {
            let mut most = 0;
            for (planned, route) in running.plan.routes.iter().zip(&running.routes) {
                let routes = &running.plan.hello_routes;
                most = most.max(route.replace(&planned.targets, routes, &self.sets));
            }
            running.forward.targets.forget_unused();
            let now = shared.kernel.now();
            running.forward.targets.follow(running.forward.rules().active.as_ref(), now, true);
            shared.wake(running.forward.targets_changed());
            self.removed_targets.update(&running.forward, &running.routes, now);
            self.recheck_removed_targets = true;
            if most > 0 {
                let forward = Arc::clone(&running.forward.name);
                left_out.push(LeftOut { forward, targets: most });
            }
        }
        if !changes.is_empty() {
            // A worker may still select from an old set in its present turn: `tidy` waits for the end of that.
            drop(publish(Changes::default(), Vec::new(), Leaving::default(), shared));
        }
        SetsReplaced { changes, left_out }
    }

    /// Finds targets with sessions that no set has any more.
    pub(crate) fn note_removed_targets(&mut self, shared: &Shared<K>) {
        for running in &self.running {
            let now = shared.kernel.now();
            self.removed_targets.update(&running.forward, &running.routes, now);
        }
    }
}

fn has_set_of<K: Kernel>(running: &Running<K>, changed: &HashSet<Arc<str>>) -> bool {
    !changed.is_empty() && set_names(&running.plan).any(|name| changed.contains(&name))
}

/// The names of the sets in a forward's targets, some of them several times.
pub fn set_names(plan: &plan::Forward) -> impl Iterator<Item = Arc<str>> + '_ {
    // The listeners of a range differ in ports only.
    let listener = plan.routes.first().map(|route| &route.targets);
    let lists = listener.into_iter().chain(plan.hello_routes.iter().map(|route| &route.targets));
    let entries = lists.flat_map(|targets| targets.iter());
    let sets = entries.filter_map(|entry| set_of(&entry.address));
    sets.map(|(name, _)| name)
}
