//! Active health of a target, learned from checks.

use super::Active;
use std::time::Duration;

/// Pause after a check that leaves the state undecided. With its jitter it stays below half a second.
const UNDECIDED: Duration = Duration::from_millis(450);
/// Longest pause while the target is down.
const DOWN: Duration = Duration::from_secs(2);

/// The results of checks of one target. Nothing is read; randomness comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveHealth {
    is_up: bool,
    /// A check has ended.
    is_known: bool,
    /// [`Active::is_up_at_first`] of the checks that led here.
    began_up: bool,
    /// Results in a row that contradict the state.
    against: u32,
    /// A client could not connect since the last successful check.
    is_suspected: bool,
}

/// A state that a check has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthChange {
    /// The target may take sessions.
    Up,
    /// It takes none.
    Down,
}

impl ActiveHealth {
    /// A target that was not checked yet. One that has served goes on until checks fail, whatever their kind:
    /// a new check must not take away what works.
    pub fn new(rules: &Active, has_served: bool) -> Self {
        Self {
            is_up: rules.is_up_at_first || has_served,
            is_known: false,
            began_up: rules.is_up_at_first,
            against: 0,
            is_suspected: false,
        }
    }

    /// Whether the target may take sessions.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Whether a check has ended.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// The rules have changed. The state stays, unless checks of another kind led to it: that a target can be
    /// connected does not say that it may serve.
    pub fn follow(&mut self, rules: &Active, has_served: bool) {
        if self.began_up != rules.is_up_at_first {
            *self = Self::new(rules, has_served && self.is_up);
        }
    }

    /// A check has ended. Returns the new state if it changes.
    ///
    /// The first success of a target that was never up decides at once: no failure speaks against it.
    pub fn checked(&mut self, has_succeeded: bool, rules: &Active) -> Option<HealthChange> {
        let is_first_success = !self.is_known && !self.began_up && has_succeeded;
        self.is_known = true;
        self.is_suspected &= !has_succeeded;
        if has_succeeded == self.is_up {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let needed = if self.is_up { rules.fall } else { rules.rise };
        if self.against < needed && !is_first_success {
            return None;
        }
        (self.is_up, self.against, self.is_suspected) = (has_succeeded, 0, false);
        Some(if self.is_up { HealthChange::Up } else { HealthChange::Down })
    }

    /// A client could not connect. True if the next check must come soon because of it.
    pub fn client_failed(&mut self) -> bool {
        let is_news = self.is_up && !self.is_suspected;
        self.is_suspected |= self.is_up;
        is_news
    }

    /// The pause until the next check, with a jitter of a tenth by a random number: until the state is decided,
    /// below half a second; while the target is down, two seconds at most.
    pub fn pause(&self, rules: &Active, random: u64) -> Duration {
        let is_undecided = self.against > 0 || self.is_suspected;
        let longest = match (is_undecided, self.is_up) {
            (true, _) => UNDECIDED,
            (false, false) => DOWN,
            (false, true) => rules.every,
        };
        let permille = 900 + (random % 201) as u32;
        rules.every.min(longest) * permille / 1000
    }

    /// The state as a number, for the next process image.
    pub fn saved(&self) -> u64 {
        let Self { is_up, is_known, began_up, against, is_suspected } = *self;
        let flags = [is_up, is_known, began_up, is_suspected];
        let flags = flags.iter().rev().fold(0, |bits, flag| bits << 1 | u64::from(*flag));
        u64::from(against) << 8 | flags
    }

    /// The state that [`ActiveHealth::saved`] returned.
    pub fn restored(saved: u64) -> Self {
        let flag = |bit: u32| saved >> bit & 1 == 1;
        let against = u32::try_from(saved >> 8).unwrap_or_default();
        Self {
            is_up: flag(0),
            is_known: flag(1),
            began_up: flag(2),
            against,
            is_suspected: flag(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT: Active =
        Active { every: Duration::from_secs(2), fall: 3, rise: 2, is_up_at_first: true };
    const HTTP: Active = Active { is_up_at_first: false, ..CONNECT };

    /// The changes by these results: `.` succeeds, `x` fails.
    fn changes(health: &mut ActiveHealth, rules: &Active, results: &str) -> String {
        let change = |result| match health.checked(result == '.', rules) {
            None => '-',
            Some(HealthChange::Up) => 'U',
            Some(HealthChange::Down) => 'D',
        };
        results.chars().map(change).collect()
    }

    #[test]
    fn a_target_that_has_served_goes_on_until_checks_fail() {
        let mut health = ActiveHealth::new(&HTTP, true);
        assert!(health.is_up() && !health.is_known());
        assert_eq!(changes(&mut health, &HTTP, "xxx.."), "--D-U");
        let mut health = ActiveHealth::new(&CONNECT, false);
        changes(&mut health, &CONNECT, ".");
        health.follow(&HTTP, true);
        assert!(health.is_up(), "a check of another kind");
        changes(&mut health, &HTTP, "xxx");
        health.follow(&CONNECT, true);
        assert!(health.is_up(), "by the rule of that kind");
        changes(&mut health, &CONNECT, "xxx");
        health.follow(&HTTP, true);
        assert!(!health.is_up(), "it was down");
    }

    #[test]
    fn only_results_in_a_row_change_the_state() {
        let mut health = ActiveHealth::new(&CONNECT, false);
        assert_eq!(changes(&mut health, &CONNECT, "xx.xx.xxxx"), "--------D-");
        assert_eq!(changes(&mut health, &CONNECT, ".x.x.."), "-----U");
        assert_eq!(changes(&mut health, &CONNECT, "xxx"), "--D");
    }

    #[test]
    fn the_first_success_brings_a_target_up_that_was_never_up() {
        let mut health = ActiveHealth::new(&HTTP, false);
        assert!(!health.is_up() && !health.is_known());
        assert_eq!(changes(&mut health, &HTTP, ".xxx.."), "U--D-U");
        assert_eq!(
            changes(&mut ActiveHealth::new(&HTTP, false), &HTTP, "x.."),
            "--U",
            "it has failed"
        );
    }

    #[test]
    fn checks_come_soon_while_the_state_is_undecided() {
        let most = |health: &ActiveHealth, rules: &Active| health.pause(rules, 200);
        let mut health = ActiveHealth::new(&CONNECT, false);
        assert_eq!(health.pause(&CONNECT, 0), Duration::from_millis(1800));
        assert_eq!(most(&health, &CONNECT), Duration::from_millis(2200));
        changes(&mut health, &CONNECT, "x");
        assert!(most(&health, &CONNECT) < Duration::from_millis(500));
        changes(&mut health, &CONNECT, ".");
        assert_eq!(most(&health, &CONNECT), Duration::from_millis(2200));
        assert!(health.client_failed() && !health.client_failed(), "once until the next success");
        assert!(most(&health, &CONNECT) < Duration::from_millis(500));
        let seldom = Active { every: Duration::from_secs(60), ..CONNECT };
        changes(&mut health, &seldom, "xxx");
        assert_eq!(most(&health, &seldom), Duration::from_millis(2200), "down");
        assert!(!health.client_failed(), "it is down already");
        changes(&mut health, &seldom, ".");
        assert!(most(&health, &seldom) < Duration::from_millis(500));
        let often = Active { every: Duration::from_millis(100), ..CONNECT };
        assert_eq!(most(&health, &often), Duration::from_millis(110));
    }

    #[test]
    fn the_state_stays_with_other_times_and_not_with_another_kind() {
        let mut health = ActiveHealth::new(&CONNECT, false);
        changes(&mut health, &CONNECT, "xxx");
        health.follow(&Active { fall: 9, ..CONNECT }, false);
        assert!(!health.is_up());
        changes(&mut health, &CONNECT, "..");
        health.follow(&HTTP, false);
        assert!(!health.is_up() && !health.is_known(), "no answer yet");
    }

    /// The state by the definition: the last results, all after the last change, are alike.
    fn by_definition(results: &[bool], rules: &Active) -> bool {
        let (mut is_up, mut since) = (rules.is_up_at_first, 0);
        for end in 1..=results.len() {
            let needed = if is_up { rules.fall } else { rules.rise } as usize;
            let is_first = end == 1 && !rules.is_up_at_first;
            let row = results[since..end].iter().rev().take_while(|it| **it != is_up).count();
            if row >= needed || (is_first && row > 0) {
                (is_up, since) = (!is_up, end);
            }
        }
        is_up
    }

    #[test]
    fn every_history_agrees_with_the_definition_and_survives_saving() {
        for seed in 0..2_000u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random
            };
            let rules = Active {
                every: Duration::from_millis(100 + next() % 10_000),
                fall: 1 + (next() % 4) as u32,
                rise: 1 + (next() % 4) as u32,
                is_up_at_first: next() % 2 == 0,
            };
            let bias = 1 + next() % 9;
            let (mut health, mut results) = (ActiveHealth::new(&rules, false), Vec::new());
            for step in 0..200 {
                if next() % 8 == 0 {
                    let is_new = health.client_failed();
                    assert!(!is_new || health.pause(&rules, next()) < Duration::from_millis(500));
                }
                let before = health.is_up();
                results.push(next() % 10 < bias);
                let change = health.checked(results[results.len() - 1], &rules);
                let is_up = by_definition(&results, &rules);
                assert_eq!(health.is_up(), is_up, "seed {seed}, step {step}: {results:?}");
                let expected = [HealthChange::Down, HealthChange::Up][usize::from(is_up)];
                assert_eq!(change, (before != is_up).then_some(expected), "seed {seed}");
                let pause = health.pause(&rules, next());
                assert!(pause >= rules.every.min(UNDECIDED) * 9 / 10, "seed {seed}: {pause:?}");
                assert!(pause <= rules.every * 11 / 10, "seed {seed}: {pause:?}");
                assert_eq!(ActiveHealth::restored(health.saved()), health, "seed {seed}");
            }
        }
    }
}
