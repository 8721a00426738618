//! TERM and INT: the listeners refuse at once, open sessions continue until they end or the timeout
//! expires, and the process exits with 0 and reports the counts of ended and cut sessions.

use std::io::ErrorKind;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, Forwarder, LIMIT, Port, Script, Signal, Target, connect, wait_until,
};

use crate::support::{
    Config, QUIET, Session, messages, on_each_path, path_is, ping, play, served_client,
};

on_each_path!(
    an_open_session_continues_until_it_ends,
    sessions_open_at_the_timeout_are_cut,
    held_bytes_do_not_delay_the_exit,
    a_second_signal_exits_at_once,
);

/// Waits for the exit of a stopping process: exit code 0, and the counts of its last line.
#[track_caller]
fn stopped(forwarder: &Forwarder) -> (u64, u64) {
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    let stopped = messages(forwarder, "stopped");
    let [line] = &stopped[..] else { panic!("one line says `stopped`: {stopped:?}") };
    let last: Value = serde_json::from_str(forwarder.stderr().last().unwrap()).unwrap();
    assert_eq!(&last, line, "and it is the last one");
    (line["ended"].as_u64().unwrap(), line["cut"].as_u64().unwrap())
}

#[track_caller]
fn refuses(addr: impl Into<Addr>) {
    let addr = addr.into();
    wait_until("a listener that is closed", LIMIT, || {
        connect(&addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
}

fn session(path: &str, shutdown_timeout: &str) -> Session {
    let config = Config::new().process(&format!("shutdown_timeout = '{shutdown_timeout}'"));
    Session::open_with(config, path_is(path))
}

fn an_open_session_continues_until_it_ends(path: &str) {
    for signal in [Signal::TERM, Signal::INT] {
        let Session { forward, client, target } = session(path, "1h");
        forward.signal(signal);
        forward.wait_for_message("draining");
        refuses(&forward);
        play(&client, Script::new().sending(1).write(1 << 20));
        play(&target, Script::new().sending(2).expecting(1).read_exactly(1 << 20).write(1 << 20));
        play(&client, Script::new().expecting(2).read_exactly(1 << 20));
        assert_eq!(forward.exit_status(), None, "it waits for its session");
        drop(client);
        play(&target, Script::new().expect_eof());
        drop(target);
        assert_eq!(stopped(&forward), (1, 0));
        assert_eq!(forward.close_reason(), "client/drain/fin");
    }
}

fn sessions_open_at_the_timeout_are_cut(path: &str) {
    let Session { forward, client, target } = session(path, "300ms");
    forward.signal(Signal::TERM);
    play(&client, Script::new().expect_reset());
    play(&target, Script::new().expect_reset());
    assert_eq!(stopped(&forward), (0, 1));
    assert_eq!(forward.close_reason(), "shutdown/drain/drained");
    assert!(messages(&forward, "stopped")[0]["seconds"].as_f64().unwrap() >= 0.3);
}

fn held_bytes_do_not_delay_the_exit(path: &str) {
    let Session { forward, client, target } = session(path, "300ms");
    crate::support::write_until_full(&client, 1);
    forward.signal(Signal::TERM);
    assert_eq!(stopped(&forward), (0, 1));
    play(&target, Script::new().read_to_reset());
    assert_eq!(forward.close_reason(), "shutdown/drain/drained");
}

fn a_second_signal_exits_at_once(path: &str) {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
        let Session { forward, client, target } = session(path, "1h");
        forward.signal(first);
        forward.wait_for_message("draining");
        play(&client, Script::new().expect_silence(QUIET));
        forward.signal(second);
        assert_eq!(stopped(&forward), (0, 1));
        play(&client, Script::new().expect_reset());
        play(&target, Script::new().expect_reset());
        assert_eq!(forward.close_reason(), "shutdown/drain/drained");
    }
}

#[test]
fn ended_and_cut_sessions_are_counted_separately() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().process("shutdown_timeout = '3s'\nworkers = 2");
    let forwarder = config.forward(port.addr(), target.addr(), "").start();
    let ended: Vec<_> = (0..3).map(|_| served_client(&port)).collect();
    let cut: Vec<_> = (0..4).map(|_| served_client(&port)).collect();
    forwarder.signal(Signal::TERM);
    forwarder.wait_for_message("draining");
    cut.iter().for_each(ping);
    drop(ended);
    for client in &cut {
        play(client, Script::new().expect_reset());
    }
    assert_eq!(stopped(&forwarder), (3, 4));
    let reasons = forwarder.records().into_iter().map(|record| record.close_reason());
    let (drained, fin): (Vec<_>, Vec<_>) = reasons.partition(|reason| reason.ends_with("drained"));
    assert_eq!((drained.len(), fin.len()), (4, 3));
}

/// With a stopped reader of the log, the process still exits within its limit, and at once on a
/// second signal.
#[test]
fn an_unread_log_does_not_delay_the_exit() {
    for (timeout, signals) in [("300ms", 1), ("1h", 2)] {
        let (target, port, dir) =
            (Target::start(Behaviour::Echo), Port::v4(), TempDir::new().unwrap());
        let pipe = dir.path().join("pipe");
        testkit::run(std::process::Command::new("mkfifo").arg(&pipe), LIMIT).success();
        let config = Config::new().process(&format!("shutdown_timeout = '{timeout}'"));
        let config = config.forward(port.addr(), target.addr(), "").text();
        let builder = crate::support::forwarder()
            .through("/bin/sh", ["-c", "exec \"$0\" \"$@\" 2>\"$LOG_PIPE\""]);
        let forwarder = builder.env("LOG_PIPE", &pipe).config(config).start();
        let _reader = std::fs::File::open(&pipe).unwrap();
        testkit::wait_until("it listens", LIMIT, || testkit::connect(&port).is_ok());
        for _ in 0..300 {
            served_client(&port);
        }
        let client = served_client(&port);
        for _ in 0..signals {
            forwarder.signal(Signal::TERM);
            // Two pending signals of one kind are merged: send the second after the first was
            // handled.
            testkit::wait_until("its listener is closed", LIMIT, || {
                testkit::connect(&port).is_err()
            });
        }
        assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
        play(&client, Script::new().expect_reset());
    }
}

#[test]
fn an_idle_process_stops_at_once_and_removes_its_socket_files() {
    let (target, dir) = (Target::start(Behaviour::Echo), TempDir::new().unwrap());
    let listen = Addr::Unix(dir.path().join("listener"));
    let config = Config::new().process("shutdown_timeout = '1h'");
    let forwarder = config.forward(&listen, target.addr(), "").start();
    ping(&connect(&listen).unwrap());
    forwarder.wait_for_records(1);
    forwarder.signal(Signal::TERM);
    assert_eq!(stopped(&forwarder), (0, 0));
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "the socket's file is gone");
}

#[test]
fn a_hang_up_ends_a_process_started_without_a_file() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let forward = format!("{}={}", port.addr(), target.addr());
    let forwarder = Forwarder::binary(env!("CARGO_BIN_EXE_traffic-forwarder")).arg(forward).start();
    forwarder.ready();
    forwarder.signal(Signal::HUP);
    assert!(forwarder.wait_exit(LIMIT).success());
}

#[test]
fn a_hang_up_does_not_end_a_process_with_a_file() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let forwarder = Config::new().forward(port.addr(), target.addr(), "").start();
    let client = served_client(&port);
    forwarder.signal(Signal::HUP);
    forwarder.wait_for_line("a word about it", LIMIT, |line| line.contains("SIGHUP"));
    ping(&client);
    ping(&connect(&port).unwrap());
}
