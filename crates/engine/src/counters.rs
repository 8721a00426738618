//! Counters per forward and worker. Each number has one writer, its worker; a reader sums them.

mod totals;
use totals::add_up;
pub use totals::{Classes, DURATION_BOUNDS, Sums, Totals};

use flow::{By, Cause, CloseReason, Direction, Fallback, Path, Phase, Time};
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
    /// Bytes by direction and path.
    bytes: [[Count; 2]; 2],
    connecting: Durations,
    living: Durations,
    /// Counts of events that happen at most once in a session.
    seldom: Mutex<Seldom>,
}

#[derive(Default)]
struct Seldom {
    closed: BTreeMap<(By, Phase, Cause), u64>,
    last_failed: Option<Time>,
    refused: u64,
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

    pub(crate) fn closed(
        &self,
        now: Time,
        reason: CloseReason,
        lived: Duration,
        fallbacks: [Fallback; 2],
    ) {
        self.living.add(lived);
        let mut seldom = self.seldom();
        if is_failure(reason.by, reason.phase) {
            seldom.last_failed = Some(now);
        }
        *seldom.closed.entry((reason.by, reason.phase, reason.cause)).or_default() += 1;
        for fallback in fallbacks.into_iter().filter(|fallback| *fallback != Fallback::None) {
            *seldom.fallbacks.entry(fallback).or_default() += 1;
        }
    }

    pub(crate) fn refused(&self, now: Time) {
        let mut seldom = self.seldom();
        seldom.refused += 1;
        seldom.last_refused = Some(now);
    }

    pub(crate) fn accept_failed(&self, errno: Errno) {
        *self.seldom().accept_errors.entry(errno.raw_os_error()).or_default() += 1;
    }

    /// Counts sessions that could not be restored after an upgrade.
    pub(crate) fn lost(&self, count: u64) {
        let reason = (By::Operator, Phase::Relay, Cause::Lost);
        *self.seldom().closed.entry(reason).or_default() += count;
    }

    /// Counts restored sessions whose openings are missing from damaged counters.
    pub(crate) fn opened_before(&self, count: u64) {
        self.opened.add(count);
    }

    /// Adds the counts of the previous process image. Called before any worker counts here.
    pub(crate) fn seed(&self, totals: &Totals) {
        self.opened.add(totals.opened);
        let bytes = self.bytes.as_flattened().iter().zip(totals.bytes.as_flattened());
        bytes.for_each(|(count, before)| count.add(*before));
        self.connecting.seed(&totals.connecting);
        self.living.seed(&totals.living);
        let mut seldom = self.seldom();
        add_up(&mut seldom.closed, &totals.closed);
        add_up(&mut seldom.accept_errors, &totals.accept_errors);
        add_up(&mut seldom.fallbacks, &totals.fallbacks);
        seldom.refused += totals.refused;
        seldom.last_failed = totals.last_failed;
        seldom.last_refused = totals.last_refused;
    }

    fn seldom(&self) -> MutexGuard<'_, Seldom> {
        // Nothing panics while it holds the lock.
        self.seldom.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a session ended unconnected, for a reason other than its client or an operator.
fn is_failure(by: By, phase: Phase) -> bool {
    phase == Phase::Connect && matches!(by, By::Target | By::Limit | By::Resource)
}

/// The counters of all workers for one forward. Those of a worker are allocated with its first
/// session: thousands of unused forwards cost nothing.
pub(crate) struct ForwardCounters(Box<[OnceLock<Arc<Counters>>]>);

impl ForwardCounters {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| OnceLock::new()).collect())
    }

    pub(crate) fn workers(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn of(&self, worker: usize) -> &Arc<Counters> {
        self.0[worker].get_or_init(Arc::default)
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for counters in self.0.iter().filter_map(OnceLock::get) {
            totals.add(counters);
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_added_up() {
        let counters = ForwardCounters::new(3);
        let reason = CloseReason::new(By::Client, Phase::Relay, Cause::Fin);
        for worker in [0, 2] {
            let mine = counters.of(worker);
            mine.opened();
            mine.opened();
            mine.moved(Direction::Down, Path::Splice, 10);
            mine.connected(Duration::from_millis(1));
            let fallbacks = [Fallback::NoPipe, Fallback::None];
            mine.closed(Time::default(), reason, Duration::from_secs(100_000), fallbacks);
        }
        let totals = counters.totals();
        assert_eq!((totals.opened, totals.open()), (4, 2));
        assert_eq!(totals.closed, BTreeMap::from([((By::Client, Phase::Relay, Cause::Fin), 2)]));
        assert_eq!(totals.bytes, [[0, 0], [0, 20]]);
        assert_eq!((totals.bytes_of(Direction::Up), totals.bytes_of(Direction::Down)), (0, 20));
        assert_eq!(totals.fallbacks, BTreeMap::from([(Fallback::NoPipe, 2)]));
        assert_eq!(totals.connecting.counts[1], 2, "a bound belongs to its class");
        assert_eq!(totals.living.counts[DURATION_BOUNDS.len()], 2, "longer than a day");
        assert_eq!(totals.living.sum, Duration::from_secs(200_000));
    }

    #[test]
    fn sessions_ended_by_clients_and_operators_are_no_failures() {
        let counters = ForwardCounters::new(2);
        let ends = [
            (0, 5, By::Target, Phase::Connect, Cause::Refused),
            (1, 3, By::Limit, Phase::Connect, Cause::ConnectTimeout),
            (1, 7, By::Client, Phase::Connect, Cause::Reset),
            (0, 8, By::Target, Phase::Relay, Cause::Reset),
        ];
        for (worker, at, by, phase, cause) in ends {
            let (at, reason) = (Time::from_micros(at), CloseReason::new(by, phase, cause));
            counters.of(worker).closed(at, reason, Duration::ZERO, [Fallback::None; 2]);
        }
        counters.of(1).refused(Time::from_micros(9));
        let totals = counters.totals();
        assert_eq!((totals.failed(), totals.last_failed), (2, Some(Time::from_micros(5))));
        assert_eq!((totals.refused, totals.last_refused), (1, Some(Time::from_micros(9))));
    }
}
