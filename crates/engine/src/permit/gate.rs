//! A limit on the number of sessions, shared by all workers.

use super::waiters::{Waiters, WorkerSet};
use flow::Pool;
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

/// Places for sessions: a session takes one when it begins, and returns it when it ends.
pub(crate) struct Gate {
    limit: AtomicU32,
    taken: AtomicU32,
    /// The workers that wait for room here. The targets of a forward share theirs.
    waiters: Arc<Waiters>,
}

impl Gate {
    pub(crate) fn new(limit: u32) -> Self {
        Self::with_waiters(limit, Arc::default())
    }

    /// A gate whose room wakes `waiters`.
    pub(crate) fn with_waiters(limit: u32, waiters: Arc<Waiters>) -> Self {
        Self { limit: AtomicU32::new(limit), taken: AtomicU32::new(0), waiters }
    }

    /// Number of places taken.
    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// The places and how many of them are taken.
    pub(crate) fn pool(&self) -> Pool {
        Pool { limit: self.limit(), taken: self.taken() }
    }

    /// Number of free places.
    pub(crate) fn free(&self) -> u32 {
        self.pool().free()
    }

    /// Changes the limit for new sessions; open ones stay, even beyond it. Returns the workers to wake.
    #[must_use]
    pub(crate) fn set_limit(&self, limit: u32) -> WorkerSet {
        self.store_limit(limit);
        self.waiters.wake()
    }

    /// Changes the limit like [`Self::set_limit`], for a caller that wakes the workers later.
    pub(crate) fn store_limit(&self, limit: u32) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes a place. False if none is free.
    pub(super) fn enter(&self) -> bool {
        self.enter_if(|_| true)
    }

    /// Takes a place, if one is free and `may_enter` says so of the places before.
    pub(super) fn enter_if(&self, mut may_enter: impl FnMut(Pool) -> bool) -> bool {
        let limit = self.limit();
        let mut may_enter = |taken| taken < limit && may_enter(Pool { limit, taken });
        let more = |taken| may_enter(taken).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Counts a session that was restored after an upgrade. May exceed the limit.
    pub(super) fn enter_unchecked(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a place like [`Self::enter_if`], or notes that `worker` waits for one.
    pub(super) fn enter_or_wait(
        &self,
        worker: usize,
        mut may_enter: impl FnMut(Pool) -> bool,
    ) -> bool {
        self.waiters.attempt(worker, || self.enter_if(&mut may_enter))
    }

    /// Whether there is a place, as `has_room` says of those before; if not, notes that `worker` waits for one.
    pub(super) fn look_or_wait(&self, worker: usize, has_room: impl Fn(Pool) -> bool) -> bool {
        self.waiters.attempt(worker, || has_room(self.pool()))
    }

    /// Returns a place, and yields the workers to wake.
    #[must_use]
    pub(super) fn leave(&self) -> WorkerSet {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.waiters.wake()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn lets_in_no_more_than_the_limit_and_names_waiting_workers() {
        let gate = Gate::new(2);
        assert!(gate.enter() && gate.enter_or_wait(0, |_| true));
        assert!(!gate.enter());
        assert!(gate.leave().is_empty(), "no worker waits");
        assert!(gate.enter());
        assert!(!gate.enter_or_wait(1, |_| true));
        let waiting = gate.leave();
        assert!(waiting.contains(1) && waiting.contains(65) && !waiting.contains(0));
        assert!(gate.leave().is_empty(), "woken once");
        assert_eq!(gate.taken(), 0);
    }

    #[test]
    fn a_changed_limit_holds_for_new_sessions() {
        let gate = Gate::new(1);
        assert!(gate.enter() && !gate.enter_or_wait(3, |_| true));
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
            let entered = gate.enter_or_wait(3, |_| true);
            let woken = leaver.join().unwrap().contains(3);
            assert!(entered || woken);
        });
    }
}
