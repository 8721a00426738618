//! The line of the fleet, and texts that a writer of its store has chosen.

use super::*;
use api::Status;
use serde_json::Value;

/// A process of a fleet whose trial has begun.
fn in_fleet(changes: Value, attention: &Value) -> Status {
    let mut fleet = json!({
        "name": "edge-1", "store": "etcd://a:1/p", "store_up": true, "problem": null,
        "read_age": 3.4, "read_at": "2026-12-03T06:51:41.250Z", "revision": 7,
        "current_revision": 7, "runs": null, "running_revision": 7, "state": "trying",
        "trial_left": 45.0, "why": null, "since": null,
    });
    let Value::Object(changes) = changes else { panic!("{changes} is no object") };
    fleet.as_object_mut().unwrap().extend(changes);
    status(json!({ "fleet": fleet, "attention": attention }))
}

fn take(model: &mut Model, status: Status) {
    let answered = Answered {
        question: Question::Session(1),
        status: Ok(status),
        answer: Ok(Answer::Session(Box::new(session(1, json!({}))))),
    };
    model.take(answered, START);
}

#[test]
fn a_fleet_has_a_line_that_takes_one_of_the_list() {
    let mut model = model();
    model.set_layout(Layout::of(Rect::new(0, 0, 80, 24), false).unwrap());
    let before = screen(&model, 80, 24);
    assert!(!before.contains("fleet"), "{before}");
    take(&mut model, in_fleet(json!({}), &json!([])));
    let shown: Vec<_> = screen(&model, 80, 24).lines().map(str::to_owned).collect();
    assert_eq!(shown[4], "fleet     edge-1: trying, revision 7, 45s left, store up");
    assert_eq!(shown[5], "uses      20 of 1024 files, 1 pipe, 10 MiB of memory, 2 workers");
    assert!(shown[6].starts_with(" 2 forwards") && shown[23].starts_with("F1Help"), "{shown:#?}");
    let low = screen(&model, 80, 12);
    assert!(low.contains("\nfleet     edge-1: ") && !low.contains("\nuses"), "{low}");
    take(&mut model, status(json!({})));
    let after = screen(&model, 80, 24);
    assert!(after.lines().skip(4).eq(before.lines().skip(4)), "{after}");
}

#[test]
fn a_state_that_needs_action_and_a_silent_store_are_red() {
    let mut model = model();
    let changes = json!({ "state": "fell_back", "running_revision": 6, "store_up": false,
        "trial_left": null });
    take(&mut model, in_fleet(changes, &json!([])));
    assert_eq!(red(&model)[..2], ["fell_back", "store silent since 06:51:41Z"]);
    let line = "fleet     edge-1: fell_back, revision 7, runs 6, store silent since 06:51:41Z";
    assert_eq!(screen(&model, 80, 24).lines().nth(4), Some(line));
}

/// Controls, a text that turns its surroundings, combining characters, and characters of two columns.
#[test]
fn hostile_texts_fill_their_line_and_no_other() {
    let long = "edge-of-the-other-team-in-the-data-centre-of-the-south-1.example.org";
    for text in
        ["x", "\u{1b}[2J\u{202e}", "\u{202e}\r\n\t", "e\u{301}\u{301}", "名", "🧨", "\u{7}<b>"]
    {
        let why: String = text.chars().cycle().take(500).collect();
        let attention = json!([{ "condition": "fleet_fell_back", "text": why }]);
        let changes = json!({ "name": long, "state": "fell_back", "running_revision": 6,
            "why": why, "trial_left": null });
        let mut model = model();
        let usual = screen(&model, 80, 24);
        take(&mut model, in_fleet(changes, &attention));
        let shown = screen(&model, 80, 24);
        assert_eq!(shown.lines().count(), 24, "{text:?}");
        assert!(!shown.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'));
        let lines: Vec<_> = shown.lines().collect();
        let of_fleet =
            "fleet     edge-of-the-ot…-1.example.org: fell_back, revision 7, runs 6, store up";
        assert_eq!(lines[4], of_fleet);
        assert!(lines[22].ends_with('…'), "cut with a mark: {shown}");
        let is_beside = |line: &&str| line.starts_with("web") || line.starts_with("F1Help");
        assert!(usual.lines().filter(is_beside).all(|line| lines.contains(&line)), "{shown}");
    }
}
