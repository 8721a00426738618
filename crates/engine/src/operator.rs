//! Commands of an operator to one forward or one of its targets: drain and resume.

use crate::bind::Attempt;
use crate::change::Changes;
use crate::leaving::Leaving;
use crate::listen_error::ListenError;
use crate::listener::Listener;
use crate::publish::{Published, attach, publish};
use crate::rule::with_routes_by_hello;
use crate::running::Forwards;
use crate::shared::Shared;
use plan::ListenAddress;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use sys::kernel::Kernel;

/// Why a forward or a target was not drained or resumed.
#[derive(Clone, Debug)]
pub enum NotSwitched {
    /// No forward has this name.
    NoForward,
    /// The forward has no target with this address.
    NoTarget,
    /// It is in the requested state already.
    Already,
    /// One of its addresses cannot be bound.
    Unbound(ListenError),
}

impl<K: Kernel> Forwards<K> {
    /// Drains a forward: closes its listeners; its sessions go on.
    pub(crate) fn drain(
        &mut self,
        name: &str,
        shared: &Shared<K>,
    ) -> Result<Published<K>, NotSwitched> {
        let mut running = self.running.iter_mut();
        let running =
            running.find(|running| running.plan.name == name).ok_or(NotSwitched::NoForward)?;
        if running.forward.is_draining() {
            return Err(NotSwitched::Already);
        }
        running.forward.set_draining(true);
        running.unbound = None;
        let removed = std::mem::take(&mut running.listeners);
        Ok(publish(Changes::default(), removed, Leaving::default(), shared))
    }

    /// Drains a target of a forward, or lets it take sessions again. Open sessions go on.
    pub(crate) fn set_target_drained(
        &self,
        name: &str,
        target: &str,
        drained: bool,
        shared: &Shared<K>,
    ) -> Result<(), NotSwitched> {
        let running = self.running.iter().find(|running| running.plan.name == name);
        let running = running.ok_or(NotSwitched::NoForward)?;
        let routes = with_routes_by_hello(&running.routes);
        let sets = routes.iter().map(|route| route.targets.load());
        let known = &running.forward.targets;
        let at = drained.then(|| shared.kernel.system_time());
        let changes: Vec<bool> = sets
            .flat_map(|set| {
                let members = set.members().iter().filter(|member| *member.target.text == *target);
                members.map(|member| Arc::clone(&member.target)).collect::<Vec<_>>()
            })
            .map(|target| known.set_drained(&target, at))
            .collect();
        // With the target drained, backups may serve.
        shared.wake(running.forward.targets_changed());
        match &changes[..] {
            [] => Err(NotSwitched::NoTarget),
            changes if changes.contains(&true) => Ok(()),
            _ => Err(NotSwitched::Already),
        }
    }

    /// Makes a drained or skipped forward listen again.
    pub(crate) fn resume(
        &mut self,
        name: &str,
        shared: &Shared<K>,
    ) -> Result<Published<K>, NotSwitched> {
        let at = self.running.iter().position(|running| running.plan.name == name);
        let at = at.ok_or(NotSwitched::NoForward)?;
        if !self.running[at].forward.is_draining() && self.running[at].unbound.is_none() {
            return Err(NotSwitched::Already);
        }
        let plan = Arc::clone(&self.running[at].plan);
        let new = match self.bind_missing(at, &plan, shared) {
            Ok(new) => new,
            Err(error) => {
                let unbound = &mut self.running[at].unbound;
                *unbound = unbound.is_some().then(|| error.clone());
                return Err(NotSwitched::Unbound(error));
            }
        };
        let running = &mut self.running[at];
        running.unbound = None;
        running.forward.set_draining(false);
        let old = std::mem::take(&mut running.listeners);
        let old = old.into_iter().map(|listener| (listener.address.clone(), listener));
        let mut listeners: BTreeMap<_, _> = old.chain(new).collect();
        let mut listen = Vec::new();
        for (planned, route) in plan.routes.iter().zip(&running.routes) {
            let Some(mut listener) = listeners.remove(&planned.listen) else { continue };
            listen.extend(attach(&mut listener, route));
            running.listeners.push(listener);
        }
        let changes = Changes { listen, ..Changes::default() };
        Ok(publish(changes, Vec::new(), Leaving::default(), shared))
    }

    /// Opens listeners at the addresses of a forward that have none. `at` is its position.
    fn bind_missing(
        &mut self,
        at: usize,
        plan: &plan::Forward,
        shared: &Shared<K>,
    ) -> Result<Vec<(ListenAddress, Listener<K>)>, ListenError> {
        let bound: HashSet<_> =
            self.running[at].listeners.iter().map(|listener| listener.address.clone()).collect();
        let missing = plan.routes.iter().map(|route| &route.listen);
        let missing: Vec<_> = missing.filter(|address| !bound.contains(*address)).collect();
        // No listener is removed here, so none shares its address.
        let mut leaving = Leaving::default();
        let mut new = self.bind(&missing, plan, Attempt::Bind, shared, &mut leaving)?;
        for (_, listener) in &mut new {
            listener.start(shared)?;
        }
        Ok(new)
    }
}
