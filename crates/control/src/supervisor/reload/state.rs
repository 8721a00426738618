//! State between reloads: the way back from a configuration on trial, and the forwards that a
//! fall-back could not bind.

use fleet::{Connects, TrialConnects};
use plan::Plan;
use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

/// The way back from a configuration that is on trial.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// The configuration to fall back to.
    pub(crate) back_to: Plan,
    /// Names of its forwards that could not be bound, and may be skipped again.
    pub(crate) skipped: HashSet<String>,
    /// Names of its forwards that an operator drained and the trial removed.
    pub(crate) drained: BTreeSet<String>,
    /// The party that may confirm it.
    pub(crate) owner: TrialOwner,
    /// Deadline of the confirmation.
    pub(crate) until: Instant,
    /// First generation of the configuration on trial. Reloads of the same text count up the
    /// generation.
    pub(crate) first: u64,
    /// Whether the configuration on trial replaced another one during the trial.
    pub(crate) replaced: bool,
    /// The begin of a trial of the fleet.
    pub(crate) begin: Option<TrialBegin>,
}

/// The process at the begin of a trial of the fleet, with which its targets and listeners are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrialBegin {
    /// The forwards that the trial changes or adds.
    pub(crate) connects: TrialConnects,
    /// Connects of all forwards since the start of the process.
    pub(crate) all: Connects,
    /// Listeners that did not accept, in words.
    pub(crate) lost_listeners: Vec<String>,
}

/// The party that a trial waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrialOwner {
    /// `reload --confirm`.
    Operator,
    /// A published text of the fleet.
    Fleet { revision: u64 },
}

impl TrialOwner {
    pub(crate) fn is_fleet(self) -> bool {
        matches!(self, Self::Fleet { .. })
    }
}

/// A trial that a reload begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewTrial {
    pub(crate) within: Duration,
    pub(crate) owner: TrialOwner,
}

impl Trial {
    /// Time left to confirm it.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Updates the drained forwards: running ones have their current state, others their state at
    /// removal.
    pub(super) fn note_drained(&mut self, running: &Plan, drained: BTreeSet<String>) {
        let running: HashSet<&str> =
            running.forwards.iter().map(|forward| forward.name.as_str()).collect();
        self.drained.retain(|name| !running.contains(name.as_str()));
        self.drained.extend(drained);
    }
}

/// Bounds of the time between two attempts, which is a tenth of the time since the fall-back.
const PAUSE_AT_LEAST: Duration = Duration::from_secs(1);
const PAUSE_AT_MOST: Duration = Duration::from_secs(10);

/// Forwards that must run and could not be bound.
#[derive(Clone, Debug)]
pub(crate) struct Restoring {
    pub(crate) names: BTreeSet<String>,
    since: Instant,
    /// Time of the next attempt.
    pub(crate) next: Instant,
}

impl Restoring {
    /// `None` if no forward is missing.
    pub(crate) fn new(names: BTreeSet<String>) -> Option<Self> {
        let now = Instant::now();
        (!names.is_empty()).then(|| Self { names, since: now, next: now + PAUSE_AT_LEAST })
    }

    /// The state after an attempt: `None` if no forward is left to bind.
    pub(super) fn after(self, left: BTreeSet<String>, now: Instant) -> Option<Self> {
        let pause = now.saturating_duration_since(self.since) / 10;
        let next = now + pause.clamp(PAUSE_AT_LEAST, PAUSE_AT_MOST);
        (!left.is_empty()).then_some(Self { names: left, next, ..self })
    }
}
