//! Whether sessions reach a target, for the warnings of the log. Selection and health do not read it.

use std::sync::atomic::{AtomicU8, Ordering};

/// Last known reachability. Written by workers and by the control thread.
#[derive(Debug, Default)]
pub(crate) struct Reach(AtomicU8);

/// Nothing has failed since the last connect.
const FINE: u8 = 0;
/// A probe could not connect, and no session has tried since.
const UNANSWERED: u8 = 1;
/// Sessions have ended because they could not be connected.
const UNREACHED: u8 = 2;

impl Reach {
    /// The state that [`Self::saved`] returned; that of a new target if this version does not know it.
    pub(crate) fn restored(saved: u32) -> Self {
        let known = u8::try_from(saved).ok().filter(|state| *state <= UNREACHED);
        Self(AtomicU8::new(known.unwrap_or(FINE)))
    }

    /// The state as a number; 0 for a new target.
    pub(crate) fn saved(&self) -> u32 {
        self.0.load(Ordering::Relaxed).into()
    }

    /// Notes that a session has ended because it could not be connected.
    pub(crate) fn note_unreached(&self) {
        self.0.store(UNREACHED, Ordering::Relaxed);
    }

    /// Notes that a session is connected. True if that is the first one since a failure.
    pub(crate) fn note_reached(&self) -> bool {
        // The usual case: no write.
        self.0.load(Ordering::Relaxed) != FINE && self.0.swap(FINE, Ordering::Relaxed) != FINE
    }

    /// Notes that a probe could not connect. True if the target was not known to be unreachable.
    pub(crate) fn note_unanswered(&self) -> bool {
        self.change(FINE, UNANSWERED)
    }

    /// Notes that a probe has connected. True if another one had failed, and no session has tried since.
    pub(crate) fn note_answered(&self) -> bool {
        self.change(UNANSWERED, FINE)
    }

    /// Whether a probe could not connect, and no session has tried since.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.0.load(Ordering::Relaxed) == UNANSWERED
    }

    /// Whether the target is not known to be unreachable.
    pub(crate) fn is_fine(&self) -> bool {
        self.0.load(Ordering::Relaxed) == FINE
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_session_says_more_than_a_probe() {
        let reach = Reach::default();
        assert!(reach.note_unanswered() && !reach.note_unanswered() && reach.is_unanswered());
        reach.note_unreached();
        assert!(!reach.note_answered(), "sessions have failed: only a session ends that");
        assert!(reach.note_reached() && !reach.note_reached());
        assert!(reach.note_unanswered() && reach.note_answered() && !reach.note_reached());
    }

    #[test]
    fn it_is_restored() {
        let reach = Reach::default();
        reach.note_unanswered();
        assert!(Reach::restored(reach.saved()).is_unanswered());
        assert_eq!(Reach::restored(700).saved(), 0, "of a later version");
    }
}
