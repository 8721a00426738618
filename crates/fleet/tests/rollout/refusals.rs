//! Readings of the store from which no revision may follow, and those from which one does.

use crate::command::{Command, current, instance, publish, reading, stable, text};
use fleet::{
    FleetReading, Input, Instance, InstanceState, Outcome, REVISION_MAX, RefusalLine, Request,
    ResultLine, Turn, WarningLine, Work,
};
use plan::{Location, PublishedNeed};
use std::collections::BTreeSet;

const NAME: &str = "edge-1";

/// A reading in which the status of `edge-1` has a state of a newer version.
fn unreadable() -> Input {
    let Input::Read(reading) = reading(Some(stable(3)), 10, None) else { unreachable!() };
    Input::Read(FleetReading { unreadable: [NAME.to_owned()].into(), ..reading })
}

fn publish_on(canary: &str) -> Request {
    let Request::Publish(publication) = publish(text(1)) else { unreachable!() };
    Request::Publish(fleet::Publication { canary: Some(canary.parse().unwrap()), ..publication })
}

/// The first turn of a command.
fn begin(request: Request, input: Input) -> (Command, Turn) {
    let mut command = Command::new(request);
    let turn = command.on(0, input);
    (command, turn)
}

#[test]
fn without_a_readable_status_no_text_becomes_stable_without_a_trial() {
    for request in [publish(text(1)), publish_on("1"), publish_on("edge-1")] {
        let (command, _) = begin(request, unreadable());
        let unreadable: BTreeSet<String> = [NAME.to_owned()].into();
        command.assert_ends(Outcome::Failed, RefusalLine::NoneReadable { unreadable });
        let last = command.lines.last().unwrap().to_string();
        assert!(last.contains("(edge-1)") && last.contains("publish with the version"), "{last}");
    }
}

#[test]
fn a_stable_text_needs_no_status_to_stay_so() {
    let Request::Publish(publication) = publish_on("1") else { unreachable!() };
    let same = Request::Publish(fleet::Publication { text: text(0), ..publication });
    let (command, _) = begin(same, unreadable());
    command.assert_ends(Outcome::Done, ResultLine::Unchanged { revision: 3 });
}

#[test]
fn a_canary_without_an_instance_is_refused() {
    for canary in ["1", "25%", "edge-1"] {
        for found in [None, Some(stable(3))] {
            let (command, _) = begin(publish_on(canary), reading(found, 10, None));
            command.assert_ends(Outcome::Failed, RefusalLine::NoCanary);
        }
    }
}

#[test]
fn without_an_instance_and_a_canary_a_text_is_stable_at_once() {
    let (mut command, turn) = begin(publish(text(1)), reading(None, 0, None));
    assert!(matches!(turn.work, Some(Work::PutText(_))), "{turn:?}");
    command.on(0, Input::TextReady(Vec::new()));
    assert_eq!(command.decision.as_ref().unwrap().current.stable, Some(text(1)));
    assert_eq!(command.lines, [ResultLine::NoInstance.into()]);
}

fn ahead(revision: u64) -> Instance {
    instance(revision, InstanceState::Stable, Some(text(0)))
}

/// The revision that a publication begins with.
fn begun(input: Input) -> u64 {
    let (mut command, _) = begin(publish(text(1)), input);
    command.on(0, Input::TextReady(Vec::new()));
    command.decision.unwrap_or_else(|| panic!("{:?}", command.lines)).current.revision
}

#[test]
fn an_instance_cannot_use_up_the_revisions() {
    let known = Some(3);
    for revision in [3 + (1 << 20) + 1, REVISION_MAX - 1, REVISION_MAX] {
        for request in [publish(text(1)), Request::Back] {
            let found = reading(Some(stable(3)), 10, Some(ahead(revision)));
            let (command, _) = begin(request, found);
            let instance = NAME.to_owned();
            let line = RefusalLine::FarAhead { instance, revision, known };
            command.assert_ends(Outcome::Failed, line);
            let last = command.lines.last().unwrap().to_string();
            assert!(last.contains("delete its key `instances/edge-1`"), "{last}");
        }
    }
    let first = reading(None, 0, Some(ahead((1 << 40) + 1)));
    let (command, _) = begin(publish(text(1)), first);
    let last = command.lines.last().unwrap().to_string();
    assert!(last.contains("while the store has none"), "{last}");
}

/// After a backup was restored, or the store was wiped, a publication has to exceed the revisions that instances know.
#[test]
fn instances_that_are_ahead_of_the_store_are_followed() {
    let restored = reading(Some(stable(3)), 10, Some(ahead(3 + (1 << 20))));
    assert_eq!(begun(restored), 4 + (1 << 20));
    assert_eq!(begun(reading(None, 0, Some(ahead(1 << 40)))), (1 << 40) + 1);
}

#[test]
fn a_status_that_jumps_ahead_during_a_trial_is_not_followed() {
    let (mut command, _) = begin(publish(text(1)), reading(Some(stable(3)), 10, Some(ahead(3))));
    command.on(0, Input::TextReady(Vec::new()));
    command.on(0, Input::Written(11));
    let trial = command.decision.clone().unwrap().current;
    let gone = instance(REVISION_MAX - 1, InstanceState::Trying, Some(text(1)));
    command.on(1, reading(Some(trial.clone()), 11, Some(gone.clone())));
    command.on(61, reading(Some(trial), 11, Some(gone)));
    let next = command.decision.unwrap().current;
    assert_eq!((next.revision, next.stable), (5, Some(text(1))));
}

#[test]
fn a_current_with_the_last_revision_is_named() {
    for revision in [REVISION_MAX, REVISION_MAX - 7] {
        for request in [publish(text(1)), Request::Back] {
            let found = reading(Some(stable(revision)), 10, Some(ahead(3)));
            let (command, _) = begin(request, found);
            command.assert_ends(Outcome::Failed, RefusalLine::LastRevision { revision });
        }
    }
    let left = current(REVISION_MAX - 8);
    assert_eq!(begun(reading(Some(left), 10, Some(ahead(3)))), REVISION_MAX - 7);
}

/// The settings of a text decide which versions can run it.
#[test]
fn an_instance_with_an_older_version_than_a_setting_is_named() {
    let need = |since: &str| PublishedNeed {
        key: "check.every".to_owned(),
        since: since.parse().unwrap(),
        location: Location { source: "fleet.toml".to_owned(), line: 3, column: 1 },
    };
    let begin = |version: &str, since: &str| {
        let Request::Publish(publication) = publish(text(1)) else { unreachable!() };
        let needs = vec![need("0.2.0"), need(since)];
        let request = Request::Publish(fleet::Publication { needs, ..publication });
        let instance = Instance { version: version.to_owned(), ..ahead(3) };
        begin(request, reading(Some(stable(3)), 10, Some(instance)))
    };
    for (version, since) in [("0.2.0 (abc1234)", "0.2.0"), ("0.10.0", "0.9.1")] {
        let (command, turn) = begin(version, since);
        assert!(matches!(turn.work, Some(Work::PutText(_))), "{:?}", command.lines);
    }
    for version in ["0.2.9-rc1", "unknown", "1.2.3.4", ""] {
        let (command, _) = begin(version, "0.3.0");
        assert_eq!(command.outcome, Some(Outcome::Failed));
        let last = command.lines.last().unwrap().to_string();
        assert!(
            last.contains(&format!("edge-1 has version {version}, and `check.every`")),
            "{last}"
        );
        assert!(last.contains("(fleet.toml:3:1) needs 0."), "{last}");
    }
}

/// The first beginning has only removed an ended trial of the same text.
#[test]
fn a_warning_about_a_status_is_printed_once() {
    let with_unreadable = |input| match input {
        Input::Read(found) => {
            Input::Read(FleetReading { unreadable: ["edge-2".to_owned()].into(), ..found })
        }
        other => other,
    };
    let mut command = Command::new(publish(text(1)));
    let ended = || instance(1, InstanceState::FellBack, None);
    let trial = crate::command::on_trial(current(1), text(1));
    command.on(0, with_unreadable(reading(Some(trial), 10, Some(ended()))));
    command.on(0, Input::Written(11));
    let without = command.decision.clone().unwrap().current;
    let followed = instance(2, InstanceState::Stable, None);
    let turn = command.on(1, with_unreadable(reading(Some(without), 11, Some(followed))));
    assert!(matches!(turn.work, Some(Work::PutText(_))), "{turn:?}");
    let warning = WarningLine::Unreadable { instance: "edge-2".to_owned() }.into();
    assert_eq!(command.lines.iter().filter(|line| **line == warning).count(), 1);
}
