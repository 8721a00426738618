//! Whether the targets of a text on trial fail more than before.
//!
//! Only forwards that the trial changes or adds are judged. The comparison is with their connects of the last 30 to
//! 60 s before the trial: two snapshots of the counters, of which the older one is replaced every 30 s. The time of an
//! earlier trial does not count for the forwards that it judged: the snapshots are moved behind it.

use crate::model::Connects;
use std::collections::BTreeMap;
use std::time::Duration;

/// Time after which the newer snapshot becomes the older one.
const AGE: Duration = Duration::from_secs(30);
/// Failed connects below which no trial is bad.
const FAILED_MIN: u64 = 10;
/// Percentage points by which the share of failed connects must exceed the one before the trial.
const POINTS: u128 = 10;

/// Connects of each forward since the start of the process, by name.
pub type ForwardConnects = BTreeMap<String, Connects>;

/// Counters of the time before a trial, and the trial.
#[derive(Clone, Debug, Default)]
pub struct ConnectCheck {
    /// The start of the time before the next trial: at first that of the process.
    older: ForwardConnects,
    newer: ForwardConnects,
    /// Time of `newer`.
    newer_at: Option<Duration>,
    /// Time of the last counters.
    now: Duration,
    trial: Option<OnTrial>,
    /// The trial that has ended since the last counters.
    ended: Option<OnTrial>,
}

/// The begin of a trial, which an upgrade in place carries over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialConnects {
    /// The connects before the trial of each forward that it changes or adds.
    pub begin: ForwardConnects,
    /// Those at the start of the last 30 to 60 s before the trial.
    pub older: ForwardConnects,
    /// Connects of these forwards in that time.
    pub before: Connects,
}

/// A trial that is judged.
#[derive(Clone, Debug)]
struct OnTrial {
    start: TrialConnects,
    began_at: Duration,
}

impl ConnectCheck {
    /// Takes the counters of this second. Returns why the trial is bad, if it is.
    pub fn take(&mut self, now: Duration, counters: &ForwardConnects) -> Option<String> {
        self.now = now;
        let Some(trial) = &self.trial else {
            self.leave_out_ended(counters);
            self.rotate(now, counters);
            return None;
        };
        let (found, before) = (trial.found(counters), trial.start.before);
        is_worse(found, before).then(|| {
            format!(
                "{} of {} connects to targets failed in the trial, and {} of {} before it",
                found.failed, found.tried, before.failed, before.tried
            )
        })
    }

    /// A trial begins that changes or adds `forwards`. `counters` are those before it.
    pub fn begin(&mut self, forwards: Vec<String>, counters: &ForwardConnects) {
        self.end();
        self.leave_out_ended(counters);
        let at_begin = |name: String| {
            let connects = counters.get(&name).copied().unwrap_or_default();
            (name, connects)
        };
        let begin: ForwardConnects = forwards.into_iter().map(at_begin).collect();
        let at_older =
            |name: &String| (name.clone(), self.older.get(name).copied().unwrap_or_default());
        let older: ForwardConnects = begin.keys().map(at_older).collect();
        let before = difference(begin.keys(), &older, &begin);
        let start = TrialConnects { begin, older, before };
        self.trial = Some(OnTrial { start, began_at: self.now });
    }

    /// Goes on with a trial that an upgrade in place has carried over.
    pub fn resume(&mut self, start: TrialConnects) {
        self.older.clone_from(&start.older);
        self.trial = Some(OnTrial { start, began_at: self.now });
    }

    /// The begin of the trial; `None` without one.
    pub fn trial(&self) -> Option<&TrialConnects> {
        self.trial.as_ref().map(|trial| &trial.start)
    }

    /// The trial has ended. Its connects do not count as those before the next one.
    pub fn end(&mut self) {
        self.ended = self.trial.take().or(self.ended.take());
    }

    /// Connects of the judged forwards since the trial began; `None` without a trial.
    pub fn connects(&self, counters: &ForwardConnects) -> Option<Connects> {
        self.trial.as_ref().map(|trial| trial.found(counters))
    }

    /// Moves the snapshots behind the ended trial, for the forwards that it judged.
    fn leave_out_ended(&mut self, counters: &ForwardConnects) {
        let Some(OnTrial { start, began_at }) = self.ended.take() else { return };
        for (name, begin) in &start.begin {
            let now = counters.get(name).copied().unwrap_or_default();
            for snapshot in [&mut self.older, &mut self.newer] {
                let at = snapshot.entry(name.clone()).or_default();
                let before = between(*at, *begin);
                *at = Connects {
                    tried: now.tried.saturating_sub(before.tried),
                    failed: now.failed.saturating_sub(before.failed),
                };
            }
        }
        let took = self.now.saturating_sub(began_at);
        self.newer_at = self.newer_at.map(|at| at + took);
    }

    fn rotate(&mut self, now: Duration, counters: &ForwardConnects) {
        match self.newer_at {
            Some(at) if now.saturating_sub(at) < AGE => return,
            Some(_) => self.older = std::mem::take(&mut self.newer),
            None => {}
        }
        self.newer.clone_from(counters);
        self.newer_at = Some(now);
    }
}

impl OnTrial {
    fn found(&self, counters: &ForwardConnects) -> Connects {
        difference(self.start.begin.keys(), &self.start.begin, counters)
    }
}

/// The connects between two readings. A counter that began again counts from 0.
fn between(from: Connects, to: Connects) -> Connects {
    let from = if to.tried < from.tried { Connects::default() } else { from };
    Connects { tried: to.tried - from.tried, failed: to.failed.saturating_sub(from.failed) }
}

/// The connects of some forwards between two snapshots. A forward that is new has 0 in the first.
fn difference<'a>(
    forwards: impl Iterator<Item = &'a String>,
    from: &ForwardConnects,
    to: &ForwardConnects,
) -> Connects {
    let of_forward = |name| {
        let of = |all: &ForwardConnects| all.get(name).copied().unwrap_or_default();
        between(of(from), of(to))
    };
    forwards.map(of_forward).sum()
}

/// Whether enough connects failed, and their share is that much greater. No connects before count as none failed.
fn is_worse(found: Connects, before: Connects) -> bool {
    let [tried, failed] = [found.tried, found.failed].map(u128::from);
    let [tried_before, failed_before] = [before.tried.max(1), before.failed].map(u128::from);
    // failed / tried > failed_before / tried_before + POINTS / 100, without fractions. The counters are 64 bits wide,
    // and real ones far smaller: the products saturate.
    let share = failed.saturating_mul(tried_before).saturating_mul(100);
    let bound = (failed_before * 100).saturating_add(tried_before * POINTS).saturating_mul(tried);
    found.failed >= FAILED_MIN && share > bound
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn connects(tried: u64, failed: u64) -> Connects {
        Connects { tried, failed }
    }

    fn counters(of: &[(&str, u64, u64)]) -> ForwardConnects {
        of.iter()
            .map(|(name, tried, failed)| ((*name).to_owned(), connects(*tried, *failed)))
            .collect()
    }

    #[test]
    fn ten_failures_and_more_than_ten_points_are_bad() {
        assert!(!is_worse(connects(9, 9), connects(0, 0)));
        assert!(is_worse(connects(10, 10), connects(0, 0)));
        assert!(!is_worse(connects(100, 10), connects(0, 0)));
        assert!(is_worse(connects(100, 11), connects(0, 0)));
        assert!(!is_worse(connects(100, 30), connects(10, 2)));
        assert!(is_worse(connects(100, 31), connects(10, 2)));
        assert!(!is_worse(connects(500, 500), connects(10, 9)));
        assert!(is_worse(connects(500, 500), connects(1000, 899)));
    }

    #[test]
    fn only_changed_forwards_are_judged_and_only_since_the_begin() {
        let mut check = ConnectCheck::default();
        assert_eq!(check.take(SECOND, &counters(&[("a", 500, 500), ("b", 0, 0)])), None);
        let begin = counters(&[("a", 600, 500), ("b", 0, 0)]);
        check.take(SECOND * 31, &begin);
        check.begin(vec!["a".to_owned(), "new".to_owned()], &begin);
        let others = counters(&[("a", 609, 509), ("b", 99, 99)]);
        assert_eq!(check.take(SECOND * 32, &others), None);
        assert_eq!(check.connects(&others), Some(connects(9, 9)));
        let bad = counters(&[("a", 609, 509), ("b", 99, 99), ("new", 11, 11)]);
        let why = "20 of 20 connects to targets failed in the trial, and 0 of 100 before it";
        assert_eq!(check.take(SECOND * 33, &bad).as_deref(), Some(why));
        check.end();
        assert_eq!(check.take(SECOND * 34, &bad), None);
    }

    /// 1 of 2 connects fails all the time: before the trial in the last minute, and in it.
    #[test]
    fn the_time_before_is_30_to_60_seconds_and_not_the_last_trial() {
        let mut check = ConnectCheck::default();
        let at = |second: u64| counters(&[("a", second * 2, second)]);
        for second in 0..95 {
            check.take(SECOND * second.try_into().unwrap(), &at(second));
        }
        check.begin(vec!["a".to_owned()], &at(95));
        let before = check.trial().unwrap().before;
        assert_eq!(before, connects(70, 35), "since 60 s");
        assert_eq!(check.take(SECOND * 96, &at(115)), None);
        check.end();
        check.take(SECOND * 97, &at(120));
        check.begin(vec!["a".to_owned()], &at(121));
        assert_eq!(
            check.trial().unwrap().before,
            connects(72, 36),
            "without the trial's 50 connects"
        );
    }

    /// 1 of 10 connects fails before the trials, and all of them in the first one.
    #[test]
    fn a_trial_at_once_after_another_is_compared_with_the_time_before_both() {
        for ends in [false, true] {
            let mut check = ConnectCheck::default();
            let forwards = || vec!["a".to_owned()];
            for second in [1, 31] {
                check.take(SECOND * second, &counters(&[("a", 1000, 900)]));
            }
            let begin = counters(&[("a", 1100, 910)]);
            check.begin(forwards(), &begin);
            let failing = counters(&[("a", 1200, 1010)]);
            assert!(check.take(SECOND * 32, &failing).is_some());
            if ends {
                check.end();
            }
            check.begin(forwards(), &failing);
            assert_eq!(check.trial().unwrap().before, connects(100, 10));
            let why = check.take(SECOND * 33, &counters(&[("a", 1300, 1040)]));
            assert!(why.is_some_and(|why| why.starts_with("30 of 100 ")), "{ends}");
        }
    }

    /// The next program begins with the counters and the begin of the trial alone.
    #[test]
    fn a_trial_that_is_carried_over_is_compared_with_the_same_time_before() {
        let mut check = ConnectCheck::default();
        check.take(SECOND, &counters(&[("a", 0, 0), ("b", 0, 0)]));
        check.begin(vec!["a".to_owned()], &counters(&[("a", 100, 20), ("b", 50, 50)]));
        let mut next = ConnectCheck::default();
        next.resume(check.trial().unwrap().clone());
        assert_eq!(next.trial(), check.trial());
        let at = |failed: u64| counters(&[("a", 200, 20 + failed), ("b", 150, 150)]);
        assert_eq!(next.take(SECOND, &at(30)), None, "20 of 100 before it, and 10 points");
        let why = next.take(SECOND * 2, &at(31)).expect("more than 10 points");
        assert!(why.ends_with(
            "31 of 100 connects to targets failed in the trial, and 20 of 100 before it"
        ));
        next.end();
        assert_eq!(next.take(SECOND * 3, &at(100)), None);
    }

    /// 1 of 5 connects fails before the trials, and all of them in the first one.
    #[test]
    fn a_trial_after_a_carried_over_one_has_the_time_before_both() {
        for counts_between in [false, true] {
            let mut check = ConnectCheck::default();
            check.begin(vec!["a".to_owned()], &counters(&[("a", 100, 20)]));
            let mut next = ConnectCheck::default();
            next.resume(check.trial().unwrap().clone());
            let failing = counters(&[("a", 200, 120), ("b", 50, 10)]);
            assert!(next.take(SECOND, &failing).is_some());
            next.end();
            if counts_between {
                assert_eq!(next.take(SECOND * 2, &failing), None);
            }
            next.begin(vec!["a".to_owned(), "b".to_owned()], &failing);
            assert_eq!(next.trial().unwrap().before, connects(150, 30));
        }
    }

    #[test]
    fn counters_that_begin_again_and_great_ones_do_no_harm() {
        let mut check = ConnectCheck::default();
        let begin = counters(&[("a", u64::MAX, u64::MAX), ("b", u64::MAX, 0)]);
        let both = vec!["a".to_owned(), "b".to_owned()];
        for second in [1, 31] {
            check.take(SECOND * second, &begin);
        }
        check.begin(both.clone(), &begin);
        assert_eq!(check.take(SECOND, &begin), None);
        let again = counters(&[("a", 20, 20)]);
        assert!(check.take(SECOND, &again).is_some_and(|why| why.starts_with("20 of 20")));
        check.begin(both, &ForwardConnects::new());
        assert!(check.take(SECOND, &begin).is_some());
    }
}
