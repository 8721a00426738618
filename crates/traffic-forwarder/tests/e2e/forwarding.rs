//! Bytes arrive, complete and unmixed, on every path, between all kinds of addresses, in both lanes
//! at once; and the session's record is correct.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, Forwarder, Peer, Place, Port, Ports, Script, SessionRecord, Socket, Target,
    connect, exchange,
};

use crate::support::{Config, Forward, Session, on_each_path, path_is, tcp_row};

const MIB: u64 = 1024 * 1024;
/// Header of an exchange, in bytes.
const HEADER: u64 = 24;
/// Bytes up and down.
const SIZES: [(u64, u64); 9] = [
    (0, 0),
    (1, 0),
    (0, 1),
    (1, 1),
    (65_535, 65_537),
    (65_536, 65_536),
    (65_537, 65_535),
    (MIB, 1),
    (MIB, MIB),
];
const BULK: u64 = 50 * MIB;

#[track_caller]
fn checked_exchange(addr: impl Into<Addr>, up: u64, down: u64, seed: u64) {
    let client = connect(addr).unwrap();
    exchange(&client, up, down, seed)
        .unwrap_or_else(|why| panic!("{up} bytes up, {down} down, seed {seed}: {why}"));
}

/// The records of consecutive exchanges, in order.
fn records_in_order(forwarder: &Forwarder, n: usize) -> Vec<SessionRecord> {
    let mut records = forwarder.wait_for_records(n);
    records.sort_by_key(|record| record.id.parse::<u64>().unwrap());
    records
}

fn start(path: &str, workers: u32, target: &Target) -> Forward {
    let config = Config::new().process(&format!("workers = {workers}"));
    Forward::start_with(config, target, path_is(path))
}

// === all sizes, all paths ===

/// Values of a record's path for a lane that carried this many bytes.
fn paths_of(path: &str, bytes: u64) -> &'static [&'static str] {
    match (path, bytes) {
        (_, 0) => &["none"],
        // When splice(2) finds nothing, the worker calls recv(2) once, which may return bytes that
        // have arrived since.
        ("splice", _) => &["splice", "copy+splice"],
        // `path = "auto"`: too few full reads to switch to splice.
        ("copy", _) | (_, ..=131_072) => &["copy"],
        (_, BULK..) => &["copy+splice"],
        _ => &["copy", "copy+splice"],
    }
}

fn all_sizes_arrive(path: &str, workers: u32) {
    let target = Target::start(Behaviour::Verify);
    let forward = start(path, workers, &target);
    let sizes = || SIZES.into_iter().chain([(BULK, BULK)]);
    for ((up, down), seed) in sizes().zip(1..) {
        checked_exchange(&forward, up, down, seed);
    }
    let records = records_in_order(&forward, sizes().count());
    for ((up, down), record) in sizes().zip(records) {
        let line = &record.json;
        assert_eq!((record.bytes_up, record.bytes_down), (up + HEADER, down), "{line}");
        assert_eq!(record.close_reason(), "client/relay/fin", "{line}");
        let used = |path: &Option<String>| path.clone().unwrap();
        assert!(paths_of(path, up + HEADER).contains(&&*used(&record.path_up)), "{line}");
        assert!(paths_of(path, down).contains(&&*used(&record.path_down)), "{line}");
    }
}

#[test]
fn all_sizes_arrive_by_copy() {
    all_sizes_arrive("copy", 1);
}

#[test]
fn all_sizes_arrive_by_splice() {
    all_sizes_arrive("splice", 1);
}

#[test]
fn all_sizes_arrive_by_choice() {
    all_sizes_arrive("auto", 1);
}

#[test]
fn all_sizes_arrive_with_two_workers() {
    for path in ["copy", "splice", "auto"] {
        all_sizes_arrive(path, 2);
    }
}

#[test]
fn many_sessions_at_once_do_not_mix_their_bytes() {
    const SESSIONS: u64 = 24;
    let target = Target::start(Behaviour::Verify);
    let forward = start("auto", 2, &target);
    thread::scope(|scope| {
        for seed in 0..SESSIONS {
            let forward = &forward;
            scope.spawn(move || checked_exchange(forward, MIB + seed, MIB - seed, seed));
        }
    });
    let mut records = forward.wait_for_records(24);
    records.sort_by_key(|record| record.bytes_up);
    for (record, seed) in records.iter().zip(0..) {
        let bytes = (record.bytes_up, record.bytes_down);
        assert_eq!(bytes, (MIB + seed + HEADER, MIB - seed), "{}", record.json);
    }
}

// === kinds of addresses ===

#[test]
fn ipv6_on_both_sides() {
    let (target, port) = (Target::start_at(Place::V6, Behaviour::Verify), Port::v6());
    let forwarder = Config::new().forward(port.addr(), target.addr(), "").start();
    checked_exchange(&port, 1000, 2000, 1);
    let record = forwarder.wait_for_records(1).remove(0);
    assert!(record.client.starts_with("[::1]:"), "{}", record.json);
    assert_eq!(record.target, Some(target.addr().to_string()));
}

#[test]
fn a_port_without_an_address_listens_on_ipv4_and_ipv6() {
    let (target, port) = (Target::start(Behaviour::Verify), Port::every_address());
    let forwarder = Config::new().forward(format!(":{port}"), target.addr(), "").start();
    for ip in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        checked_exchange(SocketAddr::new(ip, port.number()), 1000, 1000, 1);
    }
    let clients: Vec<_> = records_in_order(&forwarder, 2).into_iter().map(|r| r.client).collect();
    assert!(clients[0].starts_with("127.0.0.1:"), "an IPv4 client in its own form: {clients:?}");
    assert!(clients[1].starts_with("[::1]:"), "{clients:?}");
}

#[test]
fn a_name_as_target_is_resolved() {
    let (target, port) = (Target::start(Behaviour::Verify), Port::v4());
    let to = format!("localhost:{}", target.addr().tcp().port());
    let forwarder = Config::new().forward(port.addr(), &to, "").start();
    for seed in 0..3 {
        checked_exchange(&port, 1000, 1000, seed);
    }
    for record in forwarder.wait_for_records(3) {
        assert_eq!(record.target.as_ref(), Some(&to));
        assert_eq!(record.json["target_address"], target.addr().to_string());
    }
}

#[test]
fn a_range_maps_port_by_port() {
    const PORTS: u16 = 5;
    let (listens, targets) = (Ports::range(PORTS), Ports::range(PORTS));
    let running: Vec<_> = (1..)
        .zip(targets.as_slice())
        .map(|(n, port)| Target::start_at(Place::At(port.addr()), Behaviour::Source(n)))
        .collect();
    let (listen, to) = (format!("127.0.0.1:{listens}"), format!("127.0.0.1:{targets}"));
    let _forwarder = Config::new().forward(listen, to, "").start();
    for (port, n) in listens.as_slice().iter().zip(1..) {
        let client = Peer::connect("client", port, Script::new().expecting(0).read_to_end());
        assert_eq!(client.finish().received, n, "each port reaches the target of its own");
    }
    assert!(running.iter().all(|target| target.accepted() == 1));
}

#[test]
fn several_forwards_in_one_process_are_independent() {
    let targets = [1, 2, 3].map(|n| Target::start(Behaviour::Source(n)));
    let ports = [(); 3].map(|()| Port::v4());
    let config =
        ports.iter().zip(&targets).zip(1..).fold(Config::new(), |config, ((port, target), n)| {
            config.forward(port.addr(), target.addr(), format!("name = 'forward-{n}'"))
        });
    let forwarder = config.start();
    for (port, n) in ports.iter().zip(1..) {
        let client = Peer::connect("client", port, Script::new().expecting(0).read_to_end());
        assert_eq!(client.finish().received, n);
    }
    for record in forwarder.wait_for_records(3) {
        assert_eq!(record.forward, format!("forward-{}", record.bytes_down), "{}", record.json);
    }
}

fn unix_sockets_forward_like_tcp(path: &str) {
    let dir = TempDir::new().unwrap();
    let unix_target = Target::start_at(Place::Unix, Behaviour::Verify);
    let tcp_target = Target::start(Behaviour::Verify);
    let [to_tcp, to_unix] = ["a", "b"].map(|name| Addr::Unix(dir.path().join(name)));
    let port = Port::v4();
    let forwarder = Config::new()
        .forward(port.addr(), unix_target.addr(), path_is(path))
        .forward(&to_tcp, tcp_target.addr(), path_is(path))
        .forward(&to_unix, unix_target.addr(), path_is(path))
        .start();
    for listen in [Addr::from(&port), to_tcp, to_unix] {
        for size in [0, 1, MIB + 1] {
            checked_exchange(&listen, size, size, 3);
        }
    }
    let records = forwarder.wait_for_records(9);
    assert!(records.iter().all(|record| record.close_reason() == "client/relay/fin"));
    let bulk = records.iter().filter(|record| record.bytes_down == MIB + 1);
    let truthful = |used: &Option<String>| paths_of(path, MIB).contains(&used.as_deref().unwrap());
    assert!(bulk.clone().all(|record| truthful(&record.path_down)), "{records:#?}");
    assert_eq!(bulk.count(), 3);
}

on_each_path!(unix_sockets_forward_like_tcp);

// === records, and socket options ===

#[test]
fn a_record_has_addresses_times_and_result() {
    let session = Session::open("name = 'db'");
    let local = |socket: &Socket| socket.local_addr().unwrap().as_socket().unwrap().to_string();
    let Session { forward, client: socket, target } = session;
    let (client, target_addr) = (local(&socket), local(&target));
    drop((socket, target));
    let record = forward.record();
    assert_eq!((record.forward.as_str(), &record.client), ("db", &client), "{}", record.json);
    assert_eq!(record.listener, forward.addr().to_string());
    assert_eq!(record.target, Some(target_addr));
    assert_eq!((record.bytes_up, record.bytes_down), (1, 1));
    assert!(record.started.starts_with("20") && record.started.ends_with('Z'), "{}", record.json);
    let connect_time = record.connect_time.unwrap();
    assert!(connect_time <= record.duration && record.duration < Duration::from_secs(60));
    for tcp in [record.client_tcp.unwrap(), record.target_tcp.unwrap()] {
        assert!(!tcp.rtt.is_zero() && tcp.rtt < Duration::from_secs(10), "{tcp:?}");
    }
}

#[test]
fn both_sockets_are_kept_alive_by_default() {
    let session = Session::open("");
    for outer in [&session.client, &session.target] {
        let [local, remote] =
            [outer.peer_addr(), outer.local_addr()].map(|addr| addr.unwrap().as_socket().unwrap());
        testkit::wait_until("a running keepalive timer", testkit::LIMIT, || {
            tcp_row(local, remote).is_some_and(|row| row.keepalive)
        });
    }
}
