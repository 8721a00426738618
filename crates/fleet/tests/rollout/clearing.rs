//! The end of a command that has removed an ended trial, and has not published yet.

use crate::command::{Command, away, current, instance, on_trial, publish, reading, text};
use fleet::{FailureLine, FleetReading, Input, Instance, InstanceState, Outcome, Work};

/// An instance that has ended a trial of the text, at revision 1.
fn ended() -> Instance {
    instance(1, InstanceState::FellBack, None)
}

/// A publication of the text whose trial all instances have ended, when that trial has been removed.
fn cleared() -> Command {
    let mut command = Command::new(publish(text(1)));
    command.on(0, reading(Some(on_trial(current(1), text(1))), 10, Some(ended())));
    let without = command.decision.clone().expect("the ended trial is removed first").current;
    assert_eq!((without.revision, &without.trial), (2, &None));
    command.on(0, Input::Written(11));
    let turn = command.on(1, reading(Some(without), 11, Some(ended())));
    assert!(matches!(turn.work, Some(Work::Read { .. })), "{turn:?}");
    command
}

/// The only instance has restarted as a version whose status this one cannot read.
#[test]
fn a_refusal_does_not_hide_what_was_changed() {
    let mut command = cleared();
    let without = command.decision.clone().unwrap().current;
    let Input::Read(found) = reading(Some(without), 11, None) else { unreachable!() };
    let unreadable = ["edge-1".to_owned()].into();
    command.on(2, Input::Read(FleetReading { unreadable, ..found }));
    let last = command.lines.last().unwrap().to_string();
    assert!(last.contains("can read the status of no instance (edge-1)"), "{last}");
    assert!(last.contains("revision 2 has removed the ended trial"), "{last}");
    assert_eq!(command.outcome, Some(Outcome::Failed));
}

#[track_caller]
fn assert_ends(command: &Command, cause: &str) {
    let cause = cause.to_owned();
    command.assert_ends(Outcome::Failed, FailureLine::OnlyCleared { revision: 2, cause });
    let words = "revision 2 has removed the ended trial, and the text was not published";
    let line = command.lines.last().unwrap().to_string();
    assert!(line.contains(words), "{line}");
}

#[test]
fn an_interrupt_says_what_was_changed() {
    let mut command = cleared();
    command.on(2, Input::Interrupt);
    assert_ends(&command, "interrupted");
}

#[test]
fn a_store_that_goes_away_does_not_hide_what_was_changed() {
    let mut command = cleared();
    command.on(2, Input::ReadFailed(away()));
    assert_ends(&command, "no endpoint answers");
}
