//! The race of attempts, step by step.

use super::*;

const START: Time = Time::from_micros(7);
const USUAL: Duration = Duration::from_millis(1);

fn at(millis: u64) -> Time {
    START.after(Duration::from_millis(millis))
}

fn race(targets: usize) -> Race {
    Race::new(START, at(10_000), targets)
}

fn attempt(round: usize, address: usize, attempt: usize) -> RaceStep {
    RaceStep::Attempt { round, address, attempt }
}

#[test]
fn one_address_has_all_the_time() {
    let mut race = race(1);
    race.add_target(START, Some(1), USUAL);
    assert_eq!(race.next(START), attempt(0, 0, 0));
    assert_eq!(race.next(START), RaceStep::Wait(at(10_000)));
    assert_eq!(race.next(at(10_000)), RaceStep::TimedOut);
    race.failed(0, at(9_000));
    assert_eq!(race.next(at(9_000)), RaceStep::AllFailed);
}

#[test]
fn with_little_time_another_target_is_tried_after_half_of_it() {
    let mut race = Race::new(START, at(100), 30);
    race.add_target(START, Some(1), Duration::ZERO);
    assert_eq!(race.next(START), attempt(0, 0, 0));
    assert_eq!(race.next(START), RaceStep::Wait(at(50)));
    assert_eq!(race.next(at(50)), RaceStep::Select);
}

#[test]
fn the_next_address_is_tried_after_250_ms_or_after_a_failure() {
    let mut race = race(1);
    race.add_target(START, Some(3), USUAL);
    assert_eq!(race.next(START), attempt(0, 0, 0));
    assert_eq!(race.next(START), RaceStep::Wait(at(250)));
    assert_eq!(race.next(at(250)), attempt(0, 1, 1));
    race.failed(0, at(300));
    assert_eq!(race.next(at(300)), attempt(0, 2, 0), "at once, beside the second");
    assert_eq!(race.next(at(300)), RaceStep::Wait(at(10_000)));
}

#[test]
fn the_next_target_is_tried_after_a_failure_or_a_silence() {
    let mut race = race(3);
    race.add_target(START, Some(1), USUAL);
    assert_eq!(race.next(START), attempt(0, 0, 0));
    assert_eq!(race.next(START), RaceStep::Wait(at(1_000)));
    assert_eq!(race.next(at(1_000)), RaceStep::Select);
    race.add_target(at(1_000), Some(1), USUAL);
    assert_eq!(race.next(at(1_000)), attempt(1, 0, 1));
    race.failed(0, at(1_100));
    assert_eq!(race.next(at(1_100)), RaceStep::Wait(at(2_000)), "one follower each");
    race.failed(1, at(1_200));
    assert_eq!(race.next(at(1_200)), RaceStep::Select);
    race.no_more_targets();
    assert_eq!(race.next(at(1_200)), RaceStep::AllFailed);
}

#[test]
fn a_failure_retries_the_selection() {
    let mut race = race(3);
    race.add_target(START, Some(1), USUAL);
    assert_eq!(race.next(START), attempt(0, 0, 0));
    assert_eq!(race.next(at(1_000)), RaceStep::Select);
    race.add_target(at(1_000), Some(1), USUAL);
    assert_eq!(race.next(at(1_000)), attempt(1, 0, 1));
    assert_eq!(race.next(at(2_000)), RaceStep::Select);
    race.no_more_targets();
    assert_eq!(race.next(at(2_000)), RaceStep::Wait(at(10_000)), "asked once");
    for (failed, then) in [(0, RaceStep::Wait(at(10_000))), (1, RaceStep::AllFailed)] {
        race.failed(failed, at(2_100));
        assert_eq!(race.next(at(2_100)), RaceStep::Select);
        race.no_more_targets();
        assert_eq!(race.next(at(2_100)), then);
    }
}

#[test]
fn a_target_is_waited_for_by_its_usual_time_and_its_share() {
    let silent_at = |targets, usual: u64| {
        let mut race = race(targets);
        race.add_target(START, Some(1), Duration::from_millis(usual));
        race.next(START);
        race.next(START)
    };
    assert_eq!(silent_at(2, 100), RaceStep::Wait(at(1_000)));
    assert_eq!(silent_at(2, 300), RaceStep::Wait(at(1_200)), "four times as long as usual");
    assert_eq!(silent_at(2, 3_000), RaceStep::Wait(at(5_000)), "its share");
    assert_eq!(silent_at(20, 3_000), RaceStep::Wait(at(500)), "its share");
    assert_eq!(silent_at(1_000, 1), RaceStep::Wait(at(250)));
}

#[test]
fn a_name_is_waited_for_and_may_fail() {
    let mut race = race(2);
    let round = race.add_target(START, None, USUAL);
    assert_eq!(race.next(START), RaceStep::Wait(at(1_000)));
    race.resolved(round, 0, at(10));
    assert_eq!(race.next(at(10)), RaceStep::Select);
    let round = race.add_target(at(10), None, USUAL);
    race.resolved(round, 1, at(20));
    assert_eq!(race.next(at(20)), attempt(1, 0, 0));
}

#[test]
fn a_busy_address_is_tried_again_and_is_no_failure() {
    let mut race = race(2);
    race.add_target(START, Some(1), USUAL);
    assert_eq!(race.next(START), attempt(0, 0, 0));
    race.busy(0, at(4));
    assert_eq!(race.next(START), RaceStep::Wait(at(4)));
    assert_eq!(race.next(at(4)), attempt(0, 0, 0));
}

#[test]
fn more_silent_addresses_than_places_are_all_tried_in_time() {
    let mut race = race(1);
    race.add_target(START, Some(100), USUAL);
    let (mut now, mut tried, mut closed) = (START, 0, 0);
    loop {
        match race.next(now) {
            RaceStep::Attempt { address, .. } => {
                assert_eq!(address, tried);
                tried += 1;
            }
            RaceStep::Abandon(attempt) => {
                closed += 1;
                race.failed(attempt, now);
            }
            RaceStep::Wait(at) => now = at,
            step => break assert_eq!(step, RaceStep::TimedOut),
        }
    }
    assert_eq!((tried, closed, now), (100, 92, at(10_000)));
}

#[test]
fn a_race_without_a_place_waits_for_one_until_the_time_is_up() {
    let mut race = race(2);
    race.add_target(START, Some(1), USUAL);
    assert_eq!(race.next(START), attempt(0, 0, 0));
    race.failed(0, at(1));
    assert_eq!(race.next(at(1)), RaceStep::Select);
    race.wait_for_place(Time::NEVER);
    assert!(race.is_waiting_for_place());
    assert_eq!(race.next(at(1)), RaceStep::Wait(at(10_000)));
    race.retry_place(at(5));
    assert_eq!(race.next(at(5)), RaceStep::Select);
    race.wait_for_place(at(20));
    assert_eq!(race.next(at(5)), RaceStep::Wait(at(20)), "a target may be tried then");
    assert_eq!(race.next(at(20)), RaceStep::Select);
    race.wait_for_place(Time::NEVER);
    assert_eq!(race.next(at(10_000)), RaceStep::TimedOut);
    race.no_more_targets();
    race.retry_place(at(30));
    assert_eq!(race.next(at(30)), RaceStep::AllFailed, "nothing is waited for");
}

#[test]
fn a_race_without_any_target_waits_for_a_place_as_well() {
    let mut race = race(1);
    race.wait_for_place(Time::NEVER);
    assert_eq!(race.next(START), RaceStep::Wait(at(10_000)));
    race.retry_place(at(1));
    assert_eq!(race.next(at(1)), RaceStep::Select);
    race.add_target(at(1), Some(1), USUAL);
    assert!(!race.is_waiting_for_place());
    assert_eq!(race.next(at(1)), attempt(0, 0, 0));
}
