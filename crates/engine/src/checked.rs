//! What active checks have found about a target.

use flow::{Active, ActiveHealth, HealthChange};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The results of the checks of one target. Written by the control thread, except that a worker notes the
/// failed connects of clients.
#[derive(Default)]
pub(crate) struct Checked {
    /// Checks have taken the target down, or none has succeeded yet. Read at each selection.
    is_down: AtomicBool,
    /// Counts of checks: succeeded, failed.
    counts: [AtomicU64; 2],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` while the target is not checked.
    health: Option<ActiveHealth>,
    last: Option<LastCheck>,
}

/// The last check of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCheck {
    /// When it ended.
    pub at: SystemTime,
    /// Time from its beginning to its result.
    pub took: Duration,
    /// Why it failed; `None` if it succeeded.
    pub error: Option<Arc<str>>,
}

impl Checked {
    /// Whether checks say that the target must not take sessions.
    pub(crate) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// Whether the target is checked, and no check has ended yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.lock().health.is_some_and(|health| !health.is_known())
    }

    /// The counts of checks: succeeded, failed.
    pub(crate) fn counts(&self) -> [u64; 2] {
        [0, 1].map(|at: usize| self.counts[at].load(Ordering::Relaxed))
    }

    /// The last check; `None` before the first.
    pub(crate) fn last(&self) -> Option<LastCheck> {
        self.lock().last.clone()
    }

    /// Begins, goes on or ends to be checked, as the configuration says. `has_served`: clients were connected
    /// to the target.
    pub(crate) fn follow(&self, rules: Option<&Active>, has_served: bool) {
        let mut state = self.lock();
        match (rules, &mut state.health) {
            (Some(rules), Some(health)) => health.follow(rules, has_served),
            (Some(rules), none) => *none = Some(ActiveHealth::new(rules, has_served)),
            (None, _) => *state = State::default(),
        }
        self.publish(&state);
    }

    /// Notes a result. Returns the change of the state, if there is one, and the pause until the next check;
    /// `None` if the target is not checked any more.
    pub(crate) fn ended(
        &self,
        last: LastCheck,
        rules: &Active,
        random: u64,
    ) -> Option<(Option<HealthChange>, Duration)> {
        let mut state = self.lock();
        let health = state.health.as_mut()?;
        let has_succeeded = last.error.is_none();
        let change = health.checked(has_succeeded, rules);
        let pause = health.pause(rules, random);
        self.counts[usize::from(!has_succeeded)].fetch_add(1, Ordering::Relaxed);
        state.last = Some(last);
        self.publish(&state);
        Some((change, pause))
    }

    /// A client could not connect. True if a check must come soon because of it.
    pub(crate) fn client_failed(&self) -> bool {
        self.lock().health.as_mut().is_some_and(ActiveHealth::client_failed)
    }

    /// The state for the next process image; `None` while the target is not checked.
    pub(crate) fn saved(&self) -> Option<handover::Checked> {
        let state = self.lock();
        let health = state.health.as_ref()?.saved();
        let [succeeded, failed] = self.counts();
        let last = state.last.as_ref().map(|last| handover::LastCheck {
            at: handover::micros(
                last.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            ),
            took: handover::micros(last.took),
            error: last.error.as_deref().map(str::to_owned),
        });
        Some(handover::Checked { health, succeeded, failed, last })
    }

    /// The state that [`Checked::saved`] returned.
    pub(crate) fn restored(saved: &handover::Checked) -> Self {
        let last = saved.last.as_ref().map(|last| LastCheck {
            at: SystemTime::UNIX_EPOCH + Duration::from_micros(last.at),
            took: Duration::from_micros(last.took),
            error: last.error.as_deref().map(Into::into),
        });
        let state = State { health: Some(ActiveHealth::restored(saved.health)), last };
        let checked = Self::default();
        checked.counts[0].store(saved.succeeded, Ordering::Relaxed);
        checked.counts[1].store(saved.failed, Ordering::Relaxed);
        checked.publish(&state);
        *checked.lock() = state;
        checked
    }

    fn publish(&self, state: &State) {
        let is_down = state.health.is_some_and(|health| !health.is_up());
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
