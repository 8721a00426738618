//! Binds the addresses of a new configuration before any listener of the old one is removed.

use crate::leaving::Leaving;
use crate::listen_error::{ListenCause, ListenError};
use crate::listener::Listener;
use crate::rules::listen_options_of;
use crate::running::{Forwards, Unbound};
use crate::shared::Shared;
use plan::ListenAddress;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use sys::kernel::Kernel;
use sys::listen::ListenOptions;
use sys::{Errno, FileState};

/// The consequence for the whole configuration of a forward that cannot be bound.
#[derive(Clone, Copy)]
pub(crate) enum Policy<'a> {
    /// The change fails, unless this predicate allows the forward to be skipped.
    AllOrNothing(&'a dyn Fn(&plan::Forward) -> bool),
    /// The forward is skipped, and listens at those of its addresses that can be bound.
    WhatCanBe,
}

/// The action for an address without a listener.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Bind it and keep the socket.
    Bind,
    /// Bind it and close the socket again.
    Try,
}

/// Listeners that were bound for a new configuration, by address.
pub(crate) struct Fresh<'a, K: Kernel> {
    pub(crate) policy: Policy<'a>,
    pub(crate) listeners: BTreeMap<ListenAddress, Listener<K>>,
    pub(crate) skipped: Vec<Unbound>,
    pub(crate) failed: Vec<Unbound>,
    pub(crate) leaving: Leaving<K>,
}

impl<K: Kernel> Fresh<'_, K> {
    pub(crate) fn note(&mut self, position: usize, plan: &plan::Forward, error: ListenError) {
        let list = match self.policy {
            Policy::AllOrNothing(may_skip) if !may_skip(plan) => &mut self.failed,
            _ => &mut self.skipped,
        };
        // One error per forward is enough.
        if list.last().is_none_or(|last| last.position != position) {
            list.push(Unbound { position, error });
        }
    }

    /// The skipped forwards that are not `optional`: without them, a start fails.
    pub(crate) fn required(&self, plans: &[Arc<plan::Forward>]) -> Vec<Unbound> {
        let is_required = |unbound: &&Unbound| !plans[unbound.position].optional;
        self.skipped.iter().filter(is_required).cloned().collect()
    }

    /// Makes the bound sockets listen. Until this call, all clients reach the old listeners.
    pub(crate) fn start(&mut self, plans: &[Arc<plan::Forward>], shared: &Shared<K>) {
        for (position, plan) in plans.iter().enumerate() {
            for address in plan.routes.iter().map(|route| &route.listen) {
                let Some(listener) = self.listeners.get_mut(address) else { continue };
                // The address was bound, but another process listened on it first.
                if let Err(error) = listener.start(shared) {
                    self.listeners.remove(address);
                    self.note(position, plan, error);
                }
            }
        }
    }
}

impl<K: Kernel> Forwards<K> {
    /// Names of the forwards that were drained by an operator.
    pub(crate) fn drained(&self) -> HashSet<String> {
        let drained = self.running.iter().filter(|running| running.forward.is_draining());
        drained.map(|running| running.plan.name.clone()).collect()
    }

    /// Binds the addresses that have no listener. Bound sockets do not listen yet.
    pub(crate) fn bind_what_is_new<'a>(
        &mut self,
        plans: &[Arc<plan::Forward>],
        policy: Policy<'a>,
        attempt: Attempt,
        shared: &Shared<K>,
    ) -> Fresh<'a, K> {
        let drained = self.drained();
        let takes_sessions = |plan: &Arc<plan::Forward>| !drained.contains(&plan.name);
        let wanted = plans.iter().filter(|plan| takes_sessions(plan)).flat_map(|plan| {
            let options = listen_options_of(plan);
            plan.routes.iter().map(move |route| (&route.listen, options))
        });
        let wanted: HashMap<&ListenAddress, ListenOptions> = wanted.collect();
        let (mut leaving, mut known) = (Leaving::default(), HashSet::new());
        for listener in self.listeners() {
            let wanted = wanted.get(&listener.address);
            if !wanted.is_some_and(|options| listener.can_have(options)) {
                listener.leaves(&mut leaving);
            } else if listener.file_state() == FileState::Present {
                known.insert(listener.address.clone());
            }
        }
        let mut fresh = Fresh {
            policy,
            listeners: BTreeMap::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            leaving,
        };
        for (position, plan) in plans.iter().enumerate().filter(|(_, plan)| takes_sessions(plan)) {
            let addresses = plan.routes.iter().map(|route| &route.listen);
            let new: Vec<_> = addresses.filter(|address| !known.contains(*address)).collect();
            let together = if matches!(policy, Policy::WhatCanBe) { 1 } else { new.len().max(1) };
            for addresses in new.chunks(together) {
                match self.bind(addresses, plan, attempt, shared, &mut fresh.leaving) {
                    Ok(listeners) => fresh.listeners.extend(listeners),
                    Err(error) => fresh.note(position, plan, error),
                }
            }
        }
        self.try_rights(plans, &mut fresh, shared);
        fresh
    }

    /// Binds all of `addresses`, or none.
    pub(crate) fn bind(
        &mut self,
        addresses: &[&ListenAddress],
        plan: &plan::Forward,
        attempt: Attempt,
        shared: &Shared<K>,
        leaving: &mut Leaving<K>,
    ) -> Result<Vec<(ListenAddress, Listener<K>)>, ListenError> {
        let options = listen_options_of(plan);
        let mut listeners = Vec::with_capacity(addresses.len());
        for address in addresses {
            let opened = match attempt {
                Attempt::Bind => self.open(address, &options, leaving, shared).map(Some),
                Attempt::Try => {
                    let (kernel, passed) = (&shared.kernel, &self.passed);
                    Listener::try_open(kernel, address, &options, passed, leaving).map(|()| None)
                }
            };
            let opened = opened.map_err(|error| self.explain(error, shared))?;
            listeners.extend(opened.map(|listener| ((*address).clone(), listener)));
        }
        Ok(listeners)
    }

    fn open(
        &mut self,
        address: &ListenAddress,
        options: &ListenOptions,
        leaving: &mut Leaving<K>,
        shared: &Shared<K>,
    ) -> Result<Listener<K>, ListenError> {
        let kernel = &shared.kernel;
        let number = self.next_number;
        let listener = if let Some(bound) = self.unattached.sockets.remove(address) {
            let number = bound.number.unwrap_or(number);
            Listener::bound(kernel, number, address, options, (bound.socket, bound.file))
        } else {
            let number = self.unattached.passed.remove(address).unwrap_or(number);
            Listener::open(kernel, number, address, options, &mut self.passed, leaving)?
        };
        self.next_number = self.next_number.max(listener.next_number());
        Ok(listener)
    }

    /// Finds the cause of a failed bind among the listeners of this process: an overlapping address, or
    /// a listener at the same address whose file was lost.
    fn explain(&self, error: ListenError, shared: &Shared<K>) -> ListenError {
        let ListenCause::Refused(errno) = error.cause else { return error };
        let is_lost = |listener: &Listener<K>| {
            listener.address == error.address && listener.file_state() != FileState::Present
        };
        let cause = if self.listeners().any(is_lost) {
            ListenCause::FileLost(errno)
        } else if errno == Errno::ADDRINUSE
            && shared.loop_guard.overlaps(&error.address, &shared.kernel)
        {
            ListenCause::OurOwn
        } else {
            error.cause
        };
        ListenError { cause, ..error }
    }
}
