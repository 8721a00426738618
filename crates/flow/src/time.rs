use std::time::Duration;

/// A moment: microseconds on a clock that never goes back (the engine uses `CLOCK_MONOTONIC`).
///
/// A plain number, so that a session's state is plain data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Later than any other.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the clock's zero.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's zero.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the clock's zero.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// `span` earlier than `self`; the clock's zero if that is before it.
    pub(crate) fn before(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// `span` later than `self`; [`Time::NEVER`] if that is beyond the clock.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        u64::try_from(span.as_micros())
            .map_or(Self::NEVER, |micros| Self(self.0.saturating_add(micros)))
    }
}
