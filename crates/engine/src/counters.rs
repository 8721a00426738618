//! Counters per forward and worker, and their sums. Each number has one writer, its worker; a reader adds
//! them up.

use flow::{By, Cause, Direction, Ending, Fallback, Path, Phase, Time};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use sys::Errno;

/// A number with one writer, its worker: incremented without a locked instruction.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.get() + n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations by class, and their sum.
#[derive(Default)]
struct Durations {
    /// One more than [`DURATION_BOUNDS`]: the last class is unbounded.
    classes: [Count; DURATION_BOUNDS.len() + 1],
    micros: Count,
}

impl Durations {
    fn add(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let class = DURATION_BOUNDS.iter().position(|bound| seconds <= *bound);
        self.classes[class.unwrap_or(DURATION_BOUNDS.len())].add(1);
        self.micros.add(handover::micros(duration));
    }

    fn seed(&self, before: &Classes) {
        for (class, count) in self.classes.iter().zip(before.counts) {
            class.add(count);
        }
        self.micros.add(handover::micros(before.sum));
    }
}

/// Counters of one worker for one forward.
#[derive(Default)]
pub(crate) struct Counters {
    opened: Count,
    /// The failures among `closed`, which readings of all forwards take without a lock.
    failed: Count,
    /// Bytes by direction and path.
    bytes: [[Count; 2]; 2],
    connecting: Durations,
    living: Durations,
    /// Microseconds in which bytes of ended sessions waited for their peers, by direction.
    stalled: [Count; 2],
    /// Counts of events that happen at most once in a session.
    cold: Mutex<ColdCounters>,
}

#[derive(Default)]
struct ColdCounters {
    closed: BTreeMap<(By, Phase, Cause), u64>,
    last_failed: Option<Time>,
    refused: BTreeMap<Cause, u64>,
    last_refused: Option<Time>,
    accept_errors: BTreeMap<i32, u64>,
    fallbacks: BTreeMap<Fallback, u64>,
}

impl Counters {
    pub(crate) fn opened(&self) {
        self.opened.add(1);
    }

    /// Counts bytes taken by the sink of a lane.
    pub(crate) fn moved(&self, direction: Direction, path: Path, bytes: usize) {
        self.bytes[direction as usize][path as usize].add(bytes as u64);
    }

    pub(crate) fn connected(&self, took: Duration) {
        self.connecting.add(took);
    }

    pub(crate) fn closed(&self, now: Time, ending: &Ending) {
        let Ending { reason, duration, lanes, .. } = ending;
        self.living.add(*duration);
        for (stalled, lane) in self.stalled.iter().zip(lanes) {
            stalled.add(handover::micros(lane.stalled));
        }
        let mut cold = self.cold();
        if is_failure(reason.by, reason.phase) {
            self.failed.add(1);
            cold.last_failed = Some(now);
        }
        *cold.closed.entry((reason.by, reason.phase, reason.cause)).or_default() += 1;
        let fallbacks = lanes.iter().map(|lane| lane.fallback);
        for fallback in fallbacks.filter(|fallback| *fallback != Fallback::None) {
            *cold.fallbacks.entry(fallback).or_default() += 1;
        }
    }

    /// Counts a client that never became a session. Only a limit that is reached needs attention: a list that
    /// refuses clients does what it is for.
    pub(crate) fn refused(&self, now: Time, cause: Cause) {
        let mut cold = self.cold();
        *cold.refused.entry(cause).or_default() += 1;
        if cause == Cause::OverLimit {
            cold.last_refused = Some(now);
        }
    }

    pub(crate) fn accept_failed(&self, errno: Errno) {
        *self.cold().accept_errors.entry(errno.raw_os_error()).or_default() += 1;
    }

    /// Counts sessions that could not be restored after an upgrade.
    pub(crate) fn lost(&self, count: u64) {
        let reason = (By::Operator, Phase::Relay, Cause::Lost);
        *self.cold().closed.entry(reason).or_default() += count;
    }

    /// Counts restored sessions whose openings are missing from damaged counters.
    pub(crate) fn opened_before(&self, count: u64) {
        self.opened.add(count);
    }

    /// Adds the counts of the previous process image. Called before any worker counts here.
    pub(crate) fn seed(&self, totals: &Totals) {
        self.opened.add(totals.opened);
        self.failed.add(totals.failed());
        let bytes = self.bytes.as_flattened().iter().zip(totals.bytes.as_flattened());
        bytes.for_each(|(count, before)| count.add(*before));
        self.connecting.seed(&totals.connecting);
        self.living.seed(&totals.living);
        for (stalled, before) in self.stalled.iter().zip(totals.stalled) {
            stalled.add(handover::micros(before));
        }
        let mut cold = self.cold();
        add_up(&mut cold.closed, &totals.closed);
        add_up(&mut cold.accept_errors, &totals.accept_errors);
        add_up(&mut cold.fallbacks, &totals.fallbacks);
        add_up(&mut cold.refused, &totals.refused);
        cold.last_failed = totals.last_failed;
        cold.last_refused = totals.last_refused;
    }

    fn cold(&self) -> MutexGuard<'_, ColdCounters> {
        // Nothing panics while it holds the lock.
        self.cold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a session ended unconnected, for a reason other than its client or an operator.
pub(crate) fn is_failure(by: By, phase: Phase) -> bool {
    phase == Phase::Connect && matches!(by, By::Target | By::Limit | By::Resource)
}

/// The counters of all workers for one forward. Those of a worker are allocated with its first
/// session: thousands of unused forwards cost nothing.
pub(crate) struct ForwardCounters(Box<[OnceLock<Arc<Counters>>]>);

impl ForwardCounters {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| OnceLock::new()).collect())
    }

    pub(crate) fn of(&self, worker: usize) -> &Arc<Counters> {
        self.0[worker].get_or_init(Arc::default)
    }

    pub(crate) fn attempts(&self) -> Attempts {
        let mut sum = Attempts::default();
        for counters in self.0.iter().filter_map(OnceLock::get) {
            // Failures first: none may be counted without its opening.
            sum.failed += counters.failed.get();
            sum.opened += counters.opened.get();
        }
        sum
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for counters in self.0.iter().filter_map(OnceLock::get) {
            totals.add(counters);
        }
        totals
    }
}

/// The counters of a forward that a reading of all forwards needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Sessions accepted and admitted, as [`Totals::opened`].
    pub opened: u64,
    /// Failed sessions, as [`Totals::failed`].
    pub failed: u64,
}

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
    /// Refused clients, by cause: they never became sessions.
    pub refused: BTreeMap<Cause, u64>,
    /// Time of the last refusal by a limit.
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
    /// Time in which bytes of ended sessions waited for the peers that should take them, by direction.
    pub stalled: [Duration; 2],
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
        self.failures().into_values().sum()
    }

    /// The failed sessions, by cause.
    pub fn failures(&self) -> BTreeMap<Cause, u64> {
        let mut failures = BTreeMap::new();
        for ((by, phase, cause), count) in &self.closed {
            if is_failure(*by, *phase) {
                *failures.entry(*cause).or_default() += count;
            }
        }
        failures
    }

    /// Clients refused for this cause.
    pub fn refused_by(&self, cause: Cause) -> u64 {
        self.refused.get(&cause).copied().unwrap_or(0)
    }

    /// Whether all counters are zero.
    pub(crate) fn is_nothing(&self) -> bool {
        self.opened == 0 && self.refused.is_empty() && self.accept_errors.is_empty()
    }

    /// Bytes of one direction, on both paths.
    pub fn bytes_of(&self, direction: Direction) -> u64 {
        self.bytes[direction as usize].iter().sum()
    }

    pub(crate) fn add(&mut self, counters: &Counters) {
        // Ends are read before openings: a session that opens and ends during the read never counts
        // as an end without an opening.
        let cold = counters.cold();
        add_up(&mut self.closed, &cold.closed);
        add_up(&mut self.accept_errors, &cold.accept_errors);
        add_up(&mut self.fallbacks, &cold.fallbacks);
        add_up(&mut self.refused, &cold.refused);
        self.last_failed = self.last_failed.max(cold.last_failed);
        self.last_refused = self.last_refused.max(cold.last_refused);
        drop(cold);
        self.opened += counters.opened.get();
        for (sum, count) in
            self.bytes.as_flattened_mut().iter_mut().zip(counters.bytes.as_flattened())
        {
            *sum += count.get();
        }
        self.connecting.add(&counters.connecting);
        self.living.add(&counters.living);
        for (sum, stalled) in self.stalled.iter_mut().zip(&counters.stalled) {
            *sum += Duration::from_micros(stalled.get());
        }
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
    /// Clients refused, for any cause.
    pub refused: u64,
    /// Failed sessions, as counted by [`Totals::failed`].
    pub failed: u64,
}

impl Sums {
    pub(crate) fn add(&mut self, totals: &Totals) {
        self.opened += totals.opened;
        self.bytes_up += totals.bytes_of(Direction::Up);
        self.bytes_down += totals.bytes_of(Direction::Down);
        self.refused += totals.refused.values().sum::<u64>();
        self.failed += totals.failed();
    }
}

pub(super) fn add_up<K: Copy + Ord>(sums: &mut BTreeMap<K, u64>, counts: &BTreeMap<K, u64>) {
    for (key, count) in counts {
        *sums.entry(*key).or_default() += count;
    }
}

#[cfg(test)]
pub(crate) mod tests;
