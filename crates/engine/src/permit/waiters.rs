//! Workers that wait for room, and how they are woken.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The workers that wait for room, one bit each. With more than 64 workers, those with the same bit are
/// woken together.
pub(crate) struct Waiters(AtomicU64);

/// A set of workers to wake, because there is room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkerSet(u64);

impl WorkerSet {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds the workers of another set.
    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) fn contains(self, worker: usize) -> bool {
        self.0 & bit(worker) != 0
    }
}

fn bit(worker: usize) -> u64 {
    1 << (worker % 64)
}

// Not derived: loom's atomics have no default.
impl Default for Waiters {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Waiters {
    /// Attempts to take a place. If that fails, notes that `worker` waits for one, and attempts again.
    ///
    /// The second attempt prevents a lost wake-up: it finds a place that was returned before the note,
    /// and the return of a later one finds the note. The two fences, one between note and attempt, the
    /// other between return and search for notes, exclude a third order.
    pub(crate) fn attempt(&self, worker: usize, mut attempt: impl FnMut() -> bool) -> bool {
        if attempt() {
            return true;
        }
        self.0.fetch_or(bit(worker), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        attempt()
    }

    /// Takes the set of waiting workers. A worker that is not in it finds the room made before the call.
    #[must_use]
    pub(crate) fn wake(&self) -> WorkerSet {
        fence(Ordering::SeqCst);
        if self.0.load(Ordering::Relaxed) == 0 {
            return WorkerSet(0);
        }
        WorkerSet(self.0.swap(0, Ordering::Relaxed))
    }
}
