//! When a run begins, from when on it counts, and when it ends.

use std::time::{Duration, Instant};

/// The times of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Start of counting; everything before is warm-up.
    pub(crate) warm: Instant,
    /// Nothing new is begun after this.
    pub(crate) end: Instant,
}

impl Window {
    /// A run that begins now.
    pub(crate) fn begin(warmup: Duration, seconds: Duration) -> Self {
        let warm = Instant::now() + warmup;
        Self { warm, end: warm + seconds }
    }

    /// Whether what happens at `now` counts.
    pub(crate) fn counts(&self, now: Instant) -> bool {
        now >= self.warm && now < self.end
    }

    /// How long it counts.
    pub(crate) fn length(&self) -> Duration {
        self.end - self.warm
    }

    /// The time that is left, at least zero.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.end.saturating_duration_since(now)
    }
}

/// Reads seconds from the command line: `5`, `0.25`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_but_no_sign() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert!(seconds("-1").is_err());
        assert!(seconds("soon").is_err());
    }

    #[test]
    fn only_what_is_after_the_warm_up_counts() {
        let window = Window::begin(Duration::from_secs(1), Duration::from_secs(2));
        assert!(!window.counts(Instant::now()));
        assert!(window.counts(window.warm));
        assert!(!window.counts(window.end));
        assert_eq!(window.length(), Duration::from_secs(2));
        assert_eq!(window.left(window.end + Duration::from_secs(1)), Duration::ZERO);
    }
}
