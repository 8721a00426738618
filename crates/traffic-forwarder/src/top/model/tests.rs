//! Tests of the model with answers of the admin interface and with keys.

use super::*;
use crate::console::endpoint::Endpoint;
use crate::console::failure::AnswerError;
use crate::top::targets::rows;
use api::Error;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use serde_json::{Value, json};

pub(in crate::top) const START: SystemTime = SystemTime::UNIX_EPOCH;

pub(in crate::top) fn status(changes: Value) -> Status {
    let mut status = json!({
        "state": "serving", "version": "1.2.3", "pid": 4711, "started": "2026-11-22T17:03:10.240Z",
        "uptime": 7500.0, "config": "/etc/traffic-forwarder.conf", "generation": 3,
        "last_reload": null, "upgrades": 0, "last_upgrade": null, "confirm_within": null, "workers": 2, "forwards": 2, "listeners": 3,
        "sessions": 3, "max_sessions": 1000, "sessions_opened": 12, "bytes_up": 1_234_567,
        "bytes_down": 2048, "rates": { "bytes_up": 3072.0, "bytes_down": 0.0, "opened": 1.5 },
        "log_dropped": 0, "last_log_dropped": null, "open_files": 20, "open_files_limit": 1024,
        "pipes": 1, "resident_memory": 10_485_760,
    });
    merge(&mut status, changes);
    serde_json::from_value(status).unwrap()
}

pub(in crate::top) fn forward(name: &str, changes: Value) -> Forward {
    let mut forward = json!({
        "name": name, "state": "active", "listen": [":5432", ":5433"], "to": ["db:1", "db:2"],
        "sessions": 2, "max_sessions": 100, "opened": 7, "refused": 0, "last_refused": null,
        "failed": 0, "last_failed": null, "closed": {}, "bytes_up": 10, "bytes_down": 2048,
        "rates": { "bytes_up": 1.0, "bytes_down": 0.0, "opened": 0.25 }, "backlog": 0,
        "settings": {},
    });
    merge(&mut forward, changes);
    serde_json::from_value(forward).unwrap()
}

pub(in crate::top) fn session(id: u64, changes: Value) -> Session {
    let lane = json!({
        "bytes": 2048, "rate": 512.0, "held": 0, "path": "copy", "fallback": "none", "ended": false,
    });
    let tcp = json!({
        "rtt": 0.00002, "retransmits": 1, "backoffs": 0, "unacked": 0, "lost": 0, "unsent": 0,
        "congestion_window": 10,
    });
    let mut session = json!({
        "id": id, "forward": "db", "client": format!("192.0.2.1:{id}"), "listener": ":5432",
        "target": "db:1", "target_address": "192.0.2.9:1", "phase": "relay",
        "started": "2026-11-22T17:03:10.240Z", "age": 61.0, "idle": 0.5, "connect_time": 0.001,
        "up": lane, "down": lane, "verdict": "ok", "client_tcp": tcp, "target_tcp": tcp, "worker": 0,
    });
    merge(&mut session, changes);
    serde_json::from_value(session).unwrap()
}

fn merge(object: &mut Value, changes: Value) {
    if let (Some(object), Value::Object(changes)) = (object.as_object_mut(), changes) {
        object.extend(changes);
    }
}

/// A model that has received two forwards and three sessions.
pub(in crate::top) fn model() -> Model {
    let mut model = Model::new(status(json!({})));
    model.set_layout(Layout::of(Rect::new(0, 0, 80, 18), false).unwrap());
    let red = json!({ "sessions": 1, "max_sessions": 1, "failed": 4, "attention": [
        { "condition": "at_limit", "text": "at its limit of 1 session" },
        { "condition": "failing", "text": "sessions fail to connect, 4 so far" },
    ] });
    answer(&mut model, forwards(vec![forward("db", json!({})), forward("web", red)]));
    press(&mut model, &[KeyCode::Tab]);
    let lossy = json!({ "verdict": "network-lossy", "forward": "web",
        "attention": [{ "condition": "network_lossy", "text": "the network loses segments" }] });
    let all = vec![session(7, json!({})), session(8, lossy), session(9, json!({}))];
    answer(&mut model, sessions(all));
    press(&mut model, &[KeyCode::BackTab]);
    model
}

pub(in crate::top) fn target(address: &str, changes: Value) -> Value {
    let mut target = json!({
        "address": address, "set": null, "listen": [":5432"], "state": "up", "sessions": 2,
        "max_sessions": null, "weight": 1, "backup": false, "connects": 9, "failed_connects": 0,
        "connect_time": 0.001,
    });
    merge(&mut target, changes);
    target
}

/// The state of a target that is down since the 60th second, after three failed checks.
pub(in crate::top) fn down() -> Value {
    json!({
        "state": "down", "since": "1970-01-01T00:01:00.000Z",
        "why": "3 checks failed, the last one: connection refused", "sessions": 0,
        "checks": { "succeeded": 4, "failed": 3 },
        "last_check": { "result": "connection refused", "at": "1970-01-01T00:02:00.000Z", "took": 0.0002 },
    })
}

/// Opens the targets of all forwards, and answers with those of `db` and `web`.
pub(in crate::top) fn open_targets(model: &mut Model, db: Value, web: Value) {
    press(model, &[KeyCode::BackTab]);
    let Question::Targets(query) = model.question() else { panic!("another view") };
    let all = [("db", db), ("web", web)];
    let forwards = all.map(|(name, targets)| forward(name, json!({ "targets": targets })));
    answer(model, Answer::Targets(rows(forwards.into(), &query)));
}

fn forwards(forwards: Vec<Forward>) -> Answer {
    Answer::Forwards(Forwards { total: forwards.len(), forwards })
}

pub(in crate::top) fn sessions(sessions: Vec<Session>) -> Answer {
    Answer::Sessions(Sessions { total: sessions.len(), sessions })
}

/// Answers the current query.
pub(in crate::top) fn answer(model: &mut Model, answer: Answer) {
    answer_at(model, model.question(), status(json!({})), Ok(answer));
}

fn answer_at(
    model: &mut Model,
    question: Question,
    status: Status,
    answer: Result<Answer, CommandError>,
) {
    model.take(Answered { question, status: Ok(status), answer }, START);
}

/// Presses keys one by one, with the screen drawn after each.
pub(in crate::top) fn press(model: &mut Model, keys: &[KeyCode]) -> Option<Effect> {
    let press = |code: &KeyCode| {
        let drawn = Instant::now();
        model.is_drawn(drawn);
        model.key(KeyEvent::new(*code, KeyModifiers::NONE), drawn + Duration::from_millis(1))
    };
    keys.iter().map(press).last().flatten()
}

/// The effects of characters read as keys all at once, before anything is drawn.
fn burst(model: &mut Model, text: &str) -> Vec<Effect> {
    let read = Instant::now();
    let keys = text.chars().map(|c| if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) });
    let keys = keys.map(|code| KeyEvent::new(code, KeyModifiers::NONE));
    keys.filter_map(|key| model.key(key, read)).collect()
}

fn type_text(model: &mut Model, text: &str) {
    press(model, &text.chars().map(KeyCode::Char).collect::<Vec<_>>());
}

fn gone() -> CommandError {
    let error = AnswerError::Timeout(Duration::from_secs(30));
    CommandError::Broken { endpoint: Endpoint::Unix("/run/a.sock".into()), error }
}

fn refused(message: &str) -> CommandError {
    CommandError::Refused(Error {
        code: api::ErrorCode::NotFound.into(),
        message: message.to_owned(),
    })
}

#[test]
fn only_y_kills_and_only_the_selected_session() {
    use KeyCode::{Char, Down, Enter, Esc, F, Tab};
    let mut model = model();
    press(&mut model, &[Tab, Down]);
    for no in [Char('n'), Esc, Enter, Char(' '), Down, Tab, F(9), Char('d')] {
        assert_eq!(press(&mut model, &[F(9), no]), None);
        assert_eq!(model.dialog, None, "{no:?}");
        assert_eq!(press(&mut model, &[Char('y')]), None, "{no:?} cancelled it");
    }
    press(&mut model, &[Char('k')]);
    // Rows move while the confirmation is open.
    answer(&mut model, sessions(vec![session(9, json!({})), session(8, json!({}))]));
    let (forward, client) = ("web".to_owned(), "192.0.2.1:8".to_owned());
    let kill = Act::Kill { id: 8, forward, client };
    assert_eq!(press(&mut model, &[Char('y')]), Some(Effect::Do(kill)));
    assert_eq!(press(&mut model, &[Char('y')]), None, "the confirmation is closed");
}

/// Combines each key that asks for confirmation with keys that confirm, and with others.
#[test]
fn unmarked_pasted_text_confirms_nothing() {
    let texts = ["On Monday we go\n", "dy", "ry", "ky", "d\ny", "\tky", "dndy", "dYkYrY"];
    for view in [&[][..], &[KeyCode::Tab], &[KeyCode::Tab, KeyCode::Enter]] {
        for text in texts {
            let mut model = model();
            press(&mut model, view);
            assert_eq!(burst(&mut model, text), [], "{text:?} in {:?}", model.view);
        }
    }
    let mut model = model();
    press(&mut model, &[KeyCode::Char('d')]);
    assert_eq!(burst(&mut model, "onday\n"), [], "another letter cancelled it");
    // A new confirmation needs a new answer.
    press(&mut model, &[KeyCode::Char('d')]);
    assert_eq!(burst(&mut model, "ndy"), []);
}

#[test]
fn bracketed_paste_fills_the_filter_only() {
    use KeyCode::{Char, Enter, Tab};
    let mut model = model();
    model.paste("dy\nq", START);
    assert_eq!((&model.dialog, model.view), (&None, View::Forwards));
    assert!(model.message(START).0.starts_with("the pasted text is ignored"));
    press(&mut model, &[Char('d')]);
    model.paste("y", START);
    assert_eq!(model.dialog, None, "a paste cancels the confirmation");
    press(&mut model, &[Tab, Char('/')]);
    model.paste(" 192.0.2.1\nq\u{1b}", START);
    assert_eq!(model.dialog, Some(Dialog::Filter("192.0.2.1".to_owned())));
    model.paste(&"x".repeat(1 << 20), START);
    press(&mut model, &[Enter]);
    assert_eq!(model.sessions.filter().len(), 128);
}

#[test]
fn y_with_a_modifier_does_not_confirm() {
    for modifiers in [KeyModifiers::CONTROL, KeyModifiers::ALT, KeyModifiers::SUPER] {
        let mut model = model();
        press(&mut model, &[KeyCode::Char('d')]);
        let at = Instant::now();
        model.is_drawn(at);
        let key = KeyEvent::new(KeyCode::Char('y'), modifiers);
        assert_eq!(model.key(key, at + Duration::from_millis(1)), None, "{modifiers:?}");
        assert_eq!(model.dialog, None);
    }
}

#[test]
fn a_restart_cancels_a_confirmation_and_a_reload_does_not() {
    use KeyCode::{Char, Tab};
    let mut model = model();
    press(&mut model, &[Tab, Char('k')]);
    let again = |model: &mut Model, changes| {
        let answer = sessions(vec![session(7, json!({}))]);
        answer_at(model, model.question(), status(changes), Ok(answer));
    };
    again(&mut model, json!({ "generation": 4 }));
    assert!(matches!(model.dialog, Some(Dialog::Confirm(_))));
    assert_eq!(model.message(START).0, "the configuration was reloaded (generation 3 -> 4)");
    again(&mut model, json!({ "pid": 5000 }));
    assert_eq!(model.dialog, None, "session 7 is a different session now");
    assert_eq!(model.message(START).0, "the process was restarted (pid 4711 -> 5000)");
    again(&mut model, json!({ "pid": 5000, "version": "1.3.0", "upgrades": 1 }));
    assert_eq!(model.message(START).0, "the process was upgraded (version 1.2.3 -> 1.3.0)");
}

#[test]
fn the_message_says_why_the_chosen_forward_is_red() {
    let mut model = model();
    assert_eq!(model.message(START), (String::new(), false));
    press(&mut model, &[KeyCode::Down]);
    let why = "web: at its limit of 1 session; sessions fail to connect, 4 so far";
    assert_eq!(model.message(START), (why.to_owned(), true));
    press(&mut model, &[KeyCode::Tab]);
    assert_eq!(model.message(START).0, "");
}

#[test]
fn an_outage_is_shown_until_the_process_answers() {
    let mut model = model();
    let question = model.question();
    for later in [0, 4] {
        let (status, answer) = (Err(gone()), Err(gone()));
        let answered = Answered { question: question.clone(), status, answer };
        model.take(answered, START + Duration::from_secs(80_000 + later));
    }
    let (message, is_red) = model.message(START + Duration::from_secs(80_007));
    assert_eq!(message, "the process does not answer since 22:13:20 UTC (7s), retrying");
    assert!(is_red && model.is_absent());
    assert_eq!(model.forwards.total(), 2, "the last rows stay on the screen");
    answer(&mut model, forwards(vec![]));
    assert_eq!(model.message(START), ("the process answers again".to_owned(), false));
    assert_eq!(model.message(START + NOTICE_LIFETIME).0, "");
}

#[test]
fn an_error_answer_is_shown_until_the_next_success() {
    let mut model = model();
    let question = model.question();
    answer_at(&mut model, question, status(json!({})), Err(refused("no forward `x`")));
    assert_eq!(model.message(START), ("no forward `x`".to_owned(), true));
    answer(&mut model, forwards(vec![]));
    assert_eq!(model.message(START).0, "");
    let kill = Act::Kill { id: 7, forward: String::new(), client: String::new() };
    model.acted(&kill, Err(refused("no session 7")), START);
    assert_eq!(model.message(START), ("no session 7".to_owned(), true));
}

/// For example a process that was restarted with another token.
#[test]
fn a_process_that_answers_with_errors_is_not_absent() {
    let mut model = model();
    let mut take = |failure: fn() -> CommandError| {
        let question = model.question();
        let answered = Answered { question, status: Err(failure()), answer: Err(failure()) };
        model.take(answered, START);
        (model.is_absent(), model.message(START))
    };
    assert!(take(gone).0);
    assert_eq!(take(|| refused("not for you")), (false, ("not for you".to_owned(), true)));
    assert!(take(gone).0);
}

#[test]
fn a_filter_is_edited_applied_or_cancelled() {
    use KeyCode::{Backspace, Char, Enter, Esc, F, Tab};
    let mut model = model();
    press(&mut model, &[Tab, F(4)]);
    type_text(&mut model, "qk?x");
    press(&mut model, &[Backspace, Enter]);
    assert_eq!(model.sessions.filter(), "qk?", "letters are text here");
    assert_eq!(model.sessions.total(), 0, "the rows of the old filter are dropped");
    press(&mut model, &[Char('/'), Backspace, Esc]);
    assert_eq!(model.sessions.filter(), "qk?");
    press(&mut model, &[Esc]);
    assert_eq!((model.sessions.filter(), model.view), ("", View::Sessions));
    press(&mut model, &[Esc]);
    assert_eq!(model.view, View::Forwards);
}

#[test]
fn a_late_answer_to_an_outdated_query_is_ignored() {
    use KeyCode::{Char, Tab};
    let mut model = model();
    press(&mut model, &[Tab]);
    let question = model.question();
    press(&mut model, &[Char('>')]);
    let late = Ok(sessions(vec![session(1, json!({}))]));
    answer_at(&mut model, question, status(json!({})), late);
    assert_eq!(model.sessions.chosen().map(|session| session.id), Some(7));
}

#[test]
fn enter_opens_the_selection_and_esc_goes_back() {
    use KeyCode::{Down, Enter, Esc};
    let mut model = model();
    press(&mut model, &[Down, Enter]);
    assert_eq!((model.view, model.sessions.filter()), (View::Sessions, "web"));
    answer(&mut model, sessions(vec![session(8, json!({}))]));
    press(&mut model, &[Enter]);
    assert_eq!(model.question(), Question::Session(8));
    answer(&mut model, Answer::Session(Box::new(session(8, json!({ "idle": 9.0 })))));
    assert_eq!(model.session.as_ref().map(|session| session.idle), Some(9.0));
    press(&mut model, &[Esc, Esc, Esc]);
    assert_eq!((model.view, model.sessions.filter()), (View::Forwards, ""));
}

#[test]
fn drain_needs_a_selected_forward_and_kill_a_session() {
    use KeyCode::{Char, Enter, F, Tab};
    let mut model = model();
    let db = || Place { forward: "db".to_owned(), target: None };
    let drain = Some(Effect::Do(Act::Drain(db())));
    assert_eq!(press(&mut model, &[F(7), Char('y')]), drain);
    let resume = Some(Effect::Do(Act::Resume(db())));
    assert_eq!(press(&mut model, &[Char('r'), Char('Y')]), resume);
    assert_eq!(press(&mut model, &[Char('k'), Char('y')]), None, "no session is selected");
    press(&mut model, &[Tab]);
    assert_eq!(press(&mut model, &[Char('d'), Char('y')]), None, "no forward is selected");
    assert!(press(&mut model, &[Enter, Char('k'), Char('y')]).is_some());
    assert_eq!(press(&mut model, &[F(10)]), Some(Effect::Quit));
}

#[test]
fn the_sort_order_is_chosen_from_a_menu() {
    use KeyCode::{Down, Enter, Esc, F, Tab};
    let mut model = model();
    press(&mut model, &[Tab, F(6), Down, Down, Enter]);
    assert_eq!(model.sorts().1, "bytes");
    press(&mut model, &[F(6), Down, Esc]);
    assert_eq!(model.sorts().1, "bytes");
}

mod targets;
