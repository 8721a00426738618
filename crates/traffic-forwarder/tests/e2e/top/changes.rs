//! `top` survives a reload, a restart, an upgrade, and a hanging process.

use testkit::{Script, Signal};

use super::Stage;
use crate::support::{ping, play, served_client};

#[test]
fn it_survives_reloads_and_restarts() {
    let mut stage = Stage::new();
    stage.open();
    stage.console.done(&["reload"]);
    stage.terminal.shows("reloaded (generation 1 -> 2)");
    stage.forwarder = None;
    stage.terminal.shows("does not answer since ");
    stage.terminal.shows("retrying");
    stage.start();
    stage.terminal.shows("restarted (pid ");
    let _client = served_client(&stage.db);
    stage.terminal.wait_for("its session", |_| stage.row("db").contains(&"1/1000".to_owned()));
}

#[test]
fn it_survives_an_upgrade() {
    let stage = Stage::new();
    let client = served_client(&stage.db);
    stage.open();
    stage.terminal.press(["Tab"]);
    stage.wait_for_ids(&[1]);
    stage.console.done(&["upgrade"]);
    stage.terminal.shows("the process was upgraded");
    ping(&client);
    stage.terminal.press(["k"]);
    stage.terminal.shows("Kill session 1 of db?");
    stage.terminal.press(["y"]);
    stage.terminal.shows("session 1 is killed");
    play(&client, Script::new().expect_reset());
}

#[test]
fn a_failed_upgrade_is_shown_until_one_succeeds() {
    let stage = Stage::new();
    stage.open();
    stage.console.refused(&["upgrade", "--binary", "/bin/true"], 1);
    stage.terminal.shows("the last upgrade failed");
    stage.console.done(&["upgrade"]);
    stage.terminal.wait_for("no failure", |screen| {
        screen.contains("the process was upgraded") && !screen.contains("upgrade failed")
    });
}

/// A stopped process accepts connections in its kernel queue, and answers none.
#[test]
fn a_hanging_process_differs_from_an_idle_one() {
    let stage = Stage::new();
    stage.open();
    let forwarder = stage.forwarder.as_ref().unwrap();
    forwarder.signal(Signal::STOP);
    stage.terminal.shows("does not answer since ");
    stage.terminal.press(["F1"]);
    stage.terminal.shows("any key closes it");
    forwarder.signal(Signal::CONT);
    stage.terminal.press(["q"]);
    stage.terminal.shows("answers again");
}
