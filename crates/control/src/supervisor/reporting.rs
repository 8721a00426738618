//! The log and the events of the process: the journal's thread, and what the workers report to it.

use engine::Engine;
use observe::{After, Events, Journal, OpenEpisodes, ReportEvents};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Time until the next attempt to start the journal, after the host refused a thread.
const JOURNAL_RETRY: Duration = Duration::from_millis(500);

/// Longest time from the failure of a session to its report in the journal.
const LATE_EPISODES: Duration = Duration::from_secs(10);

/// Destinations of reports.
pub(super) struct Reporting {
    /// Writes the log. `None` while an upgrade replaces the process image, and after the host refused
    /// a thread for it.
    pub(super) journal: Option<Journal>,
    /// Time of the next attempt to start the journal.
    retry_at: Instant,
    /// Publishes events to the watchers of `GET /v1/events`.
    pub(super) events: Events,
    /// Whether the log has a record of each ended session.
    pub(super) logs_sessions: Arc<AtomicBool>,
    /// Conditions that the log has reported and that are not over.
    pub(super) episodes: OpenEpisodes,
    /// End of the time in which the journal may open an episode of a target removed before.
    late_until: Instant,
}

impl Reporting {
    pub(super) fn new(logs_sessions: bool) -> Self {
        Self {
            journal: None,
            retry_at: Instant::now(),
            events: Events::default(),
            logs_sessions: Arc::new(AtomicBool::new(logs_sessions)),
            episodes: OpenEpisodes::default(),
            late_until: Instant::now(),
        }
    }

    /// Publishes reports to the log and to the watchers.
    pub(super) fn report_events(&self) -> ReportEvents {
        let logs_sessions = Arc::clone(&self.logs_sessions);
        ReportEvents::new(self.events.clone(), logs_sessions, self.episodes.clone())
    }

    /// Closes the episodes of removed targets.
    pub(super) fn forget_removed_targets(&self, engine: &Engine) {
        let mut removed = self.episodes.targets();
        if removed.is_empty() {
            return;
        }
        let present = engine.target_names();
        removed.retain(|target| !present.contains(target));
        for [forward, target] in &removed {
            self.episodes.target_removed(forward, target);
        }
        if !removed.is_empty() {
            engine.reports().wake();
        }
    }

    /// Notes that sessions of removed targets may fail until now.
    pub(super) fn expect_late_episodes(&mut self, now: Instant) {
        self.late_until = now + LATE_EPISODES;
    }

    /// Whether the journal may open an episode of a target removed before.
    pub(super) fn expects_late_episodes(&self, now: Instant) -> bool {
        now < self.late_until
    }

    /// Starts the thread that writes the log.
    ///
    /// # Errors
    ///
    /// The host refuses a thread.
    pub(super) fn start_journal(&mut self, engine: &Engine) -> io::Result<()> {
        self.journal = Some(Journal::start(engine.reports(), self.report_events())?);
        Ok(())
    }

    /// Starts the journal's thread if there is none. If the host refuses one, this thread writes the
    /// log, with a short time limit for its reader, and tries again later.
    pub(super) fn keep_journal(&mut self, engine: &Engine) {
        if self.lacks_journal()
            && let Err(error) = self.start_journal(engine)
        {
            self.journal = None;
            observe::log::write_without_journal();
            tracing::error!(%error, "start the journal");
        }
    }

    /// Whether no thread writes the log.
    fn lacks_journal(&self) -> bool {
        self.journal.as_ref().is_none_or(Journal::has_ended)
    }

    /// Time of the next attempt to start the journal, if there is none.
    pub(super) fn due(&self) -> Option<Instant> {
        self.lacks_journal().then_some(self.retry_at)
    }

    /// Tries to start the journal, if an attempt is due.
    pub(super) fn retry_journal(&mut self, engine: &Engine, now: Instant) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.retry_at = now + JOURNAL_RETRY;
        if self.start_journal(engine).is_ok() {
            tracing::warn!("the log is written by its own thread again");
        }
    }

    /// Stops the journal after its last line. Returns false if it hangs in the kernel.
    pub(super) fn stop(self, limit: Duration) -> bool {
        self.journal.is_none_or(|journal| journal.close(limit, After::Written).is_ok())
    }
}
