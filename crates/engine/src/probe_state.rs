//! Whether a target needs a probe, across an upgrade.

use std::sync::atomic::{AtomicU8, Ordering};

/// Progress of the probe of a target. Changed by the control thread alone.
#[derive(Debug, Default)]
pub(crate) struct ProbeState(AtomicU8);

/// Not probed.
const NEW: u8 = 0;
/// Handed to the prober, which has no result yet.
const PENDING: u8 = 1;
/// Probed, or in no need of it.
const DONE: u8 = 2;
/// Handed to the prober of the previous process image, which had no result.
const INTERRUPTED: u8 = 3;

impl ProbeState {
    /// The state after an upgrade, before the first [`Self::resume`].
    pub(crate) fn restored(is_pending: bool) -> Self {
        Self(AtomicU8::new(if is_pending { INTERRUPTED } else { NEW }))
    }

    /// Whether the prober has no result yet.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.0.load(Ordering::Relaxed), PENDING | INTERRUPTED)
    }

    /// Begins the first probe. True unless one has begun before in this process image.
    pub(crate) fn begin(&self) -> bool {
        let is_due = matches!(self.0.load(Ordering::Relaxed), NEW | INTERRUPTED);
        if is_due {
            self.0.store(PENDING, Ordering::Relaxed);
        }
        is_due
    }

    /// Begins after an upgrade. True if the previous process image was interrupted.
    pub(crate) fn resume(&self) -> bool {
        self.0.swap(PENDING, Ordering::Relaxed) == INTERRUPTED
    }

    /// Ends with a result, or without need of one.
    pub(crate) fn finish(&self) {
        self.0.store(DONE, Ordering::Relaxed);
    }

    /// Has the target probed anew: it was drained when its probe was due.
    pub(crate) fn reset(&self) {
        self.0.store(NEW, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_interrupts_what_has_no_result() {
        let state = ProbeState::default();
        assert!(state.begin() && !state.begin() && state.is_pending());
        let next = ProbeState::restored(state.is_pending());
        assert!(next.resume() && !next.resume());
        state.finish();
        assert!(!ProbeState::restored(state.is_pending()).resume());
        state.reset();
        assert!(state.begin());
    }
}
