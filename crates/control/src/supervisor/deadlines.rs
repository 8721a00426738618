//! Timed work of the supervisor: the end of a trial, retries after failures, and checks of the
//! watched file.

use crate::supervisor::Supervisor;
use crate::watch::FileChange;
use std::time::{Duration, Instant};

/// Time between two checks of removed forwards and targets.
const TIDY: Duration = Duration::from_millis(500);

impl Supervisor {
    /// Time of the next timed work.
    pub(crate) fn due(&self) -> Option<Instant> {
        let needs_tidy =
            self.engine.needs_tidy() || self.reporting.expects_late_episodes(Instant::now());
        let tidy = needs_tidy.then_some(self.tidy_at);
        let rest = [
            self.trials.running().map(|trial| trial.until),
            self.restoring.as_ref().map(|restoring| restoring.next),
            self.watch.due(),
        ];
        // During a shutdown, the configuration stays.
        let rest = rest.into_iter().flatten().filter(|_| !self.draining);
        rest.chain(tidy).chain(self.reporting.due()).min()
    }

    /// Runs all timed work that is due.
    pub(crate) async fn run_due_work(&mut self) {
        let now = Instant::now();
        self.reporting.retry_journal(&self.engine, now);
        if self.tidy_at <= now {
            if self.engine.needs_tidy() {
                self.reporting.expect_late_episodes(now);
            }
            // A session may fail after its target was removed.
            self.reporting.forget_removed_targets(&self.engine);
            // A trial may fall back to what it has removed.
            self.engine.tidy(self.plan.process.removed_timeout, self.trials.running().is_some());
            self.tidy_at = now + TIDY;
        }
        if self.draining {
            return;
        }
        self.fall_back_if_unconfirmed(now).await;
        self.restore(now).await;
        match self.watch.check(now) {
            FileChange::Unchanged => {}
            FileChange::Changed => self.reload_changed().await,
            FileChange::StillWrong => self.reload_by("watch").await,
            FileChange::Retry => self.retry_reload().await,
            FileChange::Gone => tracing::warn!(
                file = self.watch.path().map(|path| path.display().to_string()),
                "the watched file is gone: what runs goes on, and it is read again when it is back"
            ),
        }
    }
}
