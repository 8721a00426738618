//! Deadlines count from before the upgrade. Each session here ends during a series of upgrades: if
//! an upgrade restarted its clock, it would never end.

use std::time::Duration;

use testkit::{LIMIT, Listener, Place, Port, Script, Socket, connect, wait_until};

use super::upgrading::start;
use crate::support::{Setup, on_each_setup, play, tcp_row};

on_each_setup!(delayed_socket_options_are_set_in_time; deadlines_expire_in_order);

struct Deadline {
    name: &'static str,
    settings: &'static str,
    seconds: f64,
    /// Setup of the session before the upgrades.
    before: fn(&Socket, &Socket),
}

/// In the order in which they expire.
const DEADLINES: [Deadline; 3] = [
    Deadline {
        name: "idle_timeout",
        settings: "idle_timeout = '800ms'",
        seconds: 0.8,
        before: |_, _| (),
    },
    Deadline {
        name: "half_close_timeout",
        settings: "half_close_timeout = '1600ms'\nidle_timeout = 'off'",
        seconds: 1.6,
        before: |client, target| {
            play(client, Script::new().shutdown_write());
            play(target, Script::new().expect_eof());
        },
    },
    Deadline { name: "max_age", settings: "max_age = '2400ms'", seconds: 2.4, before: |_, _| () },
];

fn deadlines_expire_in_order(setup: Setup) {
    let (listener, ports) = (Listener::bind(Place::V4), DEADLINES.map(|_| Port::v4()));
    let mut config = setup.config();
    for (deadline, port) in DEADLINES.iter().zip(&ports) {
        let settings = setup.settings(format!("name = '{}'\n{}", deadline.name, deadline.settings));
        config = config.forward(port.addr(), listener.addr(), settings);
    }
    let operated = start(config);
    let begin = |(deadline, port): (&Deadline, &Port)| {
        let (client, target) = (connect(port).unwrap(), listener.accept());
        (deadline.before)(&client, &target);
        (client, target)
    };
    let sessions: Vec<_> = DEADLINES.iter().zip(&ports).map(begin).collect();
    wait_until("the end of all", LIMIT, || {
        operated.upgrade();
        operated.records().len() == DEADLINES.len()
    });
    for (deadline, record) in DEADLINES.iter().zip(operated.wait_for_records(3)) {
        let text = &record.json;
        assert_eq!(record.close_reason(), format!("limit/relay/{}", deadline.name), "{text}");
        let time = Duration::from_secs_f64(deadline.seconds);
        assert!((time..time + LIMIT / 2).contains(&record.duration), "{text}");
    }
    for (client, _target) in &sessions {
        play(client, Script::new().expect_reset());
    }
}

/// Short sessions skip these system calls, so the target's socket gets its options late.
fn delayed_socket_options_are_set_in_time(setup: Setup) {
    let (listener, port) = (Listener::bind(Place::V4), Port::v4());
    let settings = setup.settings("keepalive = { idle = '2s', interval = '1s', count = 2 }");
    let operated = start(setup.config().forward(port.addr(), listener.addr(), settings));
    let (_client, target) = (connect(&port).unwrap(), listener.accept());
    let forwarders = target.peer_addr().unwrap().as_socket().unwrap();
    let own = target.local_addr().unwrap().as_socket().unwrap();
    let is_set = || tcp_row(forwarders, own).is_some_and(|row| row.keepalive);
    operated.upgrade();
    assert!(!is_set(), "it is young: otherwise nothing is shown here");
    operated.upgrade();
    wait_until("keepalive of the target's socket", LIMIT, is_set);
}
