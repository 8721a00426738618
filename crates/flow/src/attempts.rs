//! Which address of a target is tried next, and for how long.

use crate::Time;
use std::time::Duration;

/// The least time an address gets while others wait behind it. Less would give up on a target one
/// lost SYN away: the first retransmission comes after one second (RFC 6298).
const LEAST_TIME: Duration = Duration::from_secs(2);

/// The attempts of one session to connect: each address of the target in turn, all of them
/// within `connect_timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    pub(crate) until: Time,
    pub(crate) tried: u16,
    pub(crate) addresses: u16,
}

impl Attempts {
    /// Attempts at a target whose addresses are not known yet (0) or known (their number).
    pub fn new(now: Time, connect_timeout: Duration, addresses: usize) -> Self {
        Self { until: now.after(connect_timeout), tried: 0, addresses: clamp(addresses) }
    }

    /// The target's name was resolved to so many addresses.
    pub fn resolved(&mut self, addresses: usize) {
        self.addresses = clamp(addresses);
    }

    /// When the last attempt must have ended.
    pub fn until(&self) -> Time {
        self.until
    }

    /// The address of the last attempt is to be tried once more: it was busy.
    pub fn again(&mut self) {
        self.tried = self.tried.saturating_sub(1);
    }

    /// The next address to try, by its position, and the moment at which to stop trying it.
    /// `None` if every address was tried or no time is left.
    ///
    /// The time left is shared out evenly, so that a dead first address cannot use up the time of
    /// a living second one.
    pub fn next(&mut self, now: Time) -> Option<(usize, Time)> {
        let waiting = self.addresses.checked_sub(self.tried).filter(|waiting| *waiting > 0)?;
        if now >= self.until {
            return None;
        }
        let left = self.until.since(now);
        let share = (left / u32::from(waiting)).max(LEAST_TIME.min(left));
        let position = usize::from(self.tried);
        self.tried += 1;
        Some((position, now.after(share)))
    }
}

fn clamp(addresses: usize) -> u16 {
    u16::try_from(addresses).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_address_gets_all_the_time() {
        let start = Time::from_micros(7);
        let mut attempts = Attempts::new(start, 5 * SECOND, 1);
        assert_eq!(attempts.next(start), Some((0, start.after(5 * SECOND))));
        assert_eq!(attempts.next(start), None);
    }

    #[test]
    fn several_addresses_share_the_time_in_order() {
        let start = Time::from_micros(0);
        let mut attempts = Attempts::new(start, 30 * SECOND, 3);
        assert_eq!(attempts.next(start), Some((0, start.after(10 * SECOND))));
        // The first was refused after a second: the others have more.
        let later = start.after(SECOND);
        assert_eq!(attempts.next(later), Some((1, later.after(29 * SECOND / 2))));
    }

    #[test]
    fn many_addresses_still_get_two_seconds_each_until_time_is_up() {
        let start = Time::from_micros(0);
        let mut attempts = Attempts::new(start, 5 * SECOND, 100);
        let mut now = start;
        let mut tried = 0;
        while let Some((_, until)) = attempts.next(now) {
            tried += 1;
            now = until;
        }
        assert_eq!((tried, now), (3, start.after(5 * SECOND)));
    }

    #[test]
    fn an_unresolved_name_has_nothing_to_try() {
        let start = Time::from_micros(0);
        let mut attempts = Attempts::new(start, SECOND, 0);
        assert_eq!(attempts.next(start), None);
        attempts.resolved(1);
        assert!(attempts.next(start).is_some());
    }
}
