//! Counters of spins: polls of a worker before it sleeps.

use crate::counters::Count;

/// Spins since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spins {
    /// Ended by an event: the worker did not sleep.
    pub hits: u64,
    /// Ended without one.
    pub misses: u64,
}

/// Spins of one worker.
#[derive(Default)]
pub(crate) struct SpinCounters {
    hits: Count,
    misses: Count,
}

impl SpinCounters {
    pub(crate) fn add(&self, had_events: bool) {
        let counter = if had_events { &self.hits } else { &self.misses };
        counter.add(1);
    }

    /// The sum over all workers.
    pub(crate) fn sum(workers: &[Self]) -> Spins {
        workers.iter().fold(Spins::default(), |sum, worker| Spins {
            hits: sum.hits + worker.hits.get(),
            misses: sum.misses + worker.misses.get(),
        })
    }
}
