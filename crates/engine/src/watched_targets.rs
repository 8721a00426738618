//! The targets that the control side watches: those with a check, and those to probe before a client comes.

use crate::checked_target::CheckedTarget;
use crate::engine::Engine;
use crate::forward_view::ForwardState;
use crate::probed_target::{ProbedTarget, Unprobed};
use crate::rule::with_routes_by_hello;
use crate::running::Running;
use crate::target::Target;
use crate::target_address::TargetAddress;
use std::collections::HashSet;
use std::sync::Arc;
use sys::kernel::Kernel;

impl<K: Kernel> Engine<K> {
    /// The targets of the configured forwards that have a check; one for all listeners that share it. Each keeps its
    /// state alive while it exists.
    pub fn checked_targets(&self) -> Vec<CheckedTarget<K>> {
        let mut checked = Vec::new();
        let running = self.forwards.running.iter().filter(|it| it.plan.settings.check.is_some());
        for running in running {
            let Running { plan, forward, .. } = running;
            let mut seen = HashSet::new();
            each_target(running, |target| {
                if seen.insert(target.id) {
                    checked.push(CheckedTarget {
                        plan: Arc::clone(plan),
                        send_proxy: target.header.get().0.unwrap_or(plan.settings.send_proxy),
                        forward: Arc::clone(forward),
                        target: Arc::clone(target),
                        shared: Arc::clone(&self.shared),
                    });
                }
            });
        }
        checked
    }

    /// The targets in service that were not probed yet, each once, and the number of those beyond `most`. A name
    /// without known addresses is none of them, nor are those of a `transparent` forward: the address of the client,
    /// from which it connects, is not known before the client comes.
    pub fn unprobed_targets(&self, most: usize) -> Unprobed<K> {
        let mut unprobed = Unprobed { targets: Vec::new(), left_out: 0 };
        let is_probed = |it: &&Running<K>| {
            let settings = &it.plan.settings;
            settings.check.is_none() && !settings.transparent && it.state() == ForwardState::Active
        };
        for running in self.forwards.running.iter().filter(is_probed) {
            each_target(running, |target| {
                let is_set = matches!(target.address, TargetAddress::Set(..));
                if is_set || target.is_drained() || !target.begin_probe() {
                    return;
                }
                if unprobed.targets.len() == most {
                    unprobed.left_out += 1;
                    return;
                }
                unprobed.targets.push(ProbedTarget {
                    plan: Arc::clone(&running.plan),
                    forward: Arc::clone(&running.forward),
                    address: target.address.clone(),
                    target: Arc::downgrade(target),
                    shared: Arc::clone(&self.shared),
                });
            });
        }
        unprobed
    }

    /// Whether a configured forward has a target with this text in its sets.
    pub fn has_target(&self, forward: &str, target: &str) -> bool {
        let running = self.forwards.running.iter().filter(|it| *it.forward.name == *forward);
        let mut has_it = false;
        running.for_each(|it| each_target(it, |member| has_it |= *member.text == *target));
        has_it
    }
}

/// Calls `visit` for the targets in the sets of a forward; several times if listeners or routes share one.
fn each_target<K: Kernel>(running: &Running<K>, mut visit: impl FnMut(&Arc<Target>)) {
    for route in with_routes_by_hello(&running.routes) {
        route.targets.load().members().iter().for_each(|member| visit(&member.target));
    }
}
