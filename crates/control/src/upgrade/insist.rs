//! After execve(2) there is no way back: what the host refuses then for a moment is tried again, for
//! as long as those who are connected may be expected to wait.

use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// How long is tried. In the previous image the same was there a moment ago, and its threads and
/// descriptors have become free with execve(2).
const LIMIT: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether and how long something is tried again.
pub(crate) struct Insistence {
    until: Option<Instant>,
    told: Cell<bool>,
}

impl Insistence {
    /// An image that has sessions tries again; one that starts with nothing says at once what is
    /// wrong.
    pub(crate) fn of(has_sessions: bool) -> Self {
        Self { until: has_sessions.then(|| Instant::now() + LIMIT), told: Cell::new(false) }
    }

    /// Whether to try again after this error; waits a moment before it says so.
    pub(crate) fn again(&self, what: &str, error: &dyn Display) -> bool {
        let has_time = self.until.is_some_and(|until| Instant::now() < until);
        if has_time {
            if !self.told.replace(true) {
                tracing::warn!(what, %error, "the host refuses the new image something: trying again");
            }
            std::thread::sleep(PAUSE);
        }
        has_time
    }

    /// Tries until it succeeds or the time is over.
    pub(crate) fn on<T, E: Display>(
        &self,
        what: &str,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            match attempt() {
                Err(error) if self.again(what, &error) => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_at_first(times: u32) -> impl FnMut() -> Result<u32, &'static str> {
        let mut tries = 0;
        move || {
            tries += 1;
            if tries > times { Ok(tries) } else { Err("no thread") }
        }
    }

    #[test]
    fn an_image_with_sessions_tries_again_and_another_does_not() {
        assert_eq!(Insistence::of(true).on("a thread", refused_at_first(3)), Ok(4));
        assert_eq!(Insistence::of(false).on("a thread", refused_at_first(3)), Err("no thread"));
        assert_eq!(Insistence::of(false).on("a thread", refused_at_first(0)), Ok(1));
    }

    #[test]
    fn it_does_not_try_for_ever() {
        let over = Insistence { until: Some(Instant::now()), told: Cell::new(false) };
        assert_eq!(over.on("a thread", refused_at_first(u32::MAX)), Err("no thread"));
    }
}
