//! A text that the process refuses.

use fleet::{
    Action, Current, CurrentReading, Event, FORMAT, Follower, InstanceState, Moment, On, Refusal,
    Running, TextHash, Trial,
};
use std::time::{Duration, SystemTime};

const NOW: Moment = Moment { time: Duration::ZERO, at: SystemTime::UNIX_EPOCH };
const TEXT: &str = "text";
const REFUSED: &str = "address in use";

/// Reads a revision, with a trial or without one.
fn read(follower: &mut Follower, revision: u64, trial: Option<&str>) {
    let hold = Duration::from_secs(20);
    let trial = trial.map(|text| Trial { text: TextHash::of(text), on: On::ALL, hold });
    let [by, note, at] = ["a test", "", "2026-01-01T00:00:00Z"].map(str::to_owned);
    let current = Current {
        format: FORMAT,
        revision,
        stable: None,
        trial,
        by,
        note,
        at,
        earlier: Vec::new(),
    };
    let reading = CurrentReading { cluster: 7, current: Some(Ok(current)), instances: 1 };
    follower.handle(Event::Read { reading: Box::new(reading), random: 0 }, NOW);
}

/// Carries out all actions, of which the process refuses each text. Returns the number of fetches.
fn fetches(follower: &mut Follower, saved: Result<(), &str>) -> usize {
    let mut fetches = 0;
    while let Some(action) = follower.next(NOW.time) {
        let event = match action {
            Action::Save(_) => Event::Saved(saved.map_err(str::to_owned)),
            Action::Fetch(_) => {
                fetches += 1;
                Event::Fetched(Ok(TEXT.into()))
            }
            Action::Apply { .. } => Event::Applied(Err(Refusal::Unfit(REFUSED.to_owned()))),
            other => panic!("{other:?}"),
        };
        follower.handle(event, NOW);
    }
    fetches
}

fn start() -> Follower {
    let running = Running::Settled { text: None, ended: None };
    Follower::new("edge-1", None, running, NOW).with_last_reading(NOW.time)
}

/// It may have 64 MiB.
#[test]
fn its_text_is_not_kept() {
    let mut follower = start();
    read(&mut follower, 1, Some(TEXT));
    assert_eq!(fetches(&mut follower, Ok(())), 1);
    assert_eq!(follower.status().state, InstanceState::Refused);
    read(&mut follower, 2, None);
    assert_eq!(fetches(&mut follower, Ok(())), 0);
    read(&mut follower, 3, Some(TEXT));
    assert_eq!(fetches(&mut follower, Ok(())), 1);
}

#[test]
fn only_reasons_of_the_process_are_in_its_log() {
    let mut follower = start();
    read(&mut follower, 1, Some(TEXT));
    fetches(&mut follower, Ok(()));
    let status = follower.status();
    assert_eq!((status.why.as_str(), status.unlogged.as_str()), (REFUSED, ""));
    // Both hold: the end of the trial, and the disk.
    read(&mut follower, 2, Some(TEXT));
    fetches(&mut follower, Err("the disk is full"));
    let status = follower.status();
    assert_eq!(status.why, format!("{REFUSED}; the disk is full"));
    assert_eq!(status.unlogged, "the disk is full");
    // A trial that could not be recorded has not reached the process.
    read(&mut follower, 3, Some("another text"));
    fetches(&mut follower, Err("the disk is full"));
    let status = follower.status();
    assert_eq!(status.why, "the trial cannot be recorded: the disk is full");
    assert_eq!(status.unlogged, status.why);
}
