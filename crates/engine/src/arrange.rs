//! How a new configuration takes the place of the old one: everything new is bound first, then the
//! workers are told, then what is left over is given up.

use crate::change::{Changes, give_up, lead};
use crate::forward::Forward;
use crate::listen_error::{ListenCause, ListenError};
use crate::listener::Listener;
use crate::running::{Forwards, Removed, Running, Unbound};
use crate::shared::Shared;
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use sys::Errno;

/// A configuration that has taken the place of another, and that the workers do not know yet.
pub(crate) struct Arranged {
    skipped: Vec<Unbound>,
    changes: Changes,
    /// Listeners that nobody wants any more.
    spare: Vec<Listener>,
}

impl Arranged {
    /// Tells the workers. Returns the forwards that were skipped, because the configuration allows
    /// it.
    pub(crate) fn take_effect(self, shared: &Arc<Shared>) -> Vec<Unbound> {
        give_up(self.spare, self.changes, shared);
        self.skipped
    }
}

/// Listeners that were bound for a new configuration, by address.
#[derive(Default)]
pub(crate) struct Fresh {
    listeners: HashMap<ListenAddress, Listener>,
    skipped: Vec<Unbound>,
    pub(crate) failed: Vec<Unbound>,
}

impl Forwards {
    /// Makes `plans` what runs. If a forward cannot be bound that must be, or if nothing would
    /// listen any more, nothing has changed. Returns those that were skipped, because they may be.
    pub(crate) fn apply(
        &mut self,
        plans: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
        shared: &Arc<Shared>,
    ) -> Result<Vec<Unbound>, Vec<Unbound>> {
        let fresh = self.bind_what_is_new(plans, may_skip, shared);
        if !fresh.failed.is_empty() {
            return Err(fresh.failed);
        }
        if self.loses_its_last_listener(plans, &fresh) {
            return Err(fresh.skipped);
        }
        Ok(self.arrange(plans, fresh, shared).take_effect(shared))
    }

    /// Whether something listens now, and nothing would because of what is skipped.
    fn loses_its_last_listener(&self, plans: &[Arc<plan::Forward>], fresh: &Fresh) -> bool {
        let drained = self.drained();
        let drained = plans.iter().filter(|plan| drained.contains(&plan.name)).count();
        let skipped = fresh.skipped.len();
        skipped > 0 && skipped + drained == plans.len() && self.listeners().next().is_some()
    }

    /// The names of the forwards that an operator drains.
    fn drained(&self) -> HashSet<String> {
        let drained = self.running.iter().filter(|running| running.forward.draining);
        drained.map(|running| running.plan.name.clone()).collect()
    }

    /// Makes `plans` what runs, with what was bound for them, without a word to the workers.
    pub(crate) fn arrange(
        &mut self,
        plans: &[Arc<plan::Forward>],
        mut fresh: Fresh,
        shared: &Shared,
    ) -> Arranged {
        let skipped: HashMap<usize, &ListenError> =
            fresh.skipped.iter().map(|unbound| (unbound.position, &unbound.error)).collect();
        let mut changes = Changes::default();
        let before = std::mem::take(&mut self.running);
        let mut before: HashMap<String, Running> =
            before.into_iter().map(|running| (running.plan.name.clone(), running)).collect();
        let mut spare: HashMap<ListenAddress, Listener> = before
            .values_mut()
            .flat_map(|running| std::mem::take(&mut running.listeners))
            .map(|listener| (listener.address.clone(), listener))
            .collect();
        for (position, plan) in plans.iter().enumerate() {
            let old = before.remove(&plan.name);
            let unbound = skipped.get(&position).copied();
            let mut listener = |address: &ListenAddress| match unbound {
                Some(_) => None,
                None => spare.remove(address).or_else(|| fresh.listeners.remove(address)),
            };
            let running = self.succeed(old, plan, shared, &mut listener, &mut changes);
            self.running.push(Running { unbound: unbound.cloned(), ..running });
        }
        self.retire(before.into_values(), &mut changes);
        Arranged { skipped: fresh.skipped, changes, spare: spare.into_values().collect() }
    }

    /// Binds the addresses that are not listened on yet.
    pub(crate) fn bind_what_is_new(
        &mut self,
        plans: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
        shared: &Shared,
    ) -> Fresh {
        let mut fresh = Fresh::default();
        let known: HashSet<ListenAddress> = self
            .running
            .iter()
            .flat_map(|running| &running.listeners)
            .map(|listener| listener.address.clone())
            .collect();
        let drained = self.drained();
        for (position, plan) in plans.iter().enumerate() {
            if drained.contains(&plan.name) {
                continue;
            }
            let wanted = plan.routes.iter().map(|route| &route.listen);
            let new: Vec<_> = wanted.filter(|address| !known.contains(*address)).collect();
            match self.bind(&new, plan, shared) {
                Ok(listeners) => fresh.listeners.extend(listeners),
                Err(error) if may_skip(plan) => fresh.skipped.push(Unbound { position, error }),
                Err(error) => fresh.failed.push(Unbound { position, error }),
            }
        }
        fresh
    }

    /// Binds all of these addresses, or none.
    pub(crate) fn bind(
        &mut self,
        addresses: &[&ListenAddress],
        plan: &plan::Forward,
        shared: &Shared,
    ) -> Result<Vec<(ListenAddress, Listener)>, ListenError> {
        let options = Forward::options_of(plan);
        let mut listeners = Vec::with_capacity(addresses.len());
        for address in addresses {
            let number = self.next_number;
            let legacy = self.legacy.sockets.remove(*address);
            let listener = if let Some((known, socket)) = legacy {
                Ok(Listener::bound(known.unwrap_or(number), address, socket))
            } else {
                let number = self.legacy.given.remove(*address).unwrap_or(number);
                Listener::open(number, address, &options, &mut self.given)
            };
            let listener = listener.map_err(|error| match error.cause {
                ListenCause::Refused(Errno::ADDRINUSE) if shared.own.overlaps(address) => {
                    ListenError { cause: ListenCause::OurOwn, ..error }
                }
                _ => error,
            })?;
            self.next_number = self.next_number.max(listener.next_number());
            listeners.push(((*address).clone(), listener));
        }
        Ok(listeners)
    }

    /// The forward of `plan`, as the successor of `old` if there is one.
    fn succeed(
        &mut self,
        old: Option<Running>,
        plan: &Arc<plan::Forward>,
        shared: &Shared,
        listener: &mut dyn FnMut(&ListenAddress) -> Option<Listener>,
        changes: &mut Changes,
    ) -> Running {
        let same = old.as_ref().is_some_and(|old| old.runs_as(plan));
        // The workers do not know the listeners of one that was skipped.
        let known = same && old.as_ref().is_some_and(|old| old.unbound.is_none());
        let forward = match old {
            Some(old) if same => old.forward,
            Some(old) => next_version(&old.forward, plan, old.forward.draining, shared, changes),
            // One that comes back while it has sessions is the same forward again.
            None => match self.take_removed(&plan.name) {
                Some(removed) => next_version(&removed.forward, plan, false, shared, changes),
                None => self.first_version(plan, shared),
            },
        };
        let mut listeners = Vec::with_capacity(plan.routes.len());
        if !forward.draining {
            for route in &plan.routes {
                let Some(listener) = listener(&route.listen) else { continue };
                if !known {
                    changes.listen.extend(lead(&listener, &forward, route, shared));
                }
                listeners.push(listener);
            }
        }
        Running::new(Arc::clone(plan), forward, listeners)
    }

    pub(crate) fn first_version(&mut self, plan: &plan::Forward, shared: &Shared) -> Arc<Forward> {
        let forward = Forward::new(plan, shared.mailboxes.len());
        if let Some(totals) = self.legacy.totals.remove(&plan.name) {
            forward.counters.of(0).go_on_from(&totals);
        }
        Arc::new(forward)
    }

    fn take_removed(&mut self, name: &str) -> Option<Removed> {
        let at = self.removed.iter().position(|removed| removed.plan.name == name)?;
        Some(self.removed.remove(at))
    }

    /// What is no longer configured lets its sessions end.
    fn retire(&mut self, gone: impl Iterator<Item = Running>, changes: &mut Changes) {
        for Running { plan, forward, .. } in gone {
            let forward = Arc::new(forward.drained());
            changes.forwards.push(Arc::clone(&forward));
            self.removed.push(Removed { plan, forward, since: Instant::now() });
        }
    }
}

/// The forward by the rules of `plan`, for its living sessions too.
fn next_version(
    old: &Forward,
    plan: &plan::Forward,
    draining: bool,
    shared: &Shared,
    changes: &mut Changes,
) -> Arc<Forward> {
    let forward = Arc::new(old.changed(plan, draining));
    changes.forwards.push(Arc::clone(&forward));
    shared.tell(forward.gate.set_limit(plan.settings.max_sessions.get()));
    forward
}
