//! Whether the store answers.

use crate::api_format::Moment;
use flow::Time;
use std::time::{Duration, Instant};

/// Time of failures after which the log has a line.
const LOG_AFTER: Duration = Duration::from_secs(10);

/// The readings of the store so far.
#[derive(Default)]
pub(super) struct Health {
    read_at: Option<Moment>,
    /// The first of the successful readings up to the last one.
    readable_since: Option<Instant>,
    failing: Option<Failing>,
}

struct Failing {
    since: Time,
    error: String,
    is_logged: bool,
}

impl Health {
    /// Why the last reading failed; `None` if it succeeded.
    pub(super) fn problem(&self) -> Option<String> {
        self.failing.as_ref().map(|failing| failing.error.clone())
    }

    /// Time of the last successful reading.
    pub(super) fn read_at(&self) -> Option<Moment> {
        self.read_at
    }

    /// Since when all readings have succeeded; `None` if the last one failed.
    pub(super) fn readable_since(&self) -> Option<Instant> {
        self.readable_since
    }

    pub(super) fn failed(&mut self, error: String) {
        let now = Moment::now();
        self.readable_since = None;
        let failing = self.failing.get_or_insert_with(|| Failing {
            since: self.read_at.unwrap_or(now).monotonic,
            error: String::new(),
            is_logged: false,
        });
        failing.error = error;
    }

    /// Logs failures that have lasted for some time.
    pub(super) fn log_if_due(&mut self) {
        let Some(failing) = self.failing.as_mut().filter(|failing| !failing.is_logged) else {
            return;
        };
        if Moment::now().monotonic.since(failing.since) >= LOG_AFTER {
            failing.is_logged = true;
            let error = &failing.error;
            tracing::warn!(
                error,
                "the fleet's store cannot be read: what runs goes on, and it is read again every few seconds"
            );
        }
    }

    pub(super) fn succeeded(&mut self) {
        let now = Moment::now();
        self.read_at = Some(now);
        self.readable_since.get_or_insert_with(Instant::now);
        if let Some(failing) = self.failing.take().filter(|failing| failing.is_logged) {
            let seconds = observe::log::seconds(now.monotonic.since(failing.since));
            tracing::info!(seconds, "the fleet's store can be read again");
        }
    }
}
