//! Histories of an instance, chosen by a seed: publications, faults of the store, crashes, upgrades, refusals and
//! failed trials in any order, with the rules checked after each step.

mod process;
mod publisher;
mod random;
mod refused;
mod seen;
mod world;

use fleet::{Action, Follower, KeepState, Moment, PublishedText, Running, TextHash, Trying};
use std::time::{Duration, SystemTime};
use world::World;

const HISTORIES: u64 = 5000;
const STEPS: usize = 120;

#[test]
fn every_history_keeps_the_rules_and_ends_on_the_published_text() {
    let mut seen = seen::Seen::default();
    for seed in 0..HISTORIES {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.settle();
        seen.add(&world.seen);
    }
    seen.assert_all();
}

#[test]
fn a_trial_that_ended_before_an_upgrade_has_its_reason() {
    let trying = Some(Trying { revision: 5, text: TextHash::of("text") });
    let now = Moment { time: Duration::ZERO, at: SystemTime::UNIX_EPOCH };
    let why = |ended| {
        let kept = KeepState { revision: 5, trying, ..KeepState::default() };
        let running = Running::Settled { text: None, ended };
        Follower::new("edge-1", Some(kept), running, now).status().why
    };
    assert_eq!(why(Some((5, "a port is taken".to_owned()))), "a port is taken");
    assert_eq!(why(Some((4, "a port is taken".to_owned()))), "restarted during the trial");
    assert_eq!(why(None), "restarted during the trial");
}

#[test]
fn a_text_that_runs_at_the_end_of_a_trial_is_kept_if_it_was_confirmed() {
    let text = |text: &str, revision| {
        Some(PublishedText { hash: TextHash::of(text), revision, text: text.into() })
    };
    let (old, new) = (text("old", 4), text("new", 5));
    let trying = Some(Trying { revision: 5, text: TextHash::of("new") });
    let now = Moment { time: Duration::ZERO, at: SystemTime::UNIX_EPOCH };
    // An upgrade to a program that cannot read the text before the trial ends it so.
    let unread = Some((5, "the program after an upgrade cannot read the text".to_owned()));
    for (ended, kept_text) in [(None, &new), (unread, &old)] {
        let is_confirmed = ended.is_none();
        let kept = KeepState { revision: 5, good: old.clone(), trying, ..KeepState::default() };
        let running = Running::Settled { text: new.clone(), ended };
        let mut follower = Follower::new("edge-1", Some(kept), running, now);
        let Some(Action::Save(saved)) = follower.next(Duration::ZERO) else { panic!("no save") };
        assert_eq!((&saved.good, saved.trying), (kept_text, None));
        assert_eq!(saved.ended.is_none(), is_confirmed);
    }
}
