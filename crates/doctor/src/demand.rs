//! The resources that a plan needs.

use flow::{Outbound, SendProxy};
use host::{NoRoom, capacity, limit_for, workers};
use plan::{Forward, ForwardSettings, HealthCheck, ListenAddress, Plan, Target, TargetEntry};
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// The resources that a plan needs.
pub(super) struct Demand<'a> {
    pub(super) plan: &'a Plan,
    pub(super) workers: usize,
    /// Number of sessions that should fit: `max_sessions` of `[process]`, or else the largest of a
    /// forward, since ten thousand forwards are not expected to be full at the same time.
    pub(super) sessions: u64,
    /// Distinct targets, in the order of the configuration.
    pub(super) targets: Vec<TargetDemand<'a>>,
}

/// A target, which several forwards may share.
pub(super) struct TargetDemand<'a> {
    pub(super) target: &'a Target,
    /// Maximum number of sessions of these forwards together, bounded by that of the process.
    pub(super) sessions: u64,
    /// The longest `connect_timeout` of these forwards.
    pub(super) connect_timeout: Duration,
    /// The options of the connections of the first of these forwards.
    pub(super) outbound: Outbound,
    /// The different checks of these forwards.
    pub(super) checks: Vec<ForwardCheck<'a>>,
}

/// A check, and the first forward that has it.
#[derive(Clone, Copy)]
pub(super) struct ForwardCheck<'a> {
    pub(super) forward: &'a str,
    pub(super) check: &'a HealthCheck,
    /// Header of the PROXY protocol that its sessions send.
    pub(super) send_proxy: SendProxy,
    /// The settings of its connections.
    pub(super) settings: &'a ForwardSettings,
}

impl ForwardCheck<'_> {
    /// Whether the other one does the same, over the same way.
    fn is_like(&self, other: &Self) -> bool {
        let way = |it: &Self| (it.send_proxy, it.settings.outbound());
        self.check == other.check && way(self) == way(other)
    }
}

/// A listener of a forward. The process starts without an optional one.
pub(super) struct ListenerDemand<'a> {
    pub(super) forward: &'a str,
    pub(super) address: &'a ListenAddress,
    pub(super) optional: bool,
    /// Whether no interface needs to have the address.
    pub(super) freebind: bool,
}

/// An address that the process binds.
pub(super) struct BoundAddress<'a> {
    /// Name of the forward, or the setting of `[process]`.
    pub(super) owner: &'a str,
    pub(super) address: Cow<'a, ListenAddress>,
    /// Whether the process starts without it.
    pub(super) optional: bool,
}

impl<'a> Demand<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let most = plan.process.max_sessions.map(|most| u64::from(most.get()));
        // Sums of `u32` limits cannot reach `u64::MAX`, which is no bound.
        let limits = plan.forwards.iter().map(|it| u64::from(it.settings.max_sessions.get()));
        let (largest, all) =
            limits.fold((0, 0), |(largest, all), limit| (limit.max(largest), all + limit));
        let targets = targets(plan, most.unwrap_or(u64::MAX));
        let sessions = most.map_or(largest, |most| most.min(all));
        Self { plan, workers: workers(plan), sessions, targets }
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = ListenerDemand<'a>> {
        self.plan.forwards.iter().flat_map(|forward| {
            let Forward { name, optional, settings, .. } = &**forward;
            let (optional, freebind) = (*optional, settings.freebind);
            let listening =
                move |address| ListenerDemand { forward: name, address, optional, freebind };
            forward.routes.iter().map(move |route| listening(&route.listen))
        })
    }

    /// The addresses that the process binds: those of all listeners, and then those of `[process]`.
    pub(super) fn bound_addresses(&self) -> impl Iterator<Item = BoundAddress<'a>> {
        let process = &self.plan.process;
        let admin = process.admin.addresses().map(|address| ("admin", address));
        let metrics = process.metrics.map(|address| ("metrics", address.listen()));
        let own = admin.chain(metrics).map(|(owner, address)| BoundAddress {
            owner,
            address: Cow::Owned(address),
            optional: false,
        });
        let listeners = self.listeners().map(|it| BoundAddress {
            owner: it.forward,
            address: Cow::Borrowed(it.address),
            optional: it.optional,
        });
        listeners.chain(own)
    }

    /// Number of sessions under a limit of open files, of which `open` are in use. `Ok(None)` if the
    /// number exceeds `u32`, so that other limits come first.
    pub(super) fn fits_in(&self, files: u64, open: u64) -> Result<Option<u64>, NoRoom> {
        let possible = capacity(self.plan, self.workers, files, open)?.possible;
        Ok((possible < u32::MAX).then_some(possible.into()))
    }

    /// The limit of open files that this number of sessions needs.
    pub(super) fn files_for(&self, sessions: u64, open: u64) -> u64 {
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        limit_for(self.plan, self.workers, sessions, open)
    }

    /// The pipes that the process makes at most under this limit of open files.
    pub(super) fn pipes_in(&self, files: u64, open: u64) -> u64 {
        capacity(self.plan, self.workers, files, open).map_or(0, |room| room.pipes as u64)
    }
}

fn targets(plan: &Plan, most: u64) -> Vec<TargetDemand<'_>> {
    let mut targets: Vec<TargetDemand<'_>> = Vec::new();
    // Each target's index, and the last forward counted for it.
    let mut known: HashMap<&Target, (usize, usize)> = HashMap::new();
    for (position, forward) in plan.forwards.iter().enumerate() {
        let limit = u64::from(forward.settings.max_sessions.get()).min(most);
        let connect_timeout = forward.settings.connect_timeout;
        let entries = forward.target_lists().flat_map(|targets| targets.iter());
        for TargetEntry { address: target, options } in entries {
            let check = forward.settings.check.as_ref().map(|check| ForwardCheck {
                forward: &forward.name,
                check,
                send_proxy: options.send_proxy.unwrap_or(forward.settings.send_proxy),
                settings: &forward.settings,
            });
            match known.entry(target) {
                Entry::Vacant(entry) => {
                    entry.insert((targets.len(), position));
                    let checks = check.into_iter().collect();
                    let outbound = forward.settings.outbound();
                    let sessions = limit;
                    targets.push(TargetDemand {
                        target,
                        sessions,
                        connect_timeout,
                        outbound,
                        checks,
                    });
                }
                // A forward counts once, even if several of its routes have this target.
                Entry::Occupied(mut entry) if entry.get().1 != position => {
                    entry.get_mut().1 = position;
                    let wanted = &mut targets[entry.get().0];
                    wanted.sessions = (wanted.sessions + limit).min(most);
                    wanted.connect_timeout = wanted.connect_timeout.max(connect_timeout);
                    let checks = &wanted.checks;
                    let is_new = |new: &ForwardCheck<'_>| !checks.iter().any(|it| it.is_like(new));
                    let new = check.filter(is_new);
                    wanted.checks.extend(new);
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn targets_are_distinct_and_count_each_forward_once() {
        let plan = plan_of(
            "[defaults]\nmax_sessions = 10\n\
             [[forward]]\nlisten = [':1', ':2']\nto = 'a:1'\n\
             [[forward]]\nlisten = ':3'\nto = 'a:1'\nmax_sessions = 5\nconnect_timeout = '9s'\n\
             [[forward]]\nlisten = ':4'\nto = 'b:1'\n",
        );
        let demand = Demand::of(&plan);
        let wanted: Vec<_> = demand.targets.iter().map(|it| it.sessions).collect();
        assert_eq!((wanted, demand.sessions), (vec![15, 10], 10));
        assert_eq!(demand.targets[0].connect_timeout, Duration::from_secs(9));
    }

    #[test]
    fn the_limit_of_the_process_bounds_sessions_and_targets() {
        let forward = "[[forward]]\nlisten = ':3'\nto = 'a:1'\nmax_sessions = 50\n";
        for (most, expected) in [(7, 7), (70, 50)] {
            let plan = plan_of(&format!("[process]\nmax_sessions = {most}\n{forward}"));
            let demand = Demand::of(&plan);
            assert_eq!((demand.sessions, demand.targets[0].sessions), (expected, expected));
        }
    }
}
