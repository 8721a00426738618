//! The targets that the control side watches: those with a check, and those to probe.

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

    /// The targets in service that have not been probed, each once, and the number beyond `most`. Excludes names
    /// without known addresses, and `transparent` forwards, which connect from the client's address.
    pub fn unprobed_targets(&self, most: usize) -> Unprobed<K> {
        self.targets_to_probe(most, |target| target.connects()[0] == 0 && target.probe.begin())
    }

    /// After an upgrade, instead of the first [`Self::unprobed_targets`]: the targets that the previous process image
    /// found unreachable, or had no result of.
    pub fn interrupted_probes(&self, most: usize) -> Unprobed<K> {
        self.targets_to_probe(most, |target| {
            let was_interrupted = target.probe.resume() && target.connects()[0] == 0;
            let needs_probe = was_interrupted || target.reach.is_unanswered();
            if !needs_probe {
                target.probe.finish();
            }
            needs_probe
        })
    }

    fn targets_to_probe(&self, most: usize, needs_probe: impl Fn(&Target) -> bool) -> Unprobed<K> {
        let mut unprobed = Unprobed { targets: Vec::new(), left_out: 0 };
        let is_probed = |it: &&Running<K>| {
            let settings = &it.plan.settings;
            settings.check.is_none() && !settings.transparent && it.state() == ForwardState::Active
        };
        let mut seen = HashSet::new();
        for running in self.forwards.running.iter().filter(is_probed) {
            each_target(running, |target| {
                let is_set = matches!(target.address, TargetAddress::Set(..));
                if is_set || target.is_drained() || !seen.insert(target.id) {
                    return;
                }
                if !needs_probe(target) {
                    return;
                }
                if unprobed.targets.len() == most {
                    target.probe.finish();
                    unprobed.left_out += 1;
                    return;
                }
                unprobed.targets.push(ProbedTarget {
                    forward: Arc::clone(&running.forward),
                    address: target.address.clone(),
                    target: Arc::downgrade(target),
                    shared: Arc::clone(&self.shared),
                });
            });
        }
        unprobed
    }

    /// The forward and the text of each target in the sets of the configured forwards.
    pub fn target_names(&self) -> HashSet<[Arc<str>; 2]> {
        let mut names = HashSet::new();
        for running in &self.forwards.running {
            each_target(running, |target| {
                names.insert([Arc::clone(&running.forward.name), Arc::clone(&target.text)]);
            });
        }
        names
    }
}

/// Calls `visit` for the targets in the sets of a forward; several times if listeners or routes share one.
fn each_target<K: Kernel>(running: &Running<K>, mut visit: impl FnMut(&Arc<Target>)) {
    for route in with_routes_by_hello(&running.routes) {
        route.targets.load().members().iter().for_each(|member| visit(&member.target));
    }
}
