//! Long lists of sessions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use testkit::{Behaviour, Forwarder, Http, LIMIT, Port, Signal, Target, Tool, connect, wait_until};

use crate::support::{BINARY, Config, ping};

/// Sessions that a worker lists between two waits for events.
const SLICE: usize = 128;
/// More than a few slices.
const MANY: usize = 5 * SLICE + 1;

#[test]
fn a_long_list_is_complete_and_built_in_slices() {
    testkit::raise_open_files();
    let (dir, target, port) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo), Port::v4());
    let (socket, trace) = (dir.path().join("admin.sock"), dir.path().join("trace"));
    let config = Config::new()
        .admin(&format!("unix:{}", socket.display()))
        .process("workers = 1\nshutdown_timeout = '0s'")
        // A session record would query TCP_INFO, too.
        .log("format = 'json'\nsessions = false\n")
        .forward(port.addr(), target.addr(), "");
    let forwarder = traced(&trace).config(config.text()).start();
    forwarder.ready();
    let clients: Vec<_> = (0..MANY).map(|_| connect(&port).unwrap()).collect();
    clients.iter().for_each(ping);
    let http = Http::new(socket);
    let found = http.json("/v1/sessions?limit=10000");
    assert_eq!(found["total"], MANY);
    let sessions = found["sessions"].as_array().unwrap().iter();
    let ids: BTreeSet<_> = sessions.map(|session| session["id"].as_u64()).collect();
    assert_eq!(ids.len(), MANY);
    let page = format!("/v1/sessions?offset={}", MANY - 1);
    let last = &http.json(&page)["sessions"][0];
    assert!(last["client_tcp"]["rtt"].is_number(), "{last}");
    forwarder.signal(Signal::TERM);
    forwarder.wait_exit(LIMIT);
    let shown = shown_between_waits(&trace);
    assert_eq!(
        shown.iter().sum::<usize>(),
        MANY + 1,
        "the kernel is queried for listed sessions only"
    );
    assert!(shown.iter().all(|shown| *shown <= SLICE), "{shown:?}");
}

/// A forwarder under strace, which records its waits and its socket queries.
fn traced(trace: &Path) -> testkit::ForwarderBuilder {
    // -D: strace runs as a detached grandchild, so signals and PID are the forwarder's own.
    let arguments = ["-D", "-f", "-qq", "-e", "trace=/epoll_p?wait2?$,getsockopt", "-o"];
    let strace = Tool::find("strace");
    Forwarder::binary(strace.path()).args(arguments).arg(trace).arg(BINARY)
}

/// Sessions listed between each two waits for events: two TCP_INFO queries per session.
fn shown_between_waits(trace: &Path) -> Vec<usize> {
    let read = || fs::read_to_string(trace).unwrap();
    wait_until("the tracer's last line", LIMIT, || read().contains("--- SIGTERM"));
    let trace = read();
    let (lines, _) = trace.split_once("--- SIGTERM").unwrap();
    // Each line begins with the thread ID.
    let calls = || lines.lines().filter_map(|line| line.split_once(' '));
    let looks = |call: &str| call.contains("TCP_INFO");
    let (worker, _) = calls().find(|(_, call)| looks(call)).unwrap();
    let calls: Vec<_> = calls().filter(|(thread, _)| *thread == worker).collect();
    let turns = calls.split(|(_, call)| call.contains("epoll_"));
    let shown = turns.map(|turn| turn.iter().filter(|(_, call)| looks(call)).count() / 2);
    shown.filter(|shown| *shown > 0).collect()
}
