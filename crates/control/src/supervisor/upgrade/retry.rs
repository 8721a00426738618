//! Retries after execve(2), when there is no way back: a resource that the host refuses for a
//! moment is requested again, for as long as connected clients can be expected to wait.

use std::cell::Cell;
use std::io::{Error, Result};
use std::time::{Duration, Instant};

/// Time limit of all attempts. The previous image had the same resources a moment ago, and
/// execve(2) has freed its threads and descriptors.
const LIMIT: Duration = Duration::from_secs(30);
/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// A retry policy with a deadline.
pub(crate) struct RetryPolicy {
    until: Option<Instant>,
    /// The first refusal was logged.
    is_logged: Cell<bool>,
}

impl RetryPolicy {
    /// An image with sessions retries; one without reports an error at once.
    pub(crate) fn new(has_sessions: bool) -> Self {
        Self { until: has_sessions.then(|| Instant::now() + LIMIT), is_logged: Cell::new(false) }
    }

    /// Whether to try again after this error; if so, sleeps before it returns.
    pub(crate) fn should_retry(&self, what: &str, error: &Error) -> bool {
        let has_time = self.until.is_some_and(|until| Instant::now() < until);
        if has_time {
            if !self.is_logged.replace(true) {
                let error = flow::error_text(error);
                tracing::warn!(
                    what,
                    error,
                    "the host refuses the new image something: trying again"
                );
            }
            std::thread::sleep(PAUSE);
        }
        has_time
    }

    /// Runs `attempt` until it succeeds or the time is over. Returns the last error.
    pub(crate) fn run<T>(&self, what: &str, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        loop {
            match attempt() {
                Err(error) if self.should_retry(what, &error) => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    fn refused_at_first(times: u32) -> impl FnMut() -> Result<u32> {
        let mut tries = 0;
        move || {
            tries += 1;
            if tries > times { Ok(tries) } else { Err(ErrorKind::WouldBlock.into()) }
        }
    }

    #[test]
    fn only_an_image_with_sessions_retries() {
        let run = |has_sessions, refusals| {
            RetryPolicy::new(has_sessions).run("a thread", refused_at_first(refusals)).ok()
        };
        assert_eq!(run(true, 3), Some(4));
        assert_eq!(run(false, 3), None);
        assert_eq!(run(false, 0), Some(1));
    }

    #[test]
    fn retries_end_at_the_deadline() {
        let over = RetryPolicy { until: Some(Instant::now()), is_logged: Cell::new(false) };
        assert!(over.run("a thread", refused_at_first(u32::MAX)).is_err());
    }
}
