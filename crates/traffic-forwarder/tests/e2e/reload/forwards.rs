//! Effect of a reload on forwards and their sessions: unchanged, changed, removed and added ones.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{LIMIT, Listener, Place, Port, Script, Socket, connect, wait_until};

use super::{Pair, is_refused};
use crate::support::{Config, Operated, ping, play, served_client};

#[test]
fn an_unchanged_forward_keeps_its_listener_and_its_sessions() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[0]);
    let report = pair.operated.reload(pair.with_second(pair.echo(), "idle_timeout = '7m'"));
    assert_eq!((&report["generation"], &report["unchanged"]), (&json!(2), &json!(1)));
    assert_eq!(report["changed"][0]["name"], "second");
    let change = &report["changed"][0]["changes"][0];
    let expected = json!({ "key": "idle_timeout", "old": "\"1h\"", "new": "\"7m\"",
        "parts": [], "effect": "all_sessions", "section": null });
    assert_eq!(change, &expected);
    ping(&client);
    ping(&served_client(&pair.ports[0]));
    let opened = pair.operated.http.json("/v1/forwards/first")["opened"].clone();
    assert_eq!(opened, 2, "its counters go on");
}

#[test]
fn a_changed_target_applies_to_new_sessions() {
    let (old, new) = (Listener::bind(Place::V4), Listener::bind(Place::V4));
    let port = Port::v4();
    let config = |to: &Listener| Config::new().forward(port.addr(), to.addr(), "name = 'moved'");
    let operated = Operated::start(config(&old));
    let first = connect(&port).unwrap();
    let kept = says(&old, "1");
    play(&first, Script::new().read_exactly(1));
    operated.reload(config(&new));
    let second = connect(&port).unwrap();
    let _moved = says(&new, "2");
    assert_eq!(play(&second, Script::new().read_exactly(1)).bytes, b"2");
    play(&kept, Script::new().write_bytes("3"));
    assert_eq!(play(&first, Script::new().read_exactly(1)).bytes, b"3");
    let target = |session: &Value| (session["id"].as_u64().unwrap(), session["target"].clone());
    let targets: BTreeMap<u64, Value> = operated.wait_for_sessions(2).iter().map(target).collect();
    assert_eq!(
        targets.into_values().collect::<Vec<_>>(),
        [&old, &new].map(|it| json!(it.addr().to_string()))
    );
    let forward = operated.http.json("/v1/forwards/moved");
    assert_eq!((&forward["opened"], &forward["sessions"]), (&json!(2), &json!(2)));
    assert_eq!(forward["to"], json!([new.addr().to_string()]));
}

/// Sends one byte to the next client of the listener.
fn says(listener: &Listener, byte: &str) -> Socket {
    let target = listener.accept();
    play(&target, Script::new().write_bytes(byte));
    target
}

#[test]
fn a_changed_idle_timeout_applies_to_open_sessions() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    let other = served_client(&pair.ports[0]);
    pair.operated.reload(pair.with_second(pair.echo(), "idle_timeout = '300ms'"));
    play(&client, Script::new().expect_reset());
    let record = pair.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/relay/idle_timeout");
    ping(&other);
}

#[test]
fn a_removed_forward_frees_its_port_and_drains_its_sessions() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    let report = pair.operated.reload(pair.first());
    assert_eq!(report["removed"][0]["name"], "second");
    assert_eq!(report["removed"][0]["sessions"], 1);
    assert!(is_refused(&pair.ports[1]));
    ping(&client);
    let state = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    assert_eq!(pair.names(), [state("first", "active"), state("second", "removed")]);
    drop(client);
    wait_until("it is forgotten", LIMIT, || pair.names() == [state("first", "active")]);
    let status = pair.operated.http.json("/v1/status");
    assert_eq!(status["sessions_opened"], 1, "sessions of a removed forward still count");
}

#[test]
fn sessions_of_a_removed_forward_can_have_a_deadline() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    pair.operated.reload(pair.first().process("removed_timeout = '100ms'"));
    play(&client, Script::new().expect_reset());
    let record = pair.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "operator/drain/drained");
}

#[test]
fn an_added_forward_accepts_clients_at_once() {
    let pair = Pair::start("");
    let port = Port::v4();
    let config =
        pair.with_second(pair.echo(), "").forward(port.addr(), pair.echo(), "name = 'new'");
    let report = pair.operated.reload(config);
    assert_eq!((&report["added"][0]["name"], &report["unchanged"]), (&json!("new"), &json!(2)));
    ping(&served_client(&port));
}

#[test]
fn a_drained_forward_stays_drained_over_a_reload() {
    let pair = Pair::start("");
    pair.operated.http.post("/v1/forwards/second/drain").success();
    pair.operated.reload(pair.with_second(pair.echo(), "idle_timeout = '7m'"));
    assert!(is_refused(&pair.ports[1]));
    pair.operated.http.post("/v1/forwards/second/resume").success();
    served_client(&pair.ports[1]);
    let forward = pair.operated.http.json("/v1/forwards/second");
    assert_eq!(forward["settings"]["idle_timeout"], "\"7m\"");
}

#[test]
fn many_reloads_affect_no_client_and_leak_nothing() {
    const ROUNDS: usize = 40;
    let pair = Pair::start("");
    let client = served_client(&pair.ports[0]);
    let open_files = || pair.operated.http.json("/v1/status")["open_files"].as_u64().unwrap();
    let before = open_files();
    for round in 0..ROUNDS {
        let config = match round % 3 {
            0 => pair.first(),
            1 => pair.with_second(pair.echo(), "idle_timeout = '7m'"),
            _ => pair.with_second(pair.echo(), ""),
        };
        pair.operated.reload(config);
        ping(&served_client(&pair.ports[0]));
        ping(&client);
    }
    pair.operated.reload(pair.with_second(pair.echo(), ""));
    pair.operated.wait_for_sessions(1);
    wait_until("no descriptor is left over", LIMIT, || open_files() <= before);
}
