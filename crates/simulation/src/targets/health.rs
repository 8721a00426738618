//! Passive health as the contract has it: `failures` failed connects in a row take a target out of use for
//! `down`, then one client at a time tries it, and each such failure doubles the pause up to `down_max`.

use flow::{Passive, Time};

/// The health of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    /// It follows from events that the model could not assign to one configuration.
    #[default]
    Unknown,
    Up {
        /// Failed connects in a row.
        failures: u32,
    },
    Down {
        /// Failed trials since it is down.
        failed_trials: u32,
        /// A trial is allowed from this time on.
        until: Time,
        /// A client tries it, and has no result yet.
        is_tried: bool,
    },
}

impl Health {
    /// The health of a target without results.
    pub(super) const NEW: Self = Self::Up { failures: 0 };

    /// Whether it may get a session. `None` if that is unknown.
    pub(super) fn may_serve(self, now: Time) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Up { .. } => Some(true),
            Self::Down { until, .. } => Some(now >= until),
        }
    }

    /// When it may be tried; `None` while it is up.
    pub(super) fn tried_from(self) -> Option<Time> {
        match self {
            Self::Down { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Whether it is down, and a client may try it.
    pub(super) fn is_due(self, now: Time) -> bool {
        self.tried_from().is_some_and(|from| now >= from)
    }

    /// A client that gives up at `latest` tries the target: the next trial may begin after its result, or
    /// then.
    pub(super) fn selected(&mut self, now: Time, latest: Time) {
        let is_due = self.is_due(now);
        if let Self::Down { until, is_tried, .. } = self
            && is_due
        {
            (*until, *is_tried) = (latest, true);
        }
    }

    /// A client could not connect. True if the target goes down by that.
    pub(super) fn failed(&mut self, now: Time, rules: Passive) -> bool {
        match self {
            Self::Unknown | Self::Down { is_tried: false, .. } => {}
            Self::Up { failures } => {
                *failures += 1;
                if *failures >= rules.failures {
                    let until = now.after(rules.down);
                    *self = Self::Down { failed_trials: 0, until, is_tried: false };
                    return true;
                }
            }
            Self::Down { failed_trials, until, is_tried } => {
                *failed_trials += 1;
                let mut pause = rules.down;
                for _ in 0..*failed_trials {
                    pause = pause.saturating_mul(2).min(rules.down_max);
                }
                (*until, *is_tried) = (now.after(pause), false);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_trial_is_one_at_a_time_and_doubles_the_pause() {
        let seconds = Duration::from_secs;
        let rules = Passive { failures: 2, down: seconds(1), down_max: seconds(3) };
        let at = |second| Time::from_micros(0).after(seconds(second));
        let mut health = Health::NEW;
        assert_eq!([health.failed(at(0), rules), health.failed(at(0), rules)], [false, true]);
        assert_eq!([at(0), at(1)].map(|now| health.may_serve(now)), [Some(false), Some(true)]);
        health.selected(at(1), at(9));
        assert_eq!(health.may_serve(at(8)), Some(false), "another client tries it");
        for pause in [2, 3, 3] {
            assert!(!health.failed(at(9), rules));
            assert_eq!(health.tried_from(), Some(at(9 + pause)));
            health.selected(at(20), at(20));
        }
    }
}
