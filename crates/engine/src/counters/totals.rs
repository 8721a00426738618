//! The counters of all workers, added up.

use super::{Counters, Durations, is_failure};
use flow::{By, Cause, Direction, Fallback, Phase, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// Upper bounds of the classes of durations, in seconds: from a connection on this host to a
/// session of a day.
pub const DURATION_BOUNDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0, 3600.0, 86_400.0];

/// What has been counted of a forward since its first session.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Sessions that began.
    pub opened: u64,
    /// Sessions that ended, by reason.
    pub closed: BTreeMap<(By, Phase, Cause), u64>,
    /// When one of them last failed, as [`Totals::failed`] counts.
    pub last_failed: Option<Time>,
    /// Bytes that the sinks took, by direction ([`Direction`] as an index) and path ([`Path`]).
    pub bytes: [[u64; 2]; 2],
    /// Clients refused by a limit: they never became sessions.
    pub refused: u64,
    /// When that last happened.
    pub last_refused: Option<Time>,
    /// Failures of accept(2), by error number.
    pub accept_errors: BTreeMap<i32, u64>,
    /// Lanes that went from splice to copy, by the most serious reason; counted when the session
    /// ends.
    pub fallbacks: BTreeMap<Fallback, u64>,
    /// From acceptance to the connection with the target.
    pub connecting: Classes,
    /// From acceptance to the end, of sessions that have ended.
    pub living: Classes,
}

/// How many durations fell into each class.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// Per class of [`DURATION_BOUNDS`], and one for what is longer. Not cumulative.
    pub counts: [u64; DURATION_BOUNDS.len() + 1],
    /// The sum of all.
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
    /// Sessions that are open.
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.closed.values().sum())
    }

    /// Sessions that ended before they were connected, neither by their client nor by an operator:
    /// no target was reached, or this host had nothing left for them.
    pub fn failed(&self) -> u64 {
        let failures = self.closed.iter().filter(|((by, phase, _), _)| is_failure(*by, *phase));
        failures.map(|(_, count)| count).sum()
    }

    /// Nothing has ever happened.
    pub(crate) fn is_nothing(&self) -> bool {
        self.opened == 0 && self.refused == 0 && self.accept_errors.is_empty()
    }

    /// Bytes of one direction, on both paths.
    pub fn bytes_of(&self, direction: Direction) -> u64 {
        self.bytes[direction as usize].iter().sum()
    }

    pub(crate) fn add(&mut self, counters: &Counters) {
        // Ends before beginnings: a session that comes and goes meanwhile is never an end without
        // a beginning.
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

/// What all forwards together have done since the start, those that are gone included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Sessions that began.
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
