//! A running forward: the state shared by its sessions.

use crate::clients::ForwardClients;
use crate::counters::ForwardCounters;
use crate::known_targets::KnownTargets;
use crate::permit::{Claims, Gate, Waiters, WorkerSet};
use crate::rules::Rules;
use arc_swap::{ArcSwap, Guard};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A running forward, shared by all workers while the forward or one of its sessions exists. A reload
/// replaces its rules.
pub(crate) struct Forward {
    pub(crate) name: Arc<str>,
    pub(crate) gate: Gate,
    /// Claims of accepted clients to a place in a target, if all listeners have the same targets: see
    /// [`Route::claims`](crate::rule::Route::claims).
    pub(crate) claims: Arc<Claims>,
    /// All listeners have the same targets. False for a range of ports with a range of targets.
    shares_targets: AtomicBool,
    pub(crate) counters: ForwardCounters,
    pub(crate) clients: ForwardClients,
    pub(crate) targets: KnownTargets,
    rules: ArcSwap<Rules>,
    /// New sessions are not taken; open ones may end.
    draining: AtomicBool,
}

/// What new rules mean for open sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RulesChange {
    /// Their timers must be set again ([`Rules::are_stricter_than`]).
    pub(crate) are_stricter: bool,
    /// Their sockets must get other rates.
    pub(crate) changes_rates: bool,
    /// Their clients must be counted anew.
    pub(crate) changes_counting: bool,
}

impl Forward {
    /// A forward without sessions. No other one has this `id`.
    pub(crate) fn new(forward: &plan::Forward, workers: usize, id: NonZeroU32) -> Self {
        let waiters = Arc::<Waiters>::default();
        Self {
            name: forward.name.as_str().into(),
            gate: Gate::new(forward.settings.max_sessions.get()),
            counters: ForwardCounters::new(workers),
            clients: ForwardClients::new(id),
            claims: Arc::new(Claims::new(Arc::clone(&waiters))),
            shares_targets: AtomicBool::new(true),
            targets: KnownTargets::new(workers, waiters),
            rules: ArcSwap::from_pointee(Rules::of(forward)),
            draining: AtomicBool::new(false),
        }
    }

    /// The current rules. Sessions load them when needed and keep none.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// The workers to wake after a change of rules, health or set by which a target may take clients that
    /// wait.
    #[must_use]
    pub(crate) fn targets_changed(&self) -> WorkerSet {
        self.claims.waiters().wake()
    }

    pub(crate) fn shares_targets(&self) -> bool {
        self.shares_targets.load(Ordering::Relaxed)
    }

    /// Records whether all listeners of `plan` have the same targets. A held claim returns to the count that it
    /// was taken from.
    pub(crate) fn compare_targets(&self, plan: &plan::Forward) {
        let mut pairs = plan.routes.windows(2);
        let shares = pairs.all(|pair| pair[0].targets == pair[1].targets);
        self.shares_targets.store(shares, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Replaces the rules, also for open sessions.
    #[must_use]
    pub(crate) fn set_rules(&self, mut rules: Rules) -> RulesChange {
        let old = self.rules.load_full();
        let changes_counting = rules.clients.count_differently_from(&old.clients);
        rules.clients.generation = old.clients.generation.wrapping_add(u32::from(changes_counting));
        let change = RulesChange {
            are_stricter: rules.are_stricter_than(&old),
            changes_rates: rules.pacing != old.pacing,
            changes_counting,
        };
        self.rules.store(Arc::new(rules));
        change
    }

    /// Stops taking new sessions, or takes them again.
    pub(crate) fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Relaxed);
    }
}
