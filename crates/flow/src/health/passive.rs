//! Passive health of a target, learned from the connects of clients. Errors within a session never count: they
//! may be the client's doing.

use super::Passive;
use crate::Time;

/// The results of connects to one target. Time comes in; nothing is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassiveHealth {
    /// Failed connects in a row while the target is up.
    failures: u32,
    down: Option<Down>,
}

/// A target that is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Down {
    /// From then on, one client may try.
    until: Time,
    /// Failed attempts to return.
    failed_returns: u32,
    /// One client is trying. If it leaves without a result, another may try from `until` on.
    is_tried: bool,
    /// Checks of the same address in a row that succeeded.
    good_checks: u32,
}

impl PassiveHealth {
    /// The state as numbers, for the next process image, which has the same clock: the failures in a row, and of
    /// a target that is down the time from which a client may try it in microseconds, the failed attempts to
    /// return, and whether one client tries (0 or 1).
    pub fn saved(&self) -> Vec<u64> {
        let failures = std::iter::once(self.failures.into());
        let down = self
            .down
            .map(|down| [down.until.as_micros(), down.failed_returns.into(), down.is_tried.into()]);
        failures.chain(down.into_iter().flatten()).collect()
    }

    /// The state that [`PassiveHealth::saved`] returned; up if these are other numbers.
    pub fn restored(saved: &[u64]) -> Self {
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        match *saved {
            [failures] => Self { failures: count(failures), down: None },
            [failures, until, failed_returns, is_tried] => {
                let (until, is_tried) = (Time::from_micros(until), is_tried != 0);
                let failed_returns = count(failed_returns);
                let down = Down { until, failed_returns, is_tried, good_checks: 0 };
                Self { failures: count(failures), down: Some(down) }
            }
            _ => Self::default(),
        }
    }

    /// Whether the target takes no sessions, or only one that tries it.
    pub fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Whether failed connects are counted at present.
    pub fn has_failures(&self) -> bool {
        self.failures > 0 || self.is_down()
    }

    /// From when on a client may try the target; `None` while it is up.
    pub fn may_be_tried_at(&self) -> Option<Time> {
        self.down.map(|down| down.until)
    }

    /// A client wants to try a target whose time is over. True for one client; the next one may try at
    /// `until`, or after a result.
    pub fn try_to_return(&mut self, now: Time, until: Time) -> bool {
        let Some(down) = self.down.as_mut().filter(|down| now >= down.until) else { return false };
        down.is_tried = true;
        down.until = until;
        true
    }

    /// A connect has failed. True if the target goes down by that; it is then tried again after
    /// [`Passive::down`], which doubles with each failed return up to [`Passive::down_max`].
    pub fn failed(&mut self, now: Time, rules: &Passive) -> bool {
        if let Some(down) = &mut self.down {
            // Clients that began before, or that try all targets, say nothing new.
            down.good_checks = 0;
            if down.is_tried {
                down.failed_returns = down.failed_returns.saturating_add(1);
                let factor = 1u32.checked_shl(down.failed_returns).unwrap_or(u32::MAX);
                let pause = rules.down.saturating_mul(factor).min(rules.down_max);
                *down = Down { until: now.after(pause), is_tried: false, ..*down };
            }
            return false;
        }
        self.failures += 1;
        if self.failures < rules.failures {
            return false;
        }
        let until = now.after(rules.down);
        self.down = Some(Down { until, failed_returns: 0, is_tried: false, good_checks: 0 });
        self.failures = 0;
        true
    }

    /// A check has connected to the target's address, or has failed. True if the target comes back by that:
    /// after `rise` successes in a row, or the first one when its time is over.
    pub fn checked(&mut self, has_succeeded: bool, now: Time, rise: u32) -> bool {
        let Some(down) = &mut self.down else { return false };
        down.good_checks = if has_succeeded { down.good_checks.saturating_add(1) } else { 0 };
        let is_back = down.good_checks >= rise || has_succeeded && now >= down.until;
        is_back && self.connected()
    }

    /// A client has connected. True if the target comes back by that.
    pub fn connected(&mut self) -> bool {
        let was_down = self.is_down();
        *self = Self::default();
        was_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RULES: Passive =
        Passive { failures: 3, down: Duration::from_secs(5), down_max: Duration::from_secs(60) };

    fn at(seconds: u64) -> Time {
        Time::from_micros(7).after(Duration::from_secs(seconds))
    }

    /// A target that went down at second 0.
    fn down() -> PassiveHealth {
        let mut health = PassiveHealth::default();
        let went_down = [(); 3].map(|()| health.failed(at(0), &RULES));
        assert_eq!(went_down, [false, false, true]);
        health
    }

    #[test]
    fn only_failures_in_a_row_take_a_target_down() {
        let mut health = PassiveHealth::default();
        for _ in 0..10 {
            assert!(!health.failed(at(0), &RULES) && !health.failed(at(0), &RULES));
            assert!(!health.connected() && !health.has_failures());
        }
        assert!(down().is_down());
    }

    #[test]
    fn one_client_tries_a_target_whose_time_is_over() {
        let mut health = down();
        assert_eq!(health.may_be_tried_at(), Some(at(5)));
        assert!(!health.try_to_return(at(4), at(9)));
        assert!(health.try_to_return(at(5), at(10)));
        assert!(!health.try_to_return(at(5), at(10)), "another one does already");
        assert!(health.try_to_return(at(10), at(15)), "the first one has left without a result");
        assert!(health.connected() && !health.is_down());
    }

    #[test]
    fn good_checks_in_a_row_bring_a_target_back_before_its_time() {
        let mut health = down();
        let results = [true, false, true, true];
        assert_eq!(results.map(|good| health.checked(good, at(1), 2)), [false, false, false, true]);
        assert!(!health.is_down());
        let mut health = down();
        assert!(!health.checked(true, at(1), 2));
        health.failed(at(1), &RULES);
        assert!(!health.checked(true, at(1), 2), "a client could not connect in between");
        assert!(health.checked(true, at(5), 9), "its time is over");
    }

    #[test]
    fn the_pause_doubles_with_each_failed_return() {
        let (mut health, mut now, mut pauses) = (down(), 5, Vec::new());
        for _ in 0..6 {
            assert!(health.try_to_return(at(now), at(now + 1)));
            assert!(!health.failed(at(now), &RULES), "it is down already");
            let next = health.may_be_tried_at().unwrap_or(at(0));
            pauses.push(next.since(at(now)).as_secs());
            now += pauses[pauses.len() - 1];
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn the_state_survives_saving() {
        let mut tried = down();
        assert!(tried.try_to_return(at(5), at(10)) && !tried.failed(at(5), &RULES));
        let mut failing = PassiveHealth::default();
        failing.failed(at(0), &RULES);
        for health in [PassiveHealth::default(), failing, down(), tried] {
            assert_eq!(PassiveHealth::restored(&health.saved()), health);
        }
        assert_eq!(PassiveHealth::restored(&[1, 2]), PassiveHealth::default());
    }

    #[test]
    fn late_failures_of_other_clients_do_not_prolong_the_pause() {
        let mut health = down();
        assert!(!health.failed(at(4), &RULES));
        assert_eq!(health.may_be_tried_at(), Some(at(5)));
    }
}
