//! Keys: sort and filter lists, kill sessions, drain and resume forwards.

use testkit::{LIMIT, Script, connect, wait_until};

use super::{Stage, send};
use crate::support::{Held, ping, play, served_client};

#[test]
fn sessions_are_sorted_and_filtered() {
    let stage = Stage::new();
    let clients = [&stage.db, &stage.web, &stage.db].map(served_client);
    send(&clients[1], 5000);
    send(&clients[2], 2000);
    stage.open();
    stage.terminal.press(["Tab"]);
    stage.terminal.shows("by rate");
    // rate, age, bytes
    stage.terminal.press([">", ">"]);
    stage.terminal.shows("by bytes");
    stage.wait_for_ids(&[2, 3, 1]);
    stage.terminal.press(["F6", "Down", "Down", "Enter"]);
    stage.terminal.shows("by id");
    stage.wait_for_ids(&[1, 2, 3]);
    stage.terminal.press(["F4"]);
    stage.terminal.type_text("web");
    stage.terminal.press(["Enter"]);
    stage.terminal.shows("1 with \"web\"");
    stage.wait_for_ids(&[2]);
    stage.terminal.press(["Escape"]);
    stage.wait_for_ids(&[1, 2, 3]);
    for (filter, expected) in [("127.0.0.1", &[1, 2, 3][..]), ("192.0.2.1", &[])] {
        stage.terminal.press(["/", "C-u"]);
        stage.terminal.type_text(filter);
        stage.terminal.press(["Enter"]);
        stage.terminal.shows(&format!("{} with \"{filter}\"", expected.len()));
        stage.wait_for_ids(expected);
    }
    stage.terminal.press(["/", "C-u"]);
    stage.terminal.type_text("wbe");
    stage.terminal.press(["Enter"]);
    stage.terminal.shows("there is no forward `wbe`");
}

#[test]
fn only_the_selected_session_is_killed() {
    let stage = Stage::new();
    let clients: Vec<_> = (0..3).map(|_| served_client(&stage.db)).collect();
    stage.open();
    stage.terminal.press(["Tab", "<"]);
    stage.terminal.shows("by id");
    stage.wait_for_ids(&[1, 2, 3]);
    stage.terminal.press(["Down", "F9"]);
    let client = clients[1].local_addr().unwrap().as_socket().unwrap().to_string();
    let asked = stage.terminal.shows("Kill session 2 of db?");
    assert!(asked.contains(&client), "{asked}");
    stage.terminal.press(["n"]);
    stage.terminal.wait_for("no question", |screen| !screen.contains("Kill session"));
    clients.iter().for_each(ping);
    stage.terminal.press(["k"]);
    stage.terminal.shows("Kill session 2 of db?");
    stage.terminal.press(["y"]);
    stage.terminal.shows("session 2 is killed");
    stage.wait_for_ids(&[1, 3]);
    play(&clients[1], Script::new().expect_reset());
    [&clients[0], &clients[2]].into_iter().for_each(ping);
}

#[test]
fn a_forward_is_drained_and_resumed() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    stage.open();
    stage.terminal.press(["F7"]);
    stage.terminal.shows("Drain db?");
    stage.terminal.press(["y"]);
    stage.terminal.shows("db is draining");
    wait_until("the listener to close", LIMIT, || connect(&stage.db).is_err());
    ping(&client);
    stage.terminal.wait_for("its state", |_| stage.row("db")[1] == "draining");
    stage.terminal.press(["r"]);
    stage.terminal.shows("Resume db?");
    stage.terminal.press(["y"]);
    stage.terminal.shows("db is active");
    served_client(&stage.db);
}

/// Pasted text with and without bracketed paste.
#[test]
fn text_pasted_into_the_wrong_window_changes_nothing() {
    const TEXTS: [&str; 3] = ["On Monday we go\n", "dyryky\n", "\tk\nky\t"];
    let stage = Stage::new();
    let client = served_client(&stage.db);
    stage.open();
    for text in TEXTS {
        stage.terminal.paste(text);
        stage.terminal.shows("the pasted text is ignored");
        stage.terminal.press(["Escape"]);
    }
    for text in TEXTS {
        stage.terminal.type_text(text);
        // The first key closes any dialog. Escape right before another key would parse as part of
        // an escape sequence.
        stage.terminal.wait_for("the help", |screen| {
            let is_shown = screen.contains("this help");
            if !is_shown {
                stage.terminal.press(["F1"]);
            }
            is_shown
        });
        stage.terminal.press(["Escape"]);
        stage.terminal.wait_for("no help", |screen| !screen.contains("this help"));
    }
    let status = stage.console.json(&["status"]);
    for forward in status["forwards"].as_array().unwrap() {
        assert_eq!(forward["state"], "active", "{status:#}");
    }
    ping(&client);
}

#[test]
fn text_can_be_pasted_into_the_filter() {
    let stage = Stage::new();
    stage.open();
    stage.terminal.press(["/"]);
    stage.terminal.shows("Filter: ");
    stage.terminal.paste("web\n");
    stage.terminal.shows("Filter: web");
    stage.terminal.press(["Enter"]);
    stage.terminal.shows("1 with \"web\"");
}

/// epoll reports the resize and the key at once.
#[test]
fn a_key_during_a_resize_is_handled() {
    let stage = Stage::new();
    stage.open();
    let held = Held::hold_before_wait(stage.pid(), "keys");
    for height in [30, 36] {
        stage.terminal.resize(80, height);
        stage.terminal.wait_for(&format!("{height} lines"), |screen| {
            screen.lines().nth(usize::from(height) - 1).is_some_and(|it| it.starts_with("F1Help"))
        });
    }
    stage.terminal.press(["Tab"]);
    // The terminal has the key before it answers.
    stage.terminal.screen();
    drop(held);
    stage.terminal.shows("by rate");
}
