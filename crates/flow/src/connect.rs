//! Connecting to the target: its addresses in turn, each for its share of the time.

use crate::Time;
use crate::session::{Session, Stage};
use std::num::NonZeroU32;
use std::time::Duration;

/// The least time for an address while others wait behind it. With less, one lost SYN would end the
/// attempt: the first retransmission comes after one second (RFC 6298).
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
    /// Attempts to connect to a target with so many addresses; 0 while its name is not resolved.
    pub fn new(now: Time, connect_timeout: Duration, addresses: usize) -> Self {
        Self { until: now.after(connect_timeout), tried: 0, addresses: clamp(addresses) }
    }

    /// The target's name was resolved, to `addresses` of them.
    pub fn resolved(&mut self, addresses: usize) {
        self.addresses = clamp(addresses);
    }

    /// The end of all attempts.
    pub fn until(&self) -> Time {
        self.until
    }

    /// Makes the address of the last attempt the next one again, since it was busy.
    pub fn retry_last(&mut self) {
        self.tried = self.tried.saturating_sub(1);
    }

    /// The position of the next address to try, and the end of that attempt. `None` if every address
    /// was tried or no time is left.
    ///
    /// The addresses that are left share the time that is left evenly, so that a dead first address
    /// cannot use up the time of a live second one.
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

/// Ignores addresses from the 65,536th on: time is up long before their turn.
fn clamp(addresses: usize) -> u16 {
    u16::try_from(addresses).unwrap_or(u16::MAX)
}

impl Session {
    /// Another address is tried, until `attempt_until`.
    pub fn attempt(&mut self, attempt_until: Time) {
        self.enter(Stage::Connecting { attempt_until });
    }

    /// The target is connected: bytes may flow.
    pub fn connected(&mut self, now: Time) {
        self.enter(Stage::Relaying);
        self.connect_micros = Some(micros(now.since(self.accepted)));
        self.idle_clock.byte_moved(now);
    }
}

/// At least one microsecond. Longer times than 71 minutes, which fill the number, count as that.
fn micros(span: Duration) -> NonZeroU32 {
    let micros = u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
    NonZeroU32::new(micros).unwrap_or(NonZeroU32::MIN)
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
        // The first was refused after a second, which leaves more for the others.
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
