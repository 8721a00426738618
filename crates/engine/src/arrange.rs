//! Replaces the running configuration: binds all new sockets, makes them listen, publishes the
//! listeners to the workers, then removes unused ones.

use crate::bind::{Attempt, Fresh, Policy};
use crate::change::Changes;
use crate::forward::Forward;
use crate::leaving::Leaving;
use crate::listen_error::ListenError;
use crate::listener::Listener;
use crate::message::Message;
use crate::publish::{Published, attach, publish};
use crate::rule::Route;
use crate::rules::Rules;
use crate::running::{Forwards, Removed, Running, Unbound};
use crate::sets::Sets;
use crate::shared::Shared;
use flow::Time;
use plan::ListenAddress;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use sys::kernel::{Kernel, Linux};

/// The result of replacing the running configuration.
#[must_use = "a change is done when every worker has applied it"]
pub struct Applied<K: Kernel = Linux> {
    /// Forwards that could not be bound and were skipped.
    pub skipped: Vec<Unbound>,
    /// The change, published to the workers.
    pub published: Published<K>,
}

/// A new configuration that is not published to the workers yet.
pub(crate) struct Arranged<K: Kernel> {
    skipped: Vec<Unbound>,
    changes: Changes<K>,
    /// Listeners without a forward, to be removed.
    spare: Vec<Listener<K>>,
    leaving: Leaving<K>,
}

/// The listener at an address, and whether it is new.
type Provided<K> = Option<(Listener<K>, bool)>;

impl<K: Kernel> Arranged<K> {
    /// Publishes the changes to the workers.
    pub(crate) fn take_effect(self, shared: &Shared<K>) -> Applied<K> {
        self.leaving.ignore_newcomers();
        let published = publish(self.changes, self.spare, self.leaving, shared);
        Applied { skipped: self.skipped, published }
    }
}

impl<K: Kernel> Forwards<K> {
    /// Makes `plans` the running configuration. Changes nothing if a forward that `may_skip` rejects
    /// cannot be bound, or if no listener would be left.
    pub(crate) fn apply(
        &mut self,
        plans: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
        shared: &Shared<K>,
    ) -> Result<Applied<K>, Vec<Unbound>> {
        let policy = Policy::AllOrNothing(may_skip);
        let mut fresh = self.prepare(plans, policy, Attempt::Bind, shared)?;
        fresh.start(plans, shared);
        self.change_rights(plans, &mut fresh, shared);
        if !fresh.failed.is_empty() {
            return Err(fresh.failed);
        }
        Ok(self.arrange(plans, fresh, shared).take_effect(shared))
    }

    /// Decides like [`Self::apply`], and changes nothing.
    pub(crate) fn try_apply(
        &mut self,
        plans: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
        shared: &Shared<K>,
    ) -> Result<Vec<Unbound>, Vec<Unbound>> {
        let policy = Policy::AllOrNothing(may_skip);
        self.prepare(plans, policy, Attempt::Try, shared).map(|fresh| fresh.skipped)
    }

    /// Makes `plans` the running configuration, as far as their addresses can be bound.
    pub(crate) fn apply_what_can_be_bound(
        &mut self,
        plans: &[Arc<plan::Forward>],
        shared: &Shared<K>,
    ) -> Applied<K> {
        let mut fresh = self.bind_what_is_new(plans, Policy::WhatCanBe, Attempt::Bind, shared);
        fresh.start(plans, shared);
        self.change_rights(plans, &mut fresh, shared);
        self.arrange(plans, fresh, shared).take_effect(shared)
    }

    /// Retries the addresses of running forwards that could not be bound.
    pub(crate) fn retry_skipped(&mut self, shared: &Shared<K>) -> Applied<K> {
        let plans: Vec<_> = self.running.iter().map(|running| Arc::clone(&running.plan)).collect();
        self.apply_what_can_be_bound(&plans, shared)
    }

    /// Decides whether a configuration can replace the running one. Shared by dry run and reload.
    fn prepare<'a>(
        &mut self,
        plans: &[Arc<plan::Forward>],
        policy: Policy<'a>,
        attempt: Attempt,
        shared: &Shared<K>,
    ) -> Result<Fresh<'a, K>, Vec<Unbound>> {
        let fresh = self.bind_what_is_new(plans, policy, attempt, shared);
        if !fresh.failed.is_empty() {
            return Err(fresh.failed);
        }
        if self.loses_its_last_listener(plans, &fresh) {
            return Err(fresh.skipped);
        }
        Ok(fresh)
    }

    /// Returns to earlier `plans`, as far as their addresses can be bound. Forwards named in `drained`
    /// that are not running are restored as drained.
    pub(crate) fn restore(
        &mut self,
        plans: &[Arc<plan::Forward>],
        drained: &BTreeSet<String>,
        shared: &Shared<K>,
    ) -> Applied<K> {
        let runs: HashSet<String> =
            self.running.iter().map(|running| running.plan.name.clone()).collect();
        let comes_back =
            |plan: &&Arc<plan::Forward>| drained.contains(&plan.name) && !runs.contains(&plan.name);
        for plan in plans.iter().filter(comes_back) {
            // A removed forward is drained already, and keeps its sessions.
            let running = if let Some(removed) = self.take_removed(&plan.name) {
                Running::new(removed.plan, removed.forward, removed.routes, Vec::new())
            } else {
                let forward = self.new_forward(plan, shared);
                forward.set_draining(true);
                Running::new(Arc::clone(plan), forward, Vec::new(), Vec::new())
            };
            self.running.push(running);
        }
        self.apply_what_can_be_bound(plans, shared)
    }

    /// Whether the skipped forwards would leave the process, which has listeners, without any.
    fn loses_its_last_listener(&self, plans: &[Arc<plan::Forward>], fresh: &Fresh<'_, K>) -> bool {
        let drained = self.drained();
        let drained = plans.iter().filter(|plan| drained.contains(&plan.name)).count();
        let skipped = fresh.skipped.len();
        skipped > 0 && skipped + drained == plans.len() && self.listeners().next().is_some()
    }

    /// Makes `plans` the running configuration, with the listeners bound for them.
    /// [`Arranged::take_effect`] publishes it to the workers.
    pub(crate) fn arrange(
        &mut self,
        plans: &[Arc<plan::Forward>],
        mut fresh: Fresh<'_, K>,
        shared: &Shared<K>,
    ) -> Arranged<K> {
        let skipped: HashMap<usize, &ListenError> =
            fresh.skipped.iter().map(|unbound| (unbound.position, &unbound.error)).collect();
        let in_part = matches!(fresh.policy, Policy::WhatCanBe);
        let mut changes = Changes::default();
        let before = std::mem::take(&mut self.running);
        let mut before: BTreeMap<String, Running<K>> =
            before.into_iter().map(|running| (running.plan.name.clone(), running)).collect();
        let mut spare: BTreeMap<ListenAddress, Listener<K>> = before
            .values_mut()
            .flat_map(|running| std::mem::take(&mut running.listeners))
            .map(|listener| (listener.address.clone(), listener))
            .collect();
        for (position, plan) in plans.iter().enumerate() {
            let old = before.remove(&plan.name);
            let unbound = skipped.get(&position).copied();
            let mut listener = |address: &ListenAddress| {
                if unbound.is_some() && !in_part {
                    return None;
                }
                // A new listener at the address of an old one replaces it: the old one lost its file.
                let new = fresh.listeners.remove(address).map(|new| (new, true));
                new.or_else(|| spare.remove(address).map(|old| (old, false)))
            };
            let running = self.replace(old, plan, shared, &mut listener, &mut changes);
            self.running.push(Running { unbound: unbound.cloned(), ..running });
        }
        self.retire(before.into_values(), shared);
        if shared.note_forwards(plans.len()) {
            shared.broadcast(|| Message::RoomAgain);
        }
        let Fresh { skipped, leaving, .. } = fresh;
        Arranged { skipped, changes, spare: spare.into_values().collect(), leaving }
    }

    /// Replaces the forward `old` by that of `plan`, which keeps its sessions, counters and targets.
    /// `listener` yields the listener at an address, and whether it is new.
    fn replace(
        &mut self,
        old: Option<Running<K>>,
        plan: &Arc<plan::Forward>,
        shared: &Shared<K>,
        listener: &mut dyn FnMut(&ListenAddress) -> Provided<K>,
        changes: &mut Changes<K>,
    ) -> Running<K> {
        let same = old.as_ref().is_some_and(|old| old.runs_as(plan));
        let (forward, routes) = match old {
            Some(old) => {
                if !same {
                    change_rules(&old.forward, plan, shared, changes);
                }
                (old.forward, old.routes)
            }
            // A removed forward with sessions is taken up again, with its counters.
            None => match self.take_removed(&plan.name) {
                Some(Removed { forward, routes, .. }) => {
                    forward.set_draining(false);
                    change_rules(&forward, plan, shared, changes);
                    (forward, routes)
                }
                None => (self.new_forward(plan, shared), Vec::new()),
            },
        };
        let routes = replace_routes(routes, &forward, plan, &self.sets, shared.kernel.now());
        shared.wake(forward.targets_changed());
        if !same {
            self.removed_targets.update(&forward, &routes, shared.kernel.now());
            self.recheck_removed_targets = true;
        }
        let mut listeners = Vec::with_capacity(plan.routes.len());
        if !forward.is_draining() {
            for (planned, route) in plan.routes.iter().zip(&routes) {
                let Some((mut listener, is_new)) = listener(&planned.listen) else { continue };
                if is_new || !same {
                    listener.set_options(&forward.rules().options);
                }
                changes.listen.extend(attach(&mut listener, route));
                listeners.push(listener);
            }
        }
        Running::new(Arc::clone(plan), forward, routes, listeners)
    }

    pub(crate) fn new_forward(&mut self, plan: &plan::Forward, shared: &Shared<K>) -> Arc<Forward> {
        let forward = Forward::new(plan, shared.mailboxes.len(), shared.next_forward());
        if let Some(totals) = self.unattached.totals.remove(&plan.name) {
            forward.counters.of(0).seed(&totals);
        }
        if let Some(targets) = self.unattached.targets.remove(&plan.name) {
            forward.targets.inherit(targets);
        }
        Arc::new(forward)
    }

    fn take_removed(&mut self, name: &str) -> Option<Removed> {
        let at = self.removed.iter().position(|removed| removed.plan.name == name)?;
        Some(self.removed.remove(at))
    }

    /// Drains the forwards that are no longer configured.
    fn retire(&mut self, gone: impl Iterator<Item = Running<K>>, shared: &Shared<K>) {
        let since = shared.kernel.now();
        for Running { plan, forward, routes, .. } in gone {
            forward.set_draining(true);
            self.removed.push(Removed { plan, forward, routes, since });
        }
    }
}

/// Makes the routes of `plan`. A listen address that stays keeps its route, and gets a new target set if
/// its targets have changed, without a visit to its listener or any session.
pub(crate) fn replace_routes(
    old: Vec<Arc<Route>>,
    forward: &Arc<Forward>,
    plan: &plan::Forward,
    sets: &Sets,
    now: Time,
) -> Vec<Arc<Route>> {
    let are_in_use = !old.is_empty();
    forward.compare_targets(plan);
    let old = old.into_iter().map(|route| (Arc::clone(&route.listen), route));
    let mut old: HashMap<Arc<str>, Arc<Route>> = old.collect();
    let route = |planned: &plan::Route| {
        let listen = planned.listen.to_string();
        let route = old.remove(listen.as_str());
        let route =
            route.unwrap_or_else(|| Arc::new(Route::new(forward, listen.into(), Vec::new())));
        // A change of a set reports the targets that are left out.
        let _ = route.replace(&planned.targets, &plan.hello_routes, sets);
        route
    };
    let routes = plan.routes.iter().map(route).collect();
    forward.targets.forget_unused();
    forward.targets.follow(forward.rules().active.as_ref(), now, are_in_use);
    routes
}

/// Gives a forward the rules of `plan`, also for its open sessions.
fn change_rules<K: Kernel>(
    forward: &Arc<Forward>,
    plan: &plan::Forward,
    shared: &Shared<K>,
    changes: &mut Changes<K>,
) {
    let before = forward.rules();
    let (at_limit, share) = (before.at_limit, before.clients.limits.share);
    let change = forward.set_rules(Rules::of(plan));
    if change.are_stricter {
        changes.stricter.push(Arc::clone(forward));
    }
    if change.changes_rates {
        changes.repaced.push(Arc::clone(forward));
    }
    if change.changes_counting {
        changes.recounted.push(Arc::clone(forward));
    }
    shared.wake(forward.gate.set_limit(plan.settings.max_sessions.get()));
    if (at_limit, share) != (plan.settings.at_limit, plan.settings.share) {
        // Also wakes listeners that were suspended by the limit of the process.
        shared.broadcast(|| Message::RoomAgain);
    }
}
