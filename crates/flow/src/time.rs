use std::num::NonZeroU32;
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

/// A time span in four bytes, at least one microsecond: in microseconds up to 35 minutes, in milliseconds
/// up to 24 days. Longer ones count as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortSpan(NonZeroU32);

impl ShortSpan {
    /// Marks a number of milliseconds.
    const IN_MILLIS: u32 = 1 << 31;

    /// The span in microseconds.
    pub(crate) fn as_micros(self) -> u64 {
        let number = self.0.get();
        match number & Self::IN_MILLIS {
            0 => number.into(),
            _ => u64::from(number & !Self::IN_MILLIS) * 1000,
        }
    }

    /// The reverse of [`Self::as_micros`].
    pub(crate) fn from_micros(micros: u64) -> Self {
        let fitting = |number: u64| u32::try_from(number).ok().filter(|it| *it < Self::IN_MILLIS);
        let number = fitting(micros).unwrap_or_else(|| {
            Self::IN_MILLIS | fitting(micros / 1000).unwrap_or(Self::IN_MILLIS - 1)
        });
        Self(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }
}

impl From<Duration> for ShortSpan {
    fn from(span: Duration) -> Self {
        Self::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<ShortSpan> for Duration {
    fn from(span: ShortSpan) -> Self {
        Self::from_micros(span.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_span_is_exact_to_the_microsecond_or_millisecond() {
        let read = |micros| ShortSpan::from_micros(micros).as_micros();
        assert_eq!([0, 1, 876, (1 << 31) - 1].map(read), [1, 1, 876, (1 << 31) - 1]);
        assert_eq!([1 << 31, 86_400_000_999].map(read), [2_147_483_000, 86_400_000_000]);
        assert_eq!(read(u64::MAX), ((1 << 31) - 1) * 1000);
        assert_eq!(size_of::<Option<ShortSpan>>(), 4);
    }
}
