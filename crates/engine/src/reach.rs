//! Whether a target was reached at last, for the log and for views. Selection and health do not read it.

use crate::state_change::StateChange;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Last known reachability. Written by workers and by the control thread.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Changed under the lock of `failure`.
    state: AtomicU8,
    /// Begin of the failure, and its latest reason; `None` while nothing fails.
    failure: Mutex<Option<StateChange>>,
}

/// Nothing has failed since the last connect.
const FINE: u8 = 0;
/// A probe could not connect, and no session has tried since.
const UNANSWERED: u8 = 1;
/// Sessions have ended because they could not be connected.
const UNREACHED: u8 = 2;

impl Reach {
    /// The state that [`Self::saved`] returned; that of a new target if this version does not know it.
    pub(crate) fn restored(state: u32, failure: Option<&handover::StateChange>) -> Self {
        let known = u8::try_from(state).ok().filter(|state| *state <= UNREACHED);
        Self {
            state: AtomicU8::new(known.unwrap_or(FINE)),
            failure: Mutex::new(failure.map(StateChange::restored)),
        }
    }

    /// The state as a number, 0 for a new target, and the failure behind it.
    pub(crate) fn saved(&self) -> (u32, Option<handover::StateChange>) {
        let failure = self.lock();
        (self.load().into(), failure.as_ref().map(StateChange::saved))
    }

    /// Notes that a session has ended because it could not be connected.
    pub(crate) fn note_unreached(&self, at: SystemTime, why: &str) {
        let mut failure = self.lock();
        self.state.store(UNREACHED, Ordering::Relaxed);
        let failure = failure.get_or_insert(StateChange { at, why: None });
        if failure.why.as_deref() != Some(why) {
            failure.why = Some(why.into());
        }
    }

    /// Notes that a session is connected. True if that is the first one since a failure.
    pub(crate) fn note_reached(&self) -> bool {
        // The usual case: no write.
        self.load() != FINE && {
            let mut failure = self.lock();
            *failure = None;
            self.state.swap(FINE, Ordering::Relaxed) != FINE
        }
    }

    /// Notes that the end of a failure could not be reported: the next session or probe reports it.
    pub(crate) fn note_unreported(&self) {
        let _failure = self.lock();
        self.state.store(UNANSWERED, Ordering::Relaxed);
    }

    /// Notes that a probe could not connect. True if the target was not known to be unreachable.
    pub(crate) fn note_unanswered(&self, at: SystemTime, why: &str) -> bool {
        let mut failure = self.lock();
        let is_new = self.load() == FINE;
        if is_new {
            self.state.store(UNANSWERED, Ordering::Relaxed);
            *failure = Some(StateChange { at, why: Some(why.into()) });
        }
        is_new
    }

    /// Notes that a probe has connected. True if another one had failed, and no session has tried since.
    pub(crate) fn note_answered(&self) -> bool {
        let mut failure = self.lock();
        let was_unanswered = self.is_unanswered();
        if was_unanswered {
            self.state.store(FINE, Ordering::Relaxed);
            *failure = None;
        }
        was_unanswered
    }

    /// Whether a probe could not connect, and no session has tried since.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.load() == UNANSWERED
    }

    /// Whether the target is not known to be unreachable.
    pub(crate) fn is_fine(&self) -> bool {
        self.load() == FINE
    }

    /// Since when, and why, neither a session nor a probe has connected; `None` if the last one has.
    pub(crate) fn failure(&self) -> Option<StateChange> {
        if self.is_fine() { None } else { self.lock().clone() }
    }

    fn load(&self) -> u8 {
        self.state.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<StateChange>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_session_says_more_than_a_probe() {
        let reach = Reach::default();
        let unanswered = || reach.note_unanswered(at(1), "timeout");
        assert!(unanswered() && !unanswered() && reach.is_unanswered());
        reach.note_unreached(at(2), "refused");
        assert!(!reach.note_answered(), "sessions have failed: only a session ends that");
        assert!(reach.note_reached() && !reach.note_reached());
        assert!(unanswered() && reach.note_answered() && !reach.note_reached());
    }

    #[test]
    fn a_failure_lasts_from_the_first_one_and_has_the_latest_reason() {
        let reach = Reach::default();
        assert_eq!(reach.failure(), None);
        reach.note_unanswered(at(1), "timeout");
        reach.note_unreached(at(2), "refused");
        let failure = StateChange { at: at(1), why: Some("refused".into()) };
        assert_eq!(reach.failure(), Some(failure));
        reach.note_reached();
        assert_eq!(reach.failure(), None);
        reach.note_unreported();
        assert_eq!(reach.failure(), None, "it is only the report that failed");
        assert!(reach.note_reached());
    }

    #[test]
    fn it_is_restored() {
        let reach = Reach::default();
        reach.note_unanswered(at(1), "refused");
        let (state, failure) = reach.saved();
        let restored = Reach::restored(state, failure.as_ref());
        assert!(restored.is_unanswered());
        assert_eq!(restored.failure(), reach.failure());
        assert!(Reach::restored(700, None).is_fine(), "of a later version");
    }
}
