//! `allow` and `deny`: which clients are served, and what is left of those that are not.

mod changes;
mod emptied;
mod files;

use std::net::SocketAddr;

use serde_json::Value;
use testkit::{
    Addr, Behaviour, LIMIT, Peer, Port, Script, Socket, Target, connect_from, wait_until,
};

use crate::support::{
    Config, Operated, asking_client, is_answered, is_waiting, ping, served_client,
};

const REFUSED: &str = "connections refused: allow, deny or accept_proxy does not admit the client";

/// A client from an address of this host.
#[track_caller]
fn from(source: &str, addr: SocketAddr) -> Peer {
    let script = Script::new().write_bytes(".").read_exactly(1);
    Peer::connect_from(source, source.parse().unwrap(), addr, script)
}

/// A client from this address has its session.
#[track_caller]
fn is_served(source: &str, addr: SocketAddr) {
    assert_eq!(from(source, addr).finish().bytes, b".", "{source}");
}

/// A client from this address is reset.
#[track_caller]
fn is_reset(source: &str, addr: SocketAddr) {
    Peer::connect_from(source, source.parse().unwrap(), addr, Script::new().expect_reset())
        .finish();
}

/// The counter of refused clients in the metrics.
fn refused(operated: &Operated, forward: &str) -> u64 {
    let start =
        format!("traffic_forwarder_refused_total{{forward=\"{forward}\",cause=\"not_allowed\"}} ");
    let scrape = operated.http.get("/metrics").success().body;
    let count = scrape.lines().find_map(|line| line.strip_prefix(&start));
    count.map_or(0, |count| count.parse().unwrap())
}

#[track_caller]
fn wait_for_refused(operated: &Operated, forward: &str, count: u64) {
    wait_until(&format!("{count} refused clients"), LIMIT, || refused(operated, forward) == count);
}

fn the_longest_prefix_decides(workers: u32) {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = "name = 'db'\nallow = ['127.0.0.0/29', '127.0.0.6', '127.0.0.5']\n\
                    deny = ['127.0.0.4/30', '127.0.0.5', '127.0.0.2']";
    let config = Config::new().process(&format!("workers = {workers}"));
    let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
    for source in ["127.0.0.1", "127.0.0.3", "127.0.0.6"] {
        is_served(source, port.addr());
    }
    let not_allowed = ["127.0.0.2", "127.0.0.4", "127.0.0.5", "127.0.0.7", "127.0.0.8"];
    for source in not_allowed {
        is_reset(source, port.addr());
    }
    wait_for_refused(&operated, "db", 5);
    operated.wait_for_records(3);
    assert_eq!(target.accepted(), 3, "refused clients do not reach the target");
    let line: Value = serde_json::from_str(&operated.wait_for_message(REFUSED)).unwrap();
    assert_eq!([&line["level"], &line["forward"]], ["warn", "db"]);
    let client = line["client"].as_str().unwrap();
    assert!(not_allowed.iter().any(|source| client.starts_with(source)), "{client}");
    let (key, prefix) = match client.rsplit_once(':').unwrap().0 {
        "127.0.0.2" => ("deny", Value::from("127.0.0.2")),
        "127.0.0.5" => ("deny", Value::from("127.0.0.5")),
        "127.0.0.8" => ("allow", Value::Null),
        _ => ("deny", Value::from("127.0.0.4/30")),
    };
    assert_eq!((&line["key"], &line["prefix"]), (&key.into(), &prefix), "{line}");
    let close = &line["close"];
    let close = [&close["by"], &close["phase"], &close["cause"]];
    assert_eq!(close, ["limit", "admit", "not_allowed"]);
    let forward = operated.http.json("/v1/forwards/db");
    assert_eq!([&forward["not_allowed"], &forward["opened"]], [5, 3], "{forward}");
    assert_eq!([&forward["refused"], &forward["sessions"]], [0, 0], "no limit was reached");
    assert_eq!(forward["attention"], serde_json::json!([]), "a list that refuses needs none");
}

#[test]
fn the_longest_prefix_decides_with_one_worker() {
    the_longest_prefix_decides(1);
}

#[test]
fn the_longest_prefix_decides_with_two_workers() {
    the_longest_prefix_decides(2);
}

#[test]
fn clients_of_ipv6_are_compared_with_prefixes_of_ipv6() {
    let (target, ports) = (Target::start(Behaviour::Echo), [(); 3].map(|()| Port::v6()));
    let [both, v4, v6] = &ports;
    let config = Config::new()
        .forward(both.addr(), target.addr(), "allow = '::/64'\ndeny = '::2/127'")
        .forward(v4.addr(), target.addr(), "allow = ['0.0.0.0/0', '::ffff:0:0/96']")
        .forward(v6.addr(), target.addr(), "deny = '::1'");
    let _forwarder = config.start();
    is_served("::1", both.addr());
    is_reset("::1", v4.addr());
    is_reset("::1", v6.addr());
}

/// A listener of both families gets clients of IPv4 with IPv4-mapped addresses.
#[test]
fn a_mapped_client_is_one_of_ipv4() {
    let (target, ports) = (Target::start(Behaviour::Echo), [(); 2].map(|()| Port::every_address()));
    let config = ports.iter().zip([
        "allow = ['127.0.0.0/8', '2001:db8::/32']\ndeny = ['::ffff:127.0.0.2', '::/0']",
        "deny = '::ffff:127.0.0.2/127'",
    ]);
    let config = config.fold(Config::new(), |config, (port, settings)| {
        config.forward(format!(":{}", port.number()), target.addr(), settings)
    });
    let _forwarder = config.start();
    let at = |host: &str, port: &Port| SocketAddr::new(host.parse().unwrap(), port.number());
    let [first, second] = ports.each_ref().map(|port| at("127.0.0.1", port));
    is_served("127.0.0.1", first);
    is_reset("127.0.0.2", first);
    is_served("127.0.0.3", first);
    is_reset("::1", at("::1", &ports[0]));
    is_served("127.0.0.1", second);
    is_reset("127.0.0.2", second);
    is_reset("127.0.0.3", second);
    is_served("::1", at("::1", &ports[1]));
}

#[test]
fn clients_of_unix_listeners_are_allowed() {
    let (target, dir) = (Target::start(Behaviour::Echo), tempfile::TempDir::new().unwrap());
    let path = dir.path().join("socket");
    let settings = "deny = ['0.0.0.0/0', '::/0']\nallow = '192.0.2.1'";
    let listen = format!("unix:{}", path.display());
    let _forwarder = Config::new().forward(listen, target.addr(), settings).start();
    ping(&served_client(Addr::Unix(path)));
}

/// A client that is not allowed takes no place from one that is.
fn takes_no_place(workers: u32, at_limit: &str) {
    const MORE: u64 = 20;
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings =
        format!("name = 'db'\ndeny = '127.0.0.2'\nmax_sessions = 1\nat_limit = '{at_limit}'");
    let config = Config::new().process(&format!("workers = {workers}"));
    let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
    for round in 1..=3 {
        for _ in 0..MORE {
            is_reset("127.0.0.2", port.addr());
        }
        wait_for_refused(&operated, "db", round * MORE);
        is_served("127.0.0.1", port.addr());
        operated.wait_for_sessions(0);
    }
    assert_eq!(operated.http.json("/v1/forwards/db")["refused"], 0);
}

#[test]
fn it_takes_no_place_where_clients_are_refused() {
    takes_no_place(1, "refuse");
    takes_no_place(2, "refuse");
}

#[test]
fn it_takes_no_place_where_clients_wait() {
    takes_no_place(1, "wait");
    takes_no_place(2, "wait");
}

/// Clients of one queue are accepted in its order: one that is not allowed does not delay the next.
fn a_place_goes_to_the_next_client(workers: u32) {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = "name = 'db'\ndeny = '127.0.0.2'\nmax_sessions = 1\nat_limit = 'wait'";
    let config = Config::new().process(&format!("workers = {workers}"));
    let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
    let first = served_client(port.addr());
    let denied: Vec<Socket> =
        (0..5).map(|_| connect_from("127.0.0.2".parse().unwrap(), port.addr()).unwrap()).collect();
    let next = asking_client(port.addr());
    is_waiting(&next);
    assert_eq!(refused(&operated, "db"), 0, "all wait in the kernel's queue");
    drop(first);
    is_answered(&next);
    for socket in denied {
        Peer::play("refused", socket, Script::new().expect_reset()).finish();
    }
    wait_for_refused(&operated, "db", 5);
    assert_eq!(operated.wait_for_records(1).len(), 1, "of the first client");
}

#[test]
fn a_place_goes_to_the_next_client_with_one_worker() {
    a_place_goes_to_the_next_client(1);
}

#[test]
fn a_place_goes_to_the_next_client_with_two_workers() {
    a_place_goes_to_the_next_client(2);
}
