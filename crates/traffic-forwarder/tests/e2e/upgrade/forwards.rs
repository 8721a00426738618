//! Forwards keep their state: drained ones, removed ones, limits, and queued clients.

use serde_json::Value;
use testkit::{Addr, Behaviour, LIMIT, Peer, Port, Script, Signal, Target, connect, wait_until};

use super::upgrading::{FAILED, arrivals, start, wait_for_arrival};
use crate::support::{Config, Operated, QUIET, messages, ping, play, served_client};

/// Forwards to an echo.
struct Echo {
    target: Target,
    ports: [Port; 2],
}

impl Echo {
    fn new() -> Self {
        Self { target: Target::start(Behaviour::Echo), ports: [Port::v4(), Port::v4()] }
    }

    fn first(&self, settings: &str) -> Config {
        let settings = format!("name = 'first'\n{settings}");
        let config = Config::new().process("workers = 2");
        config.forward(self.ports[0].addr(), self.target.addr(), settings)
    }

    fn both(&self) -> Config {
        self.first("").forward(self.ports[1].addr(), self.target.addr(), "name = 'second'")
    }
}

/// Each forward's name, state and open sessions.
#[track_caller]
fn forwards(operated: &Operated) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |forward: &Value| {
        let open = forward["sessions"].as_u64().unwrap();
        (text(&forward["name"]), text(&forward["state"]), open)
    };
    operated.http.json("/v1/forwards")["forwards"].as_array().unwrap().iter().map(row).collect()
}

fn are(operated: &Operated, expected: &[(&str, &str, u64)]) -> bool {
    let found = forwards(operated);
    found.iter().map(|(name, state, open)| (&**name, &**state, *open)).eq(expected.iter().copied())
}

#[track_caller]
fn refuses(addr: impl Into<Addr>) {
    assert!(connect(addr).is_err(), "the listener is closed");
}

#[test]
fn a_drained_forward_stays_drained_and_can_be_resumed() {
    let echo = Echo::new();
    let operated = start(echo.both());
    let client = served_client(&echo.ports[1]);
    operated.http.post("/v1/forwards/second/drain").success();
    let drained = [("first", "active", 0), ("second", "draining", 1)];
    for _ in 0..2 {
        operated.upgrade();
        assert!(are(&operated, &drained), "{:?}", forwards(&operated));
        refuses(&echo.ports[1]);
        ping(&client);
    }
    operated.http.post("/v1/forwards/second/resume").success();
    served_client(&echo.ports[1]);
    served_client(&echo.ports[0]);
}

#[test]
fn a_removed_forward_drains_until_its_sessions_end() {
    let echo = Echo::new();
    let operated = start(echo.both());
    let client = served_client(&echo.ports[1]);
    operated.reload(echo.first(""));
    let removed = [("first", "active", 0), ("second", "removed", 1)];
    for _ in 0..2 {
        operated.upgrade();
        assert!(are(&operated, &removed), "{:?}", forwards(&operated));
        refuses(&echo.ports[1]);
        ping(&client);
    }
    drop(client);
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!((record.forward.as_str(), record.id.as_str()), ("second", "1"));
    let only = [("first", "active", 0)];
    wait_until("it is forgotten", LIMIT, || are(&operated, &only));
    assert_eq!(operated.status()["sessions_opened"], 1, "and still counted");
}

#[test]
fn the_deadline_of_a_removed_forward_continues() {
    let echo = Echo::new();
    let operated = start(echo.both());
    let client = served_client(&echo.ports[1]);
    operated.reload(echo.first("").process("removed_timeout = '1s'"));
    wait_until("its end", LIMIT, || {
        operated.upgrade();
        !operated.records().is_empty()
    });
    play(&client, Script::new().expect_reset());
    assert_eq!(operated.records()[0].close_reason(), "operator/drain/drained");
}

#[test]
fn the_deadline_of_a_removed_target_continues() {
    let (port, targets) = (Port::v4(), [(); 2].map(|()| Target::start(Behaviour::Echo)));
    let addresses: Vec<Addr> = targets.iter().map(Into::into).collect();
    let config = |to: &[Addr], process: &str| {
        Config::new().process(process).forward_to_several(port.addr(), to, "balance = 'first'")
    };
    let operated = start(config(&addresses, ""));
    let client = served_client(&port);
    operated.reload(config(&addresses[1..], "removed_timeout = '2s'"));
    // Each upgrade would begin the time anew.
    wait_until("its end", LIMIT, || {
        operated.upgrade();
        !operated.records().is_empty()
    });
    play(&client, Script::new().expect_reset());
    assert_eq!(operated.records()[0].close_reason(), "operator/relay/drained");
}

#[test]
fn a_forward_that_returns_keeps_its_counters() {
    let echo = Echo::new();
    let operated = start(echo.both());
    let client = served_client(&echo.ports[1]);
    operated.reload(echo.first(""));
    operated.upgrade();
    operated.reload(echo.both());
    served_client(&echo.ports[1]);
    ping(&client);
    let second = operated.http.json("/v1/forwards/second");
    assert_eq!((&second["state"], &second["opened"]), (&"active".into(), &2.into()));
}

/// A client that is not served for a while.
fn waits() -> Script {
    Script::new().write_bytes(".").expect_silence(QUIET)
}

/// Restored sessions take their places first.
#[test]
fn the_forward_limit_holds() {
    for at_limit in ["wait", "refuse"] {
        let echo = Echo::new();
        let operated = start(echo.first(&format!("max_sessions = 2\nat_limit = '{at_limit}'")));
        let clients = [(); 2].map(|()| served_client(&echo.ports[0]));
        for _ in 0..5 {
            let third = Peer::connect(
                "third",
                &echo.ports[0],
                match at_limit {
                    "refuse" => Script::new().expect_reset(),
                    _ => waits(),
                },
            );
            operated.upgrade();
            third.finish();
            assert_eq!(echo.target.accepted(), 2, "{at_limit}: restored sessions hold the places");
        }
        let ended = operated.records().len();
        drop(clients);
        wait_until("their ends", LIMIT, || operated.records().len() >= ended + 2);
        served_client(&echo.ports[0]);
    }
}

/// The kernel has completed their handshakes, and no worker has accepted them yet.
#[test]
fn queued_clients_are_served_after_it() {
    const CLIENTS: usize = 100;
    let dir = tempfile::TempDir::new().unwrap();
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let unix = Addr::Unix(dir.path().join("listens"));
    let config = Config::new().process("workers = 2").forward(port.addr(), target.addr(), "");
    let operated = start(config.forward(&unix, target.addr(), ""));
    let arrivals = super::upgrading::arrivals(&operated).len();
    operated.signal(Signal::STOP);
    let clients: Vec<_> =
        (0..CLIENTS).flat_map(|_| [connect(&port).unwrap(), connect(&unix).unwrap()]).collect();
    // The process resumes with this signal pending, and with clients in the queue.
    operated.signal(Signal::USR2);
    operated.signal(Signal::CONT);
    clients.iter().for_each(ping);
    wait_for_arrival(&operated, arrivals);
    clients.iter().for_each(ping);
    assert_eq!(operated.status()["sessions"], 2 * CLIENTS);
}

/// New clients connect all the time, one after the other, during a series of upgrades.
#[test]
fn no_client_is_refused_during_upgrades() {
    let echo = Echo::new();
    let operated = start(echo.first(""));
    let stop = testkit::Gate::new();
    let (stopped, port) = (stop.clone(), echo.ports[0].addr());
    let clients = std::thread::spawn(move || {
        let mut served = 0;
        while !stopped.is_open() {
            served_client(port);
            served += 1;
        }
        served
    });
    for _ in 0..10 {
        operated.upgrade();
    }
    stop.open();
    let served = clients.join().expect("every client is served");
    assert!(served > 10, "{served}");
    let records = operated.wait_for_records(served);
    assert!(records.iter().all(|record| record.close_reason() == "client/relay/fin"));
}

/// A configuration on trial: its clock continues, and it can be confirmed.
#[test]
fn a_trial_continues() {
    let echo = Echo::new();
    let operated = start(echo.first(""));
    operated.write(echo.both());
    operated.http.post("/v1/reload?confirm=1h").success();
    operated.upgrade();
    let left = operated.status()["confirm_within"].as_f64().unwrap();
    assert!((3000.0..3600.0).contains(&left), "{left}");
    operated.http.post("/v1/confirm").success();
    operated.upgrade();
    assert_eq!(operated.status()["confirm_within"], Value::Null);
    served_client(&echo.ports[1]);

    operated.write(echo.first(""));
    operated.http.post("/v1/reload?confirm=1s").success();
    refuses(&echo.ports[1]);
    // An upgrade interrupted by the fall-back fails, as after any reload.
    let outcomes = || arrivals(&operated).len() + messages(&operated, FAILED).len();
    wait_until("the way back", LIMIT, || {
        let before = outcomes();
        operated.http.post("/v1/upgrade");
        wait_until("the end of the upgrade", LIMIT, || outcomes() > before);
        operated.status()["last_reload"]["by"] == "unconfirmed"
    });
    served_client(&echo.ports[1]);
}
