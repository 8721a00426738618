//! A limit on the number of sessions, shared by all workers.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Places for sessions: a session takes one when it begins, and returns it when it ends.
pub(crate) struct Gate {
    limit: AtomicU32,
    taken: AtomicU32,
    /// Workers that wait for room, one bit each. With more than 64 workers, those with the same bit are
    /// woken together.
    waiting: AtomicU64,
}

/// A set of workers to wake, because there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting(u64);

impl Waiting {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, worker: usize) -> bool {
        self.0 & bit(worker) != 0
    }
}

fn bit(worker: usize) -> u64 {
    1 << (worker % 64)
}

impl Gate {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: AtomicU32::new(limit), taken: AtomicU32::new(0), waiting: AtomicU64::new(0) }
    }

    /// Number of places taken.
    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Whether a place is free.
    pub(crate) fn has_room(&self) -> bool {
        self.taken() < self.limit()
    }

    /// Changes the limit for new sessions; open ones stay, even beyond it. Returns the workers to wake.
    #[must_use]
    pub(crate) fn set_limit(&self, limit: u32) -> Waiting {
        self.limit.store(limit, Ordering::Relaxed);
        self.wake()
    }

    /// Takes a place. False if none is free.
    pub(super) fn enter(&self) -> bool {
        let limit = self.limit();
        let more = |taken| (taken < limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Counts a session that was restored after an upgrade. May exceed the limit.
    pub(super) fn enter_unchecked(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a place, or notes that `worker` waits for one.
    ///
    /// The second attempt prevents a lost wake-up: it finds a place that was returned before the note,
    /// and the return of a later one finds the note. The two fences, one between note and attempt, the
    /// other between return and search for notes, exclude a third order.
    pub(super) fn enter_or_wait(&self, worker: usize) -> bool {
        if self.enter() {
            return true;
        }
        self.waiting.fetch_or(bit(worker), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.enter()
    }

    /// Returns a place, and yields the workers to wake.
    #[must_use]
    pub(super) fn leave(&self) -> Waiting {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.wake()
    }

    /// Takes the set of waiting workers. A worker that is not in it finds the room made before the call.
    fn wake(&self) -> Waiting {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return Waiting(0);
        }
        Waiting(self.waiting.swap(0, Ordering::Relaxed))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn lets_in_no_more_than_the_limit_and_names_waiting_workers() {
        let gate = Gate::new(2);
        assert!(gate.enter() && gate.enter_or_wait(0));
        assert!(!gate.enter());
        assert!(gate.leave().is_empty(), "no worker waits");
        assert!(gate.enter());
        assert!(!gate.enter_or_wait(1));
        let waiting = gate.leave();
        assert!(waiting.contains(1) && waiting.contains(65) && !waiting.contains(0));
        assert!(gate.leave().is_empty(), "woken once");
        assert_eq!(gate.taken(), 0);
    }

    #[test]
    fn a_changed_limit_holds_for_new_sessions() {
        let gate = Gate::new(1);
        assert!(gate.enter() && !gate.enter_or_wait(3));
        assert!(gate.set_limit(2).contains(3));
        assert!(gate.enter());
        assert!(gate.set_limit(1).is_empty());
        let _ = gate.leave();
        assert!(!gate.enter(), "still as many as allowed");
        let _ = gate.leave();
        assert!(gate.enter());
    }
}

/// `RUSTFLAGS="--cfg loom" cargo test -p engine`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;

    #[test]
    fn no_worker_waits_for_room_that_is_there() {
        loom::model(|| {
            let gate = Arc::new(Gate::new(1));
            assert!(gate.enter());
            let leaver = {
                let gate = Arc::clone(&gate);
                loom::thread::spawn(move || gate.leave())
            };
            let entered = gate.enter_or_wait(3);
            let woken = leaver.join().unwrap().contains(3);
            assert!(entered || woken);
        });
    }
}
