//! Keys in the views of targets.

use super::*;
use KeyCode::{BackTab, Char, Down, Enter, Esc, F, Tab};

fn shown(model: &Model) -> Vec<&str> {
    model.targets.known().iter().map(|row| row.target.address.as_str()).collect()
}

/// Two targets of `db`, the second one down, and one of `web`.
fn targets() -> Model {
    let mut model = model();
    let db = json!([target("a:1", json!({ "sessions": 1 })), target("b:1", down())]);
    open_targets(&mut model, db, json!([target("c:1", json!({ "failed_connects": 1 }))]));
    model
}

#[test]
fn targets_are_sorted() {
    let (model, all) = (targets(), ["a:1", "b:1", "c:1"]);
    assert_eq!(shown(&model), ["b:1", "a:1", "c:1"]);
    let changes = [json!({ "sessions": 1 }), down(), json!({ "failed_connects": 1 })];
    let of = |sort| {
        let targets = std::iter::zip(all, changes.clone()).map(|(name, it)| target(name, it));
        let forward = forward("db", json!({ "targets": targets.collect::<Vec<_>>() }));
        let query = PageQuery { sort, filter: String::new(), offset: 0, limit: 1 };
        let rows = rows(vec![forward], &query);
        rows.into_iter().map(|row| row.target.address).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("config"), "a:1 b:1 c:1");
    assert_eq!(of("state"), "b:1 a:1 c:1");
    assert_eq!(of("sessions"), "c:1 a:1 b:1");
    assert_eq!(of("failed"), "c:1 a:1 b:1");
}

#[test]
fn keys_lead_to_the_targets_and_back() {
    let mut model = model();
    press(&mut model, &[Down, F(5)]);
    assert_eq!((model.view, model.targets.filter()), (View::Targets, "web"));
    let Question::Targets(query) = model.question() else { panic!("another view") };
    let of = |name| forward(name, json!({ "targets": [target(name, json!({}))] }));
    // A part of a name, until it is the whole name of a forward.
    let rows = rows(vec![of("web"), of("web2")], &query);
    answer(&mut model, Answer::Targets(rows));
    assert_eq!(shown(&model), ["web"]);
    press(&mut model, &[Enter]);
    assert_eq!(model.view, View::Target);
    press(&mut model, &[Esc, Esc]);
    assert_eq!((model.view, model.targets.filter()), (View::Targets, ""));
    press(&mut model, &[Esc]);
    assert_eq!(model.view, View::Forwards);
    let views = [View::Sessions, View::Targets, View::Forwards];
    for view in views {
        press(&mut model, &[Tab]);
        assert_eq!(model.view, view);
    }
    for view in [View::Targets, View::Sessions, View::Forwards] {
        press(&mut model, &[BackTab]);
        assert_eq!(model.view, view);
    }
}

#[test]
fn a_target_is_drained_and_resumed() {
    let mut model = targets();
    let place = |address: &str| Place { forward: "db".into(), target: Some(address.into()) };
    let drain = press(&mut model, &[Down, F(7), Char('y')]);
    assert_eq!(drain, Some(Effect::Do(Act::Drain(place("a:1")))));
    let resume = press(&mut model, &[Enter, Char('r'), Char('y')]);
    assert_eq!(resume, Some(Effect::Do(Act::Resume(place("a:1")))));
    assert_eq!(press(&mut model, &[Char('k'), Char('y')]), None, "it is no session");
    let done = Done { state: api::DoneState::Draining.into(), changed: true };
    model.acted(&Act::Drain(place("a:1")), Ok(done), START);
    assert_eq!(model.message(START), ("a:1 is drained".to_owned(), false));
}
