//! A new address replaces a running one that it overlaps: no client is refused at any moment, and a
//! dry run predicts the result of the reload.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::{Behaviour, LIMIT, Listener, Place, Port, Target, wait_until};

use crate::support::{Config, Operated, ping, served_client};

/// Overlapping addresses; both accept the clients of the third.
const PAIRS: [(&str, &str, IpAddr); 6] = [
    ("", "127.0.0.1", IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ("", "0.0.0.0", IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ("0.0.0.0", "127.0.0.1", IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ("", "[::1]", IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ("", "[::]", IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ("[::]", "[::1]", IpAddr::V6(Ipv6Addr::LOCALHOST)),
];

/// Changes there and back.
const ROUNDS: usize = 3;

fn at(host: &str, port: &Port) -> String {
    format!("{host}:{port}")
}

fn addresses_take_over(workers: u32) {
    let target = Target::start(Behaviour::Echo);
    for (one, other, reached) in PAIRS {
        let port = Port::every_address();
        let config = |host: &str, name: &str| {
            let config = Config::new().process(&format!("workers = {workers}"));
            config.forward(&*at(host, &port), target.addr(), format!("name = '{name}'"))
        };
        let operated = Operated::start(config(one, "a"));
        let reached = SocketAddr::new(reached, port.number());
        let client = served_client(reached);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let clients = scope.spawn(|| clients_until(&stop, reached));
            // The same forward with another address, and then another forward.
            for _ in 0..ROUNDS {
                for (host, name) in [(other, "a"), (one, "b"), (other, "b"), (one, "a")] {
                    operated.write(config(host, name));
                    operated.http.post("/v1/reload?dry_run=true").success();
                    operated.http.post("/v1/reload").success();
                    ping(&client);
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(clients.join().unwrap() > 0, "{one} {other}");
        });
        let listeners = operated.http.json("/v1/status")["listeners"].clone();
        assert_eq!(listeners, 1, "{one} {other}");
    }
}

/// Connects one client after another, and returns their number. Each must be served: a refused or
/// lost one fails the test.
fn clients_until(stop: &AtomicBool, reached: SocketAddr) -> usize {
    let mut served = 0;
    while !stop.load(Ordering::Relaxed) && served < 100_000 {
        drop(served_client(reached));
        served += 1;
    }
    served
}

#[test]
fn overlapping_addresses_take_over_with_one_worker() {
    addresses_take_over(1);
}

#[test]
fn overlapping_addresses_take_over_with_two_workers() {
    addresses_take_over(2);
}

/// The trial narrows the address and expires: the process's own listener does not block the
/// fall-back.
#[test]
fn a_fall_back_widens_a_narrowed_address_again() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::every_address());
    let config = |host: &str| Config::new().forward(&*at(host, &port), target.addr(), "name = 'a'");
    let operated = Operated::start(config(""));
    operated.write(config("127.0.0.1"));
    operated.http.post("/v1/reload?confirm=1s").success();
    wait_until("it has gone back", LIMIT, || operated.generation() == 3);
    served_client(SocketAddr::from((Ipv6Addr::LOCALHOST, port.number())));
    let last = operated.http.json("/v1/status")["last_reload"].clone();
    assert_eq!((&last["by"], &last["error"]), (&"unconfirmed".into(), &Value::Null));
}

/// A dry run and the reload after it are refused alike, and nothing changes.
#[test]
fn a_refused_exchange_changes_nothing_and_is_predicted() {
    let target = Target::start(Behaviour::Echo);
    let (port, taken) = (Port::every_address(), Listener::bind(Place::V4));
    let config = |host: &str| {
        let config = Config::new().process("workers = 2");
        config.forward(&*at(host, &port), target.addr(), "name = 'a'")
    };
    let operated = Operated::start(config(""));
    let reached = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
    let file = operated.dir().join("socket");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = scope.spawn(|| clients_until(&stop, reached));
        let new = config("127.0.0.1").forward(
            format_args!("unix:{}", file.display()),
            target.addr(),
            "name = 'unix'",
        );
        operated.write(new.forward(taken.addr(), target.addr(), "name = 'taken'"));
        let messages = ["?dry_run=true", "", "?dry_run=true"].map(|query| {
            let refused = operated.http.post(&format!("/v1/reload{query}")).status(409);
            assert!(!file.exists(), "{query}");
            refused.json()["error"]["message"].as_str().unwrap().to_owned()
        });
        assert!(messages[0].contains(&taken.addr().to_string()), "{messages:?}");
        assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
        thread::sleep(Duration::from_millis(10));
        stop.store(true, Ordering::Relaxed);
        assert!(clients.join().unwrap() > 0);
    });
    served_client(SocketAddr::from((Ipv6Addr::LOCALHOST, port.number())));
    assert_eq!(operated.generation(), 1);
}

/// Addresses that cannot be bound for different reasons: a dry run reports the same as a reload.
#[test]
fn a_dry_run_refuses_what_a_reload_refuses() {
    let target = Target::start(Behaviour::Echo);
    let port = Port::v4();
    let operated = Operated::start(Config::new().forward(port.addr(), target.addr(), "name = 'a'"));
    let dir = operated.dir();
    let (taken, living) = (Listener::bind(Place::V4), dir.join("living"));
    let _living = std::os::unix::net::UnixListener::bind(&living).unwrap();
    std::fs::write(dir.join("file"), "").unwrap();
    let unix = |path: std::path::PathBuf| format!("unix:{}", path.display());
    for listen in [
        taken.addr().to_string(),
        "203.0.113.1:1".to_owned(),
        unix(living),
        unix(dir.join("file")),
        unix(dir.join("none/socket")),
        unix(dir.join("x".repeat(200))),
        "fd:web".to_owned(),
    ] {
        let config = Config::new().forward(port.addr(), target.addr(), "name = 'a'");
        operated.write(config.forward(&*listen, target.addr(), "name = 'b'"));
        let answers = ["?dry_run=true", ""].map(|query| {
            let answer = operated.http.post(&format!("/v1/reload{query}"));
            (answer.status, answer.json()["error"]["message"].clone())
        });
        assert_eq!(answers[0], answers[1], "{listen}");
        assert!(answers[0].0 >= 400, "{listen}: {answers:?}");
    }
    served_client(&port);
}
