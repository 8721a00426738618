//! Limits on events per time, by the generic cell rate algorithm (ITU-T I.371): the state is one number.

use crate::time::Time;
use std::num::NonZeroU32;
use std::time::Duration;

/// So many events per time on average, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time per event, in nanoseconds; at least one.
    interval: u64,
    /// Events at once.
    burst: NonZeroU32,
}

impl Rate {
    /// `count` events in each `period`, and `burst` at once.
    pub fn new(count: u32, period: Duration, burst: NonZeroU32) -> Self {
        let nanos = period.as_nanos() / u128::from(count.max(1));
        Self { interval: u64::try_from(nanos).unwrap_or(u64::MAX).max(1), burst }
    }

    /// Counts an event, if it conforms. `state` is the theoretical arrival time of the next event, in
    /// nanoseconds; zero before the first one. Returns the new state.
    pub fn admit(self, state: u64, now: Time) -> Option<u64> {
        let now = nanos(now);
        let due = state.max(now);
        let tolerance = self.interval.saturating_mul(u64::from(self.burst.get()) - 1);
        (due - now <= tolerance).then(|| due.saturating_add(self.interval))
    }
}

fn nanos(time: Time) -> u64 {
    time.as_micros().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Admitted events among those at these times, in milliseconds.
    fn admitted(rate: Rate, times: impl IntoIterator<Item = u64>) -> usize {
        let mut state = 0;
        let mut admitted = 0;
        for time in times {
            if let Some(next) = rate.admit(state, Time::from_micros(time * 1000)) {
                (state, admitted) = (next, admitted + 1);
            }
        }
        admitted
    }

    fn rate(count: u32, burst: u32) -> Rate {
        Rate::new(count, Duration::from_secs(1), NonZeroU32::new(burst).unwrap())
    }

    #[test]
    fn a_burst_is_admitted_and_then_one_per_interval() {
        assert_eq!(admitted(rate(20, 40), std::iter::repeat_n(5_000, 100)), 40);
        // One event every millisecond: the burst, and 20 in each second.
        assert_eq!(admitted(rate(20, 40), 5_000..15_000), 40 + 199);
        assert_eq!(admitted(rate(20, 1), (5_000..6_000).step_by(50)), 20, "exactly at the rate");
        assert_eq!(admitted(rate(20, 1), (5_000..6_000).step_by(49)), 11, "every other one");
    }

    #[test]
    fn a_pause_gives_back_no_more_than_the_burst() {
        let times = std::iter::repeat_n(5_000, 10).chain(std::iter::repeat_n(500_000, 10));
        assert_eq!(admitted(rate(20, 3), times), 6);
    }

    #[test]
    fn refused_events_do_not_count() {
        let rate = rate(1, 1);
        let state = rate.admit(0, Time::from_micros(1_000_000)).unwrap();
        for micros in 1_000_000..1_000_100 {
            assert_eq!(rate.admit(state, Time::from_micros(micros)), None);
        }
        assert!(rate.admit(state, Time::from_micros(2_000_000)).is_some());
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let slow = Rate::new(0, Duration::MAX, NonZeroU32::MAX);
        let state = slow.admit(u64::MAX, Time::NEVER).unwrap();
        assert_eq!(slow.admit(state, Time::from_micros(0)), Some(u64::MAX));
        assert_eq!(Rate::new(u32::MAX, Duration::from_nanos(1), NonZeroU32::MIN).interval, 1);
    }
}
