//! Warnings about what goes on: when it begins, how often it occurs, and that it is over.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

use serde_json::Value;
use testkit::{
    Behaviour, Forwarder, LIMIT, Port, Signal, Target, connect, connect_and_close, connect_from,
    wait_until,
};

use crate::support::{Config, Operated, forwarder, messages, served_client};

const UNREACHED: &str = "sessions cannot be connected to a target";
const REACHED: &str = "sessions are connected to the target again";
const FULL: &str = "connections refused: max_sessions is reached";

/// The sum of a field over these lines.
fn sum(lines: &[Value], field: &str) -> u64 {
    lines.iter().map(|line| line[field].as_u64().unwrap()).sum()
}

/// Connects, and waits for the end of the session.
fn fail_once(port: &Port) {
    if let Ok(client) = connect(port) {
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let _ = std::io::Read::read(&mut &client, &mut [0]);
    }
}

/// A passive target, without a check, and without session records in the log.
#[test]
fn a_target_that_refuses_is_a_warning_until_it_works_again() {
    let (port, target_port) = (Port::v4(), Port::v4());
    let config = Config::new().log("format = 'json'\nsessions = false").forward(
        port.addr(),
        target_port.addr(),
        "name = 'db'",
    );
    let forwarder = forwarder().config(config.text()).start();
    forwarder.ready();
    (0..7).for_each(|_| fail_once(&port));
    let counted = || sum(&messages(&forwarder, UNREACHED), "count");
    // Nothing fails any more, and yet all of it is logged.
    wait_until("all of them", Duration::from_secs(15), || counted() == 7);
    let first = &messages(&forwarder, UNREACHED)[0];
    assert_eq!(first["level"], "warn");
    assert_eq!((&first["forward"], &first["count"]), (&"db".into(), &1.into()));
    let address = target_port.addr().to_string();
    assert_eq!(
        (&first["target"], &first["target_address"]),
        (&address.as_str().into(), &address.as_str().into())
    );
    let close = serde_json::json!(
        { "by": "target", "phase": "connect", "cause": "refused", "errno": "ECONNREFUSED" });
    assert_eq!(first["close"], close);

    let _target = TcpListener::bind(target_port.addr()).unwrap();
    let _client = connect(&port).unwrap();
    forwarder.wait_for_line("its end", Duration::from_secs(15), |line| line.contains(REACHED));
    let over = &messages(&forwarder, REACHED)[0];
    assert_eq!(
        (&over["level"], &over["forward"], &over["total"]),
        (&"info".into(), &"db".into(), &7.into())
    );
    assert!(over["seconds"].as_f64().unwrap() < 60.0, "{over}");
}

/// Failures that the worker has not reported yet are not later than the recovery.
#[test]
fn a_target_that_works_at_once_is_no_warning_for_long() {
    let (port, target_port) = (Port::v4(), Port::v4());
    let config = Config::new().log("format = 'json'").forward(port.addr(), target_port.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    forwarder.ready();
    (0..3).for_each(|_| fail_once(&port));
    let _target = TcpListener::bind(target_port.addr()).unwrap();
    let _client = connect(&port).unwrap();
    forwarder.wait_for_line("its end", Duration::from_secs(20), |line| line.contains(REACHED));
    assert_eq!(messages(&forwarder, REACHED)[0]["total"], 3);
    assert_eq!(sum(&messages(&forwarder, UNREACHED), "count"), 3);
}

#[test]
fn a_level_of_warn_has_the_failures_of_targets() {
    let port = Port::v4();
    let config = Config::new().log("format = 'json'\nlevel = 'warn'");
    let config = config.forward(port.addr(), Port::v4().addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    wait_until("a listener", LIMIT, || connect(&port).is_ok());
    forwarder.wait_for_line("a warning", LIMIT, |line| line.contains(UNREACHED));
}

/// The log and the metric agree, at the end of the process and over an upgrade.
#[test]
fn counts_of_refused_clients_add_up() {
    const REFUSED: u64 = 2050;
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().process("workers = 2").forward(
        port.addr(),
        target.addr(),
        "max_sessions = 1\nshare = 'off'\nname = 'db'",
    );
    let operated = Operated::start(config);
    let held = served_client(port.addr());
    let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
    for number in 0..REFUSED {
        match number % 3 {
            0 => connect_and_close(&port),
            _ => drop(connect_from(other, port.addr())),
        }
        if number == 1000 {
            operated.upgrade();
        }
    }
    let refused = || operated.http.json("/v1/forwards/db")["refused"].as_u64();
    wait_until("the metric", LIMIT, || refused() == Some(REFUSED));
    drop(held);
    operated.signal(Signal::TERM);
    assert_eq!(operated.wait_exit(LIMIT).code(), Some(0));
    let lines = messages(&operated, FULL);
    assert_eq!(sum(&lines, "count"), REFUSED, "{lines:?}");
    assert!(lines.iter().all(|line| line["scope"] == "forward"), "{lines:?}");
    let most = lines.iter().max_by_key(|line| line["count"].as_u64()).unwrap();
    assert_eq!(most["client"], "127.0.0.66", "{lines:?}");
}

#[test]
fn the_limit_of_the_process_is_named() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().process("max_sessions = 1").forward(port.addr(), target.addr(), "");
    let forwarder: Forwarder = forwarder().config(config.text()).start();
    forwarder.ready();
    let _held = served_client(port.addr());
    connect_and_close(&port);
    forwarder.wait_for_message(FULL);
    assert_eq!(messages(&forwarder, FULL)[0]["scope"], "process");
}
