//! Forwards that must run and could not be bound, and the time of the next attempt.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

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
