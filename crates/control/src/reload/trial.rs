//! A reload that is taken back unless somebody confirms it.

use crate::supervisor::Supervisor;
use plan::Plan;
use std::collections::HashSet;
use std::time::Instant;

/// Who asked, where nobody did: the time to confirm was over.
const UNCONFIRMED: &str = "unconfirmed";

/// A configuration that goes away by itself unless it is confirmed.
pub(crate) struct Trial {
    pub(crate) back_to: Plan,
    /// The names of its forwards that could not be bound, and may be skipped again.
    pub(crate) skipped: HashSet<String>,
    pub(crate) until: Instant,
}

impl Supervisor {
    /// Keeps the configuration that was to be confirmed. False if there is none.
    pub(crate) fn confirm(&mut self) -> bool {
        let confirmed = self.trial.take().is_some();
        if confirmed {
            tracing::info!(generation = self.generation, "configuration confirmed");
        }
        confirmed
    }

    pub(crate) fn go_back_if_unconfirmed(&mut self) {
        // Who takes no more sessions must not listen again.
        if self.draining {
            return;
        }
        let Some(trial) = self.trial.take_if(|trial| trial.until <= Instant::now()) else { return };
        self.store.notifier.reloading();
        let result = self.run_by(trial.back_to, &trial.skipped);
        sys::release_free_memory();
        self.note_reload(UNCONFIRMED, &result);
        self.tell_of_reload(UNCONFIRMED);
        match result {
            Ok(_) => tracing::warn!(
                generation = self.generation,
                "the new configuration was not confirmed: the one before it runs again"
            ),
            Err(error) => tracing::error!(
                error = error.one_line(),
                "the new configuration was not confirmed, but the one before it no longer fits; the new one goes on"
            ),
        }
    }
}
