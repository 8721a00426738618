//! Room in all targets of a listener together, where clients wait for it.

use super::waiters::{Waiters, WorkerSet};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

/// Claims of accepted clients to a place in a target, from accept(2) to the selection. A new client is accepted
/// only for a place beyond them: a client that was accepted before gets its place first.
pub(crate) struct Claims {
    taken: AtomicU32,
    /// The workers that wait for a place in any target of the forward.
    waiters: Arc<Waiters>,
}

/// The claim of one client. Returned exactly once, by [`Claim::release`].
#[must_use = "a claim that is dropped keeps other clients waiting for ever"]
pub(crate) struct Claim(Option<Arc<Claims>>);

impl Claims {
    /// An empty count, whose releases wake `waiters`.
    pub(crate) fn new(waiters: Arc<Waiters>) -> Self {
        Self { taken: AtomicU32::new(0), waiters }
    }

    /// An empty count for a listener that shares no targets; it wakes the same workers.
    pub(crate) fn with_same_waiters(&self) -> Self {
        Self::new(Arc::clone(&self.waiters))
    }

    /// Number of claims.
    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// The workers that wait. Their room also depends on the health and the set of the targets: every change
    /// of those that may make room wakes them.
    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Claims a place, or notes that `worker` waits for one. `has_place` decides whether there is one beside
    /// so many claims.
    pub(super) fn enter_or_wait(
        self: &Arc<Self>,
        worker: usize,
        has_place: impl Fn(u32) -> bool,
    ) -> Option<Claim> {
        let more = |taken| has_place(taken).then_some(taken + 1);
        // With the release of a claim, its place in a target is seen as taken.
        let enter = || self.taken.fetch_update(Ordering::Relaxed, Ordering::Acquire, more).is_ok();
        let has_entered = self.waiters.attempt(worker, enter);
        has_entered.then(|| Claim(Some(Arc::clone(self))))
    }

    /// Whether a place could be claimed; if not, notes that `worker` waits for one.
    pub(super) fn look_or_wait(&self, worker: usize, has_place: impl Fn(u32) -> bool) -> bool {
        self.waiters.attempt(worker, || has_place(self.taken()))
    }

    /// Claims a place for a client that was accepted without a claim, or has lost its place.
    pub(crate) fn enter(self: &Arc<Self>) -> Claim {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Claim(Some(Arc::clone(self)))
    }
}

impl Claim {
    /// Returns the claim. `wake` receives the workers that wait.
    pub(crate) fn release(mut self, wake: impl FnOnce(WorkerSet)) {
        if let Some(claims) = self.0.take() {
            claims.taken.fetch_sub(1, Ordering::Release);
            wake(claims.waiters.wake());
        }
    }

    /// Whether these claims count it.
    pub(crate) fn is_of(&self, claims: &Arc<Claims>) -> bool {
        self.0.as_ref().is_some_and(|counted| Arc::ptr_eq(counted, claims))
    }

    /// Forgets a claim of a replaced process image.
    pub(crate) fn abandon(mut self) {
        self.0 = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let is_released = self.0.is_none() || std::thread::panicking();
        debug_assert!(is_released, "a client was dropped with its claim");
    }
}
