//! Sums of the counters of all workers.

use super::{Counters, Durations, is_failure};
use flow::{By, Cause, Direction, Fallback, Phase, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// Upper bounds of the duration classes, in seconds: from a connection within this host to a session
/// of one day.
pub const DURATION_BOUNDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0, 3600.0, 86_400.0];

/// Counters of a forward since its first session.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Sessions accepted and admitted.
    pub opened: u64,
    /// Ended sessions, by close reason.
    pub closed: BTreeMap<(By, Phase, Cause), u64>,
    /// Time of the last failure among them, as counted by [`Totals::failed`].
    pub last_failed: Option<Time>,
    /// Bytes taken by the sinks, by direction ([`Direction`] as an index) and path ([`Path`]).
    pub bytes: [[u64; 2]; 2],
    /// Clients refused by a limit: they never became sessions.
    pub refused: u64,
    /// Time of the last refusal.
    pub last_refused: Option<Time>,
    /// Failed accept(2) calls, by error number.
    pub accept_errors: BTreeMap<i32, u64>,
    /// Lanes that fell back from splice to copy, by the most serious reason; counted when the session
    /// ends.
    pub fallbacks: BTreeMap<Fallback, u64>,
    /// Durations from accept to the connected target.
    pub connecting: Classes,
    /// Durations from accept to the end, of ended sessions.
    pub living: Classes,
}

/// A histogram of durations.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// Durations per class of [`DURATION_BOUNDS`], with one more class above the last bound. Not
    /// cumulative.
    pub counts: [u64; DURATION_BOUNDS.len() + 1],
    /// Sum of all durations.
    pub sum: Duration,
}

impl Classes {
    fn add(&mut self, durations: &Durations) {
        for (sum, class) in self.counts.iter_mut().zip(&durations.classes) {
            *sum += class.get();
        }
        self.sum += Duration::from_micros(durations.micros.get());
    }
}

impl Totals {
    /// Open sessions: opened less ended ones.
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.closed.values().sum())
    }

    /// Sessions that ended unconnected, for a reason other than their client or an operator: no target
    /// was reached, or this host lacked a resource.
    pub fn failed(&self) -> u64 {
        let failures = self.closed.iter().filter(|((by, phase, _), _)| is_failure(*by, *phase));
        failures.map(|(_, count)| count).sum()
    }

    /// Whether all counters are zero.
    pub(crate) fn is_nothing(&self) -> bool {
        self.opened == 0 && self.refused == 0 && self.accept_errors.is_empty()
    }

    /// Bytes of one direction, on both paths.
    pub fn bytes_of(&self, direction: Direction) -> u64 {
        self.bytes[direction as usize].iter().sum()
    }

    pub(crate) fn add(&mut self, counters: &Counters) {
        // Ends are read before openings: a session that opens and ends during the read never counts
        // as an end without an opening.
        let seldom = counters.seldom();
        add_up(&mut self.closed, &seldom.closed);
        add_up(&mut self.accept_errors, &seldom.accept_errors);
        add_up(&mut self.fallbacks, &seldom.fallbacks);
        self.refused += seldom.refused;
        self.last_failed = self.last_failed.max(seldom.last_failed);
        self.last_refused = self.last_refused.max(seldom.last_refused);
        drop(seldom);
        self.opened += counters.opened.get();
        for (sum, count) in
            self.bytes.as_flattened_mut().iter_mut().zip(counters.bytes.as_flattened())
        {
            *sum += count.get();
        }
        self.connecting.add(&counters.connecting);
        self.living.add(&counters.living);
    }
}

/// Counters of all forwards since the start of the process, removed forwards included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Sessions accepted and admitted.
    pub opened: u64,
    /// Bytes from clients to targets.
    pub bytes_up: u64,
    /// Bytes from targets to clients.
    pub bytes_down: u64,
}

impl Sums {
    pub(crate) fn add(&mut self, totals: &Totals) {
        self.opened += totals.opened;
        self.bytes_up += totals.bytes_of(Direction::Up);
        self.bytes_down += totals.bytes_of(Direction::Down);
    }
}

pub(super) fn add_up<K: Copy + Ord>(sums: &mut BTreeMap<K, u64>, counts: &BTreeMap<K, u64>) {
    for (key, count) in counts {
        *sums.entry(*key).or_default() += count;
    }
}
