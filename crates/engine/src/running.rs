//! The running forwards, and removed ones that still have sessions.

use crate::counters::Sums;
use crate::forward::Forward;
use crate::forward_view::{ForwardState, ForwardView};
use crate::listen_error::ListenError;
use crate::listener::Listener;
use crate::message::Message;
use crate::passed::PassedSockets;
use crate::removed_targets::RemovedTargets;
use crate::rule::Route;
use crate::sets::Sets;
use crate::shared::Shared;
use crate::upgrade::Unattached;
use flow::Time;
use plan::ListenAddress;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::Kernel;

/// A configured forward and its listeners.
pub(crate) struct Running<K: Kernel> {
    pub(crate) plan: Arc<plan::Forward>,
    pub(crate) forward: Arc<Forward>,
    /// One per listen address, in the order of the plan, also for addresses without a listener.
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) listeners: Vec<Listener<K>>,
    /// Why it is skipped: one of its addresses could not be bound.
    pub(crate) unbound: Option<ListenError>,
}

impl<K: Kernel> Running<K> {
    /// A forward with its open listeners; none if it is drained.
    pub(crate) fn new(
        plan: Arc<plan::Forward>,
        forward: Arc<Forward>,
        routes: Vec<Arc<Route>>,
        listeners: Vec<Listener<K>>,
    ) -> Self {
        Self { plan, forward, routes, listeners, unbound: None }
    }

    pub(crate) fn runs_as(&self, plan: &plan::Forward) -> bool {
        self.plan.routes == plan.routes
            && self.plan.hello_routes == plan.hello_routes
            && self.plan.settings == plan.settings
    }

    pub(crate) fn state(&self) -> ForwardState {
        match self {
            Self { unbound: Some(_), .. } => ForwardState::Skipped,
            Self { forward, .. } if forward.is_draining() => ForwardState::Draining,
            _ => ForwardState::Active,
        }
    }
}

/// A forward that is no longer configured. It stays until its sessions have ended and, if it has drained
/// targets, until a trial has ended.
pub(crate) struct Removed {
    pub(crate) plan: Arc<plan::Forward>,
    pub(crate) forward: Arc<Forward>,
    pub(crate) routes: Vec<Arc<Route>>,
    pub(crate) since: Time,
}

/// The running forwards, removed ones that are not forgotten, and state that outlives a forward.
pub(crate) struct Forwards<K: Kernel> {
    pub(crate) passed: PassedSockets<K>,
    pub(crate) running: Vec<Running<K>>,
    pub(crate) removed: Vec<Removed>,
    /// Counters of removed forwards whose sessions have ended.
    pub(crate) forgotten: Sums,
    pub(crate) next_number: u32,
    pub(crate) unattached: Unattached<K>,
    /// The members of sets, also of those that no running forward has yet.
    pub(crate) sets: Sets,
    pub(crate) removed_targets: RemovedTargets,
    /// Sets have changed since [`Self::tidy`]. A worker that had read an old one may have taken a place in a
    /// removed target since.
    pub(crate) recheck_removed_targets: bool,
}

/// A forward that could not be bound.
#[derive(Clone, Debug)]
pub struct Unbound {
    /// Index of the forward in the new configuration.
    pub position: usize,
    /// The error of its first address that could not be bound.
    pub error: ListenError,
}

impl<K: Kernel> Forwards<K> {
    pub(crate) fn new(passed: PassedSockets<K>) -> Self {
        Self {
            passed,
            running: Vec::new(),
            removed: Vec::new(),
            forgotten: Sums::default(),
            next_number: 0,
            unattached: Unattached::default(),
            sets: Sets::default(),
            removed_targets: RemovedTargets::default(),
            recheck_removed_targets: false,
        }
    }

    /// All forwards that may have sessions.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Forward>> + '_ {
        let running = self.running.iter().map(|running| &running.forward);
        running.chain(self.removed.iter().map(|removed| &removed.forward)).map(Arc::clone)
    }

    /// Forgets removed forwards and targets without sessions, and resets the sessions of those that were
    /// removed at least `limit` ago. With `keeps_drained`, forwards with drained targets stay.
    pub(crate) fn tidy(
        &mut self,
        limit: Option<Duration>,
        keeps_drained: bool,
        shared: &Shared<K>,
    ) {
        // While a change is unapplied, a late worker may still accept clients of a removed forward.
        if shared.unapplied.is_empty() {
            self.forget_removed(keeps_drained);
            if std::mem::take(&mut self.recheck_removed_targets) {
                self.note_removed_targets(shared);
            }
        }
        let now = shared.kernel.now();
        let over =
            |removed: &&Removed| limit.is_some_and(|limit| now.since(removed.since) >= limit);
        for removed in self.removed.iter().filter(over) {
            let forward = || Arc::clone(&removed.forward);
            shared.broadcast(|| Message::CutRemoved { forward: forward(), target: None });
        }
        self.removed_targets.tidy(limit, now, |forward, target| {
            let parts = || (Arc::clone(forward), Some(Arc::clone(target)));
            shared.broadcast(|| {
                let (forward, target) = parts();
                Message::CutRemoved { forward, target }
            });
        });
    }

    fn forget_removed(&mut self, keeps_drained: bool) {
        let lives = |Removed { forward, .. }: &Removed| {
            forward.gate.taken() > 0 || keeps_drained && forward.targets.has_drained()
        };
        for removed in self.removed.iter().filter(|removed| !lives(removed)) {
            self.forgotten.add(&removed.forward.counters.totals());
        }
        self.removed.retain(lives);
    }

    /// Whether [`Self::tidy`] has work.
    pub(crate) fn needs_tidy(&self) -> bool {
        !self.removed.is_empty() || !self.removed_targets.is_empty() || self.recheck_removed_targets
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = self.forgotten;
        self.all().for_each(|forward| sums.add(&forward.counters.totals()));
        sums
    }

    /// Closes all listeners: the process takes no new sessions.
    pub(crate) fn close(&mut self) {
        for running in &mut self.running {
            running.listeners.clear();
        }
    }

    pub(crate) fn leave_files(&mut self, is_kept: impl Fn(&ListenAddress) -> bool) {
        let listeners = self.running.iter_mut().flat_map(|running| &mut running.listeners);
        listeners.filter(|listener| is_kept(&listener.address)).for_each(Listener::leave_file);
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener<K>> {
        self.running.iter().flat_map(|running| &running.listeners)
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = ForwardView<'_, K>> {
        let running = self.running.iter().map(|running| ForwardView {
            plan: &running.plan,
            state: running.state(),
            unbound: running.unbound.as_ref(),
            forward: &running.forward,
            routes: &running.routes,
            listeners: &running.listeners,
        });
        let removed = self.removed.iter().map(|removed| ForwardView {
            plan: &removed.plan,
            state: ForwardState::Removed,
            unbound: None,
            forward: &removed.forward,
            routes: &removed.routes,
            listeners: &[],
        });
        running.chain(removed)
    }
}
