//! The last line of a command names the state that it leaves.

use crate::command::{
    Command, HOLD, away, current, instance, on_trial, publish, reading, stable, text,
};
use fleet::{
    Change, FailureLine, Input, InstanceState, InterruptLine, Line, Outcome, RefusalLine, Request,
    ResultLine, WarningLine, Work,
};
use std::time::Duration;

/// An instance that runs the stable text.
fn waiting() -> fleet::Instance {
    instance(3, InstanceState::Stable, Some(text(0)))
}

/// A publication of `text(1)` whose first change was sent in second 0.
fn sent() -> Command {
    let mut command = Command::new(publish(text(1)));
    command.on(0, reading(Some(stable(3)), 10, Some(waiting())));
    command.on(0, Input::TextReady(Vec::new()));
    assert_eq!(command.decision.as_ref().unwrap().current.revision, 4);
    command
}

/// A publication of `text(1)` that has begun its trial in second 0, as revision 4.
fn following() -> Command {
    let mut command = sent();
    command.on(0, Input::Written(11));
    command
}

/// The trial of [`following`], as `edge-1` tries it.
fn trying() -> Input {
    let trial = on_trial(stable(4), text(1));
    reading(Some(trial), 11, Some(instance(4, InstanceState::Trying, Some(text(1)))))
}

/// `rollout back` from `text(0)`, decided as revision 4.
fn decided() -> Command {
    let mut command = Command::new(Request::Back);
    command.on(0, reading(Some(stable(3)), 10, Some(waiting())));
    command.on(0, Input::Written(11));
    assert!(command.outcome.is_none(), "{:?}", command.lines);
    command
}

#[test]
fn the_time_for_the_first_change_ends_although_its_text_is_written_again() {
    let mut command = sent();
    let mut second = 0;
    while command.outcome.is_none() && second < 200 {
        second += 8;
        command.on(second, Input::WriteUnknown(away()));
        let turn = command.on(second, reading(Some(stable(3)), 10, Some(waiting())));
        if matches!(turn.work, Some(Work::PutText(_))) {
            command.on(second, Input::TextReady(Vec::new()));
        }
    }
    assert_eq!(second, 32);
    let change = Change::Trial;
    command.assert_ends(Outcome::Failed, FailureLine::Unknown { revision: 4, change });
}

#[test]
fn a_text_that_is_removed_each_time_is_not_written_for_ever() {
    let mut command = sent();
    for _ in 0..5 {
        assert!(command.outcome.is_none(), "{:?}", command.lines);
        command.on(1, Input::NotWritten);
        command.on(1, reading(Some(stable(3)), 10, Some(waiting())));
        command.on(1, Input::TextReady(Vec::new()));
    }
    command.assert_ends(Outcome::Failed, FailureLine::TextRemoved);
}

#[test]
fn an_unknown_result_names_the_effect_of_its_change() {
    let mut back = Command::new(Request::Back);
    back.on(0, reading(Some(stable(3)), 10, Some(waiting())));
    back.on(1, Input::WriteUnknown(away()));
    back.on(32, Input::ReadFailed(away()));
    let change = Change::Stable;
    back.assert_ends(Outcome::Failed, FailureLine::Unknown { revision: 4, change });

    let mut back = Command::new(Request::Back);
    back.on(0, reading(Some(on_trial(stable(4), text(1))), 10, Some(waiting())));
    back.on(1, Input::WriteUnknown(away()));
    back.on(32, Input::ReadFailed(away()));
    let change = Change::End;
    back.assert_ends(Outcome::Failed, FailureLine::Unknown { revision: 5, change });
    let line = back.lines.last().unwrap().to_string();
    assert!(line.contains("`traffic-forwarder rollout` shows it"), "{line}");
}

#[test]
fn a_store_that_stays_away_during_a_trial_leaves_it_to_the_instances() {
    let mut command = following();
    command.on(1, trying());
    command.on(2, Input::ReadFailed(away()));
    command.on(60 + 16, Input::ReadFailed(away()));
    command.assert_ends(Outcome::Failed, FailureLine::Undecided { revision: 4, error: away() });
}

#[test]
fn ctrl_c_before_the_first_change_changes_nothing() {
    let mut command = sent();
    command.on(1, Input::Interrupt);
    command.on(1, Input::NotWritten);
    command.on(1, reading(Some(stable(3)), 10, Some(waiting())));
    command.assert_ends(Outcome::Failed, InterruptLine::Unchanged);

    let mut command = sent();
    command.on(1, Input::Interrupt);
    command.on(1, Input::WriteUnknown(away()));
    command.on(1, reading(Some(stable(3)), 10, Some(waiting())));
    let change = Change::Trial;
    command.assert_ends(Outcome::Failed, FailureLine::Unknown { revision: 4, change });
}

#[test]
fn ctrl_c_thrice_leaves_a_trial_whose_store_is_away() {
    let mut command = following();
    command.on(1, trying());
    for _ in 0..2 {
        command.on(2, Input::Interrupt);
        command.on(2, Input::ReadFailed(away()));
    }
    assert!(command.outcome.is_none(), "{:?}", command.lines);
    command.on(2, Input::Interrupt);
    let within = HOLD + Duration::from_secs(15 - 2);
    let left = InterruptLine::OnTrial { revision: 4, within, again: None };
    command.assert_ends(Outcome::Failed, left);
}

/// The step has run for its hold, and the store has not answered the change that makes the text stable.
#[test]
fn each_ctrl_c_before_an_answer_says_what_the_next_one_does() {
    let mut command = following();
    command.on(1, trying());
    command.on(61, trying());
    let begun = command.lines.len();
    for _ in 0..3 {
        assert!(command.outcome.is_none(), "{:?}", command.lines);
        command.on(62, Input::Interrupt);
    }
    let change = Change::Stable;
    let left = FailureLine::Unknown { revision: 5, change };
    let lines: [Line; 3] = [
        InterruptLine::LeavesAfter { revision: 5 }.into(),
        InterruptLine::GoesBackAfter { revision: 5 }.into(),
        left.into(),
    ];
    assert_eq!(command.lines[begun..], lines);
    assert_eq!(command.outcome, Some(Outcome::Failed));
    let [leaves, goes_back, _] = lines.map(|line| line.to_string());
    assert!(leaves.ends_with("Ctrl-C again goes back instead"), "{leaves}");
    assert!(goes_back.ends_with("Ctrl-C again ends the command without it"), "{goes_back}");
}

#[test]
fn ctrl_c_before_an_answer_does_what_its_line_says() {
    for presses in [1, 2] {
        let mut command = following();
        command.on(1, trying());
        command.on(61, trying());
        for _ in 0..presses {
            command.on(62, Input::Interrupt);
        }
        command.on(63, Input::NotWritten);
        command.on(63, trying());
        let last = command.decision.as_ref().unwrap().current.clone();
        assert_eq!(last.stable == Some(text(0)), presses == 2, "{:?}", command.lines);
        command.on(67, trying());
        assert_eq!(command.outcome.is_some(), presses == 1, "{:?}", command.lines);
    }
}

#[test]
fn a_pause_that_ends_before_the_answer_says_so() {
    let mut command = following();
    command.on(1, trying());
    command.on(61, trying());
    assert_eq!(command.decision.as_ref().unwrap().current.stable, Some(text(1)));
    command.on(62, Input::Interrupt);
    command.on(62, Input::WriteUnknown(away()));
    command.on(65, Input::ReadFailed(away()));
    let change = Change::Stable;
    command.assert_ends(Outcome::Failed, FailureLine::Unknown { revision: 5, change });
}

#[test]
fn after_the_decision_every_end_says_that_it_holds() {
    let mut command = decided();
    command.on(1, Input::Interrupt);
    command.assert_ends(Outcome::Done, InterruptLine::Decided { revision: 4 });

    let mut command = decided();
    command.on(1, Input::ReadFailed(away()));
    command.assert_ends(Outcome::Done, WarningLine::NotSeen { revision: 4, error: away() });

    let mut command = decided();
    let next = on_trial(stable(5), text(2));
    command.on(1, reading(Some(next), 12, Some(waiting())));
    let (by, note) = ("alice@ops1".to_owned(), String::new());
    command.assert_ends(Outcome::Done, WarningLine::Superseded { revision: 5, by, note });

    let mut command = decided();
    command.on(1, reading(None, 0, None));
    command.assert_ends(Outcome::Done, WarningLine::KeyLost);

    let mut command = decided();
    let written = command.decision.clone().unwrap().current;
    command.on(1, reading(Some(written), 11, None));
    command.on(1, Input::Interrupt);
    command.assert_ends(Outcome::Done, InterruptLine::CleanUp { revision: 4 });
}

#[test]
fn a_stable_text_has_the_revision_with_which_it_became_stable() {
    let mut command = Command::new(Request::Continue);
    command.on(0, reading(Some(stable(5)), 10, Some(waiting())));
    command.assert_ends(Outcome::Done, ResultLine::NothingOnTrial { stable: 3 });

    let mut command = Command::new(publish(text(0)));
    command.on(0, reading(Some(stable(5)), 10, Some(waiting())));
    command.assert_ends(Outcome::Done, ResultLine::Unchanged { revision: 3 });

    let mut command = Command::new(Request::Back);
    command.on(0, reading(Some(on_trial(stable(5), text(1))), 10, Some(waiting())));
    command.on(0, Input::Written(11));
    let back = ResultLine::Back { revision: 6, ended: 5, stable: Some(3) };
    assert_eq!(command.lines, [back.into()]);
}

#[test]
fn without_a_stable_text_none_is_called_stable() {
    for current in [None, Some(current(3))] {
        let mut command = Command::new(Request::Continue);
        command.on(0, reading(current, 10, Some(instance(3, InstanceState::FellBack, None))));
        command.assert_ends(Outcome::Failed, RefusalLine::NothingOnTrial);
    }
}

/// Such as after the store was restored, from a backup of another revision or as another cluster.
#[test]
fn the_stable_text_is_published_again_for_instances_that_do_not_follow_it() {
    let ahead = instance(8, InstanceState::Confirmed, None);
    let mut elsewhere = instance(5, InstanceState::Stable, None);
    elsewhere.why = "the store is another cluster".to_owned();
    for (instance, revision) in [(ahead, 9), (elsewhere, 6)] {
        let mut command = Command::new(publish(text(0)));
        command.on(0, reading(Some(stable(5)), 10, Some(instance)));
        let written = command.decision.clone().expect("a change").current;
        assert_eq!((written.revision, written.stable), (revision, Some(text(0))));
        assert_eq!(written.trial, None);
        assert!(matches!(command.lines[..], [Line::Warning(WarningLine::NotFollowing { .. })]));
        command.on(0, Input::Written(11));
        assert_eq!(command.lines.last(), Some(&ResultLine::Stable { revision }.into()));
    }
    // A refusal of the stable text is no reason.
    let mut refused = instance(5, InstanceState::Refused, None);
    refused.why = "a port is taken".to_owned();
    let mut command = Command::new(publish(text(0)));
    command.on(0, reading(Some(stable(5)), 10, Some(refused)));
    command.assert_ends(Outcome::Done, ResultLine::Unchanged { revision: 3 });
}
