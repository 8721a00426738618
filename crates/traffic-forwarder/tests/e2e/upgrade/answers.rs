//! An upgrade requested at the wrong moment gets a defined answer, and other requests during an
//! upgrade are served.

use std::thread;
use std::time::{Duration, Instant};

use testkit::{LIMIT, Script, Signal, connect, wait_until};

use super::echo::Echo;
use super::impostor::Impostor;
use super::upgrading::{FAILED, arrivals, old_version, wait_for_arrival};
use crate::support::{
    BINARY, Config, Operated, messages, ping, play, served_client, set_open_files,
};

const RELOADED: &str = "configuration reloaded";

/// Asserts that an upgrade is refused with this code.
#[track_caller]
fn conflicts(echo: &Echo, code: &str) {
    let answer = echo.operated.http.post("/v1/upgrade").status(409).json();
    assert_eq!(answer["error"]["code"], code, "{answer}");
    ping(&echo.client);
}

#[test]
fn a_draining_process_refuses_an_upgrade() {
    let echo = Echo::start(Config::new().process("shutdown_timeout = '1h'"));
    let operated = &echo.operated;
    operated.signal(Signal::TERM);
    operated.wait_for_message("draining");
    conflicts(&echo, "draining");
    operated.signal(Signal::USR2);
    operated.wait_for_message("upgrade refused");
    ping(&echo.client);
    drop(echo.client);
    assert_eq!(operated.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(arrivals(operated).len(), 0);
}

#[test]
fn one_upgrade_at_a_time() {
    let (echo, slow) = (Echo::start(Config::new()), Impostor::slow());
    let first = slow.while_checked(&echo.operated, || {
        conflicts(&echo, "upgrading");
        echo.operated.signal(Signal::USR2);
        echo.operated.wait_for_message("upgrade refused");
    });
    first.status(202);
    wait_for_arrival(&echo.operated, 0);
    ping(&echo.client);
    assert_eq!(echo.operated.status()["upgrades"], 1);
    echo.operated.upgrade();
}

/// The upgrade starts with the checked configuration, or not at all.
#[test]
fn a_reload_during_the_check_stops_it() {
    let (echo, slow) = (Echo::start(Config::new()), Impostor::slow());
    let first = slow.while_checked(&echo.operated, || {
        assert_eq!(echo.operated.http.post("/v1/reload").success().json()["generation"], 2);
    });
    // The check passed, but the checked configuration is no longer the running one.
    first.status(202);
    echo.operated.wait_for_message(FAILED);
    let last = &echo.operated.status()["last_upgrade"];
    assert!(last["error"].as_str().unwrap().contains("reloaded"), "{last}");
    echo.is_upgraded();
}

/// Requests during the exec are served by one of the two images.
#[test]
fn no_signal_is_lost() {
    let echo = Echo::start(Config::new().process("workers = 2"));
    let operated = &echo.operated;
    for round in 0..30 {
        let (before, reloads) = (outcomes(operated), messages(operated, RELOADED).len());
        operated.http.post("/v1/upgrade").status(202);
        // From the response to well after the exec.
        spend(Duration::from_millis(round * 2));
        operated.signal(Signal::HUP);
        wait_until(&format!("its reload, in round {round}"), LIMIT, || {
            messages(operated, RELOADED).len() > reloads
        });
        wait_until("the end of the upgrade", LIMIT, || outcomes(operated) > before);
    }
    ping(&echo.client);
    assert!(arrivals(operated).len() > 5, "most of them came to something");
}

/// Number of finished upgrades. An upgrade interrupted by a reload counts as failed.
fn outcomes(operated: &Operated) -> usize {
    arrivals(operated).len() + messages(operated, FAILED).len()
}

/// Waits to the millisecond, more precise than a sleep.
fn spend(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        thread::yield_now();
    }
}

#[test]
fn a_termination_signal_during_an_upgrade_is_obeyed() {
    for delay in (0..80).step_by(10) {
        let echo = Echo::start(Config::new().process("shutdown_timeout = '1h'"));
        let operated = &echo.operated;
        operated.http.post("/v1/upgrade").status(202);
        spend(Duration::from_millis(delay));
        operated.signal(Signal::TERM);
        operated.wait_for_message("draining");
        ping(&echo.client);
        drop(echo.client);
        assert_eq!(operated.wait_exit(LIMIT).code(), Some(0), "after {delay} ms");
    }
}

#[test]
fn a_subscriber_gets_an_event_and_can_reconnect() {
    let echo = Echo::start(Config::new());
    let mut events = echo.operated.http.events("/v1/events", LIMIT);
    // Idle, and in the middle of a request.
    let _idle = connect(echo.operated.socket()).unwrap();
    let half = connect(echo.operated.socket()).unwrap();
    play(&half, Script::new().write_bytes("GET /v1/status HT"));
    echo.operated.upgrade();
    let upgrade = events.wait_for("upgrade");
    assert_eq!(upgrade["by"], "admin");
    // Version 0.1.0 sends the build as a part of the version.
    let version = upgrade["version"].as_str().unwrap();
    let build = upgrade["build"].as_str().map(|build| format!(" ({build})"));
    assert_eq!(version.to_owned() + &build.unwrap_or_default(), crate::support::version());
    assert_eq!(events.next_event().map(|(name, _)| name), None, "its connection ends");
    let mut events = echo.operated.http.events("/v1/events", LIMIT);
    let opened = {
        let _client = served_client(&echo.port);
        events.wait_for("session_opened")
    };
    assert_eq!(opened["id"], 2);
    let failed = echo.operated.http.post("/v1/upgrade?binary=/no/such/file");
    assert_eq!(failed.status, 422);
    assert!(events.wait_for("upgrade")["error"].as_str().unwrap().contains("/no/such/file"));
}

#[test]
fn an_upgrade_without_descriptors_changes_nothing() {
    let echo = Echo::start(Config::new());
    let operated = &echo.operated;
    let before = operated.status()["open_files_limit"].as_u64().unwrap();
    set_open_files(operated, 3);
    operated.signal(Signal::USR2);
    operated.wait_for_message(FAILED);
    let failure = messages(operated, FAILED).remove(0);
    let error = failure["error"].as_str().unwrap().to_lowercase();
    assert!(error.contains("too many open files"), "{failure}");
    ping(&echo.client);
    set_open_files(operated, before);
    operated.upgrade();
    ping(&echo.client);
    served_client(&echo.port);
}

/// The command prints the result and the length of the pause.
#[test]
fn the_command_waits_for_the_next_image() {
    let echo = Echo::start(Config::new());
    let admin = echo.operated.socket().to_string();
    let upgrade = |arguments: &[&str]| {
        crate::support::forwarder().arg("upgrade").args(arguments).args(["--admin", &admin]).run()
    };
    let said = upgrade(&["--binary", BINARY]).success().text();
    let (old, new) = (old_version(), crate::support::version());
    let pid = echo.operated.pid();
    let start = format!("upgraded from {old} to {new}, pid {pid}: 1 session resumed after ");
    assert!(said.starts_with(&start), "{said}");
    let status = crate::support::forwarder().args(["status", "--admin", &admin]).run().success();
    let line = format!(" by admin: from version {old}, 1 session resumed after ");
    assert!(status.text().contains("last upgrade") && status.text().contains(&line), "{status}");
    let json: serde_json::Value =
        serde_json::from_slice(&upgrade(&["--json"]).success().stdout).unwrap();
    assert_eq!(json["upgrades"], 2);
    let failed = upgrade(&["--binary", "/bin/true"]);
    assert_eq!(failed.status.code(), Some(1), "{failed}");
    assert!(failed.stderr.contains("/bin/true cannot take over"), "{failed}");
    ping(&echo.client);
}
