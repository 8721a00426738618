//! Whether the store answers.

use std::time::{Duration, Instant};

/// Time of failures after which the log has a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// The readings of the store so far.
#[derive(Default)]
pub(super) struct Health {
    read_at: Option<Instant>,
    failing: Option<Failing>,
}

struct Failing {
    since: Instant,
    error: String,
    is_logged: bool,
}

impl Health {
    /// Why the last reading failed; `None` if it succeeded.
    pub(super) fn problem(&self) -> Option<String> {
        self.failing.as_ref().map(|failing| failing.error.clone())
    }

    /// Time of the last successful reading.
    pub(super) fn read_at(&self) -> Option<Instant> {
        self.read_at
    }

    pub(super) fn failed(&mut self, error: String) {
        let now = Instant::now();
        let failing = self.failing.get_or_insert_with(|| Failing {
            since: self.read_at.unwrap_or(now),
            error: String::new(),
            is_logged: false,
        });
        failing.error = error;
        if !failing.is_logged && now.duration_since(failing.since) >= PATIENCE {
            failing.is_logged = true;
            let error = &failing.error;
            tracing::warn!(
                error,
                "the fleet's store cannot be read: what runs goes on, and it is read again every few seconds"
            );
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.read_at = Some(Instant::now());
        if let Some(failing) = self.failing.take().filter(|failing| failing.is_logged) {
            let seconds = observe::log::seconds(failing.since.elapsed());
            tracing::info!(seconds, "the fleet's store can be read again");
        }
    }
}
