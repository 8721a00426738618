//! Out of file descriptors: clients within the limit are served, none hangs for ever, the process
//! neither spins nor floods its log, and it recovers by itself. The tests lower the limit of the
//! running process with prlimit(1), because `max_sessions = "auto"` would keep it from being
//! reached.

use std::time::Duration;

use serde_json::Value;
use testkit::{
    Behaviour, End, Forwarder, LIMIT, Peer, Port, Script, Target, connect, exchange, wait_until,
};

use crate::support::{
    Config, Forward, forwarder, leave_open_files, messages, path_is, ping, play, served_client,
    set_open_files,
};

const ACCEPT_FAILED: &str =
    "accept(2) failed: clients wait in the kernel's queue until a retry succeeds";
const ENOUGH: u64 = 10_000;

fn one_worker() -> Config {
    Config::new().process("workers = 1")
}

/// The reports of exhausted resources, each with the operation that needed one.
fn exhausted(forwarder: &Forwarder) -> Vec<Value> {
    let lines = forwarder.stderr();
    let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|json| json["needed_for"].is_string()).collect()
}

/// The only such report.
#[track_caller]
fn only_report(forwarder: &Forwarder) -> Value {
    forwarder.wait_for_line("a word about it", LIMIT, |line| line.contains("needed_for"));
    let mut lines = exhausted(forwarder);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[test]
fn a_client_beyond_the_descriptors_waits_and_is_served() {
    let target = Target::start(Behaviour::Echo);
    let forward = Forward::start_with(one_worker(), &target, "");
    let served = served_client(&forward);
    leave_open_files(&forward, 0);
    let waiting = connect(&forward).unwrap();
    play(&waiting, Script::new().write_bytes("."));
    forward.wait_for_message(ACCEPT_FAILED);
    let before = forward.cpu_time();
    play(&waiting, Script::new().expect_silence(Duration::from_secs(1)));
    let spent = forward.cpu_time().saturating_sub(before);
    assert!(spent < Duration::from_millis(50), "{spent:?} of CPU time in a second of waiting");
    ping(&served);
    let lines = messages(&forward, ACCEPT_FAILED);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["error"], "too many open files");
    set_open_files(&forward, ENOUGH);
    play(&waiting, Script::new().read_exactly(1));
    ping(&served_client(&forward));
}

#[test]
fn without_a_target_socket_the_client_is_reset() {
    let target = Target::start(Behaviour::Echo);
    let forward = Forward::start_with(one_worker(), &target, "");
    leave_open_files(&forward, 1);
    for _ in 0..5 {
        Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    }
    for record in forward.wait_for_records(5) {
        assert_eq!(record.close_reason(), "resource/connect/no_files");
        assert_eq!(record.close.errno.as_deref(), Some("EMFILE"));
    }
    let line = only_report(&forward);
    assert_eq!((&line["cause"], &line["level"]), (&"no_files".into(), &"warn".into()));
    set_open_files(&forward, ENOUGH);
    ping(&served_client(&forward));
}

#[test]
fn a_lane_without_a_pipe_copies() {
    let target = Target::start(Behaviour::Verify);
    let forward = Forward::start_with(one_worker(), &target, path_is("splice"));
    let base = forward.fd_count();
    leave_open_files(&forward, 2);
    exchange(connect(&forward).unwrap(), 3_000_000, 2_000_000, 1).unwrap();
    let record = forward.wait_for_records(1).remove(0);
    let paths = [&record.path_up, &record.path_down].map(|path| path.as_deref().unwrap());
    assert_eq!(paths, ["copy", "copy"]);
    assert_eq!([record.fallback_up, record.fallback_down], ["no_pipe"; 2]);
    let line = only_report(&forward);
    assert_eq!(line["needed_for"], "a pipe; copying instead");
    set_open_files(&forward, ENOUGH);
    wait_until("splicing again", LIMIT, || {
        exchange(connect(&forward).unwrap(), 100_000, 100_000, 1).unwrap();
        let records = forward.records();
        records.iter().any(|record| record.path_down.as_ref().unwrap().contains("splice"))
    });
    wait_until("no descriptors but spare pipes", LIMIT, || forward.fd_count() <= base + 32);
}

// === a low limit from the start ===

fn started_with(open_files: u64, process: &str, at_limit: &str) -> (Target, Port, Forwarder) {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = format!("at_limit = '{at_limit}'\nshare = 'off'");
    let config = Config::new().process(process).process("workers = 1");
    let config = config.forward(port.addr(), target.addr(), settings);
    let forwarder = forwarder().open_files(open_files).config(config.text()).start();
    forwarder.ready();
    (target, port, forwarder)
}

/// The session limit that the forwarder reports.
fn max_sessions(forwarder: &Forwarder) -> usize {
    let ready = messages(forwarder, "ready").remove(0);
    usize::try_from(ready["max_sessions"].as_u64().unwrap()).unwrap()
}

#[test]
fn the_session_limit_follows_from_the_open_files_limit() {
    let (_target, port, forwarder) = started_with(200, "", "refuse");
    let max = max_sessions(&forwarder);
    assert!((20..100).contains(&max), "{max} sessions with 200 files");
    for _ in 0..2 {
        let before = forwarder.records().len();
        let clients: Vec<_> = (0..max).map(|_| served_client(&port)).collect();
        for _ in 0..50 {
            Peer::connect("one too many", &port, Script::new().expect_reset()).finish();
        }
        clients.iter().for_each(ping);
        drop(clients);
        forwarder.wait_for_records(before + max);
    }
    assert_eq!(messages(&forwarder, ACCEPT_FAILED).len() + exhausted(&forwarder).len(), 0);
}

#[test]
fn more_clients_than_descriptors_are_all_served_if_they_may_wait() {
    let (target, port, forwarder) = started_with(150, "", "wait");
    let crowd: Vec<_> = (0..4 * max_sessions(&forwarder))
        .map(|_| {
            let script = Script::new().write(2000).read_exactly(2000).shutdown_write();
            Peer::connect("client", &port, script.expect_eof())
        })
        .collect();
    let served = crowd.len();
    for client in crowd {
        assert_eq!(client.finish().read_end, Some(End::Eof));
    }
    forwarder.wait_for_records(served);
    assert_eq!(target.accepted(), served as u64);
    assert_eq!(messages(&forwarder, ACCEPT_FAILED).len() + exhausted(&forwarder).len(), 0);
}

#[test]
fn a_session_limit_beyond_the_descriptors_is_lowered_and_logged() {
    let (_target, _port, forwarder) = started_with(200, "max_sessions = 1000", "refuse");
    let said = messages(
        &forwarder,
        "max_sessions is more than the open-file limit allows, and was lowered",
    );
    assert_eq!((&said[0]["level"], &said[0]["wanted"]), (&"warn".into(), &1000.into()));
    assert_eq!(said[0]["max_sessions"], max_sessions(&forwarder));
    assert_eq!(said[0]["open_files_limit"], 200);
}

#[test]
fn a_hopelessly_low_open_files_limit_is_an_error() {
    let finished = forwarder().open_files(30).arg("127.0.0.1:18080=127.0.0.1:80").run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert!(finished.stderr.contains("the open-file limit is 30"), "{finished}");
    assert!(finished.stderr.contains("ulimit -n"), "{finished}");
}
