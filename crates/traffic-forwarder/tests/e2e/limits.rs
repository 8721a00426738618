//! `max_sessions`, of a forward and of the process: excess clients are reset at once, or wait in
//! the kernel's queue for a session to end.

use std::collections::VecDeque;

use testkit::{Addr, Behaviour, LIMIT, Peer, Port, Script, Socket, Target, wait_until};

use crate::support::{
    Config, Forward, asking_client, is_answered, is_waiting, messages, ping, served_client,
};

const REFUSED: &str = "connections refused: max_sessions is reached";
const REFUSE: &str = "max_sessions = 2\nat_limit = 'refuse'";
const WAIT: &str = "max_sessions = 2\nat_limit = 'wait'";

/// An echo behind one forward.
struct Echo {
    target: Target,
    forward: Forward,
}

impl Echo {
    fn start(workers: u32, settings: &str) -> Self {
        let target = Target::start(Behaviour::Echo);
        let config = Config::new().process(&format!("workers = {workers}"));
        Self { forward: Forward::start_with(config, &target, settings), target }
    }

    /// Closes a client and waits for the end of its session.
    fn end(&self, client: Socket) {
        let before = self.forward.records().len();
        drop(client);
        wait_until("its record", LIMIT, || self.forward.records().len() > before);
    }
}

#[track_caller]
fn is_refused(addr: impl Into<Addr>) {
    Peer::connect("one too many", addr, Script::new().expect_reset()).finish();
}

// === refuse ===

fn a_full_forward_refuses(workers: u32) {
    const MORE: usize = 20;
    let echo = Echo::start(workers, REFUSE);
    let mut clients: VecDeque<_> = (0..2).map(|_| served_client(&echo.forward)).collect();
    for _ in 0..3 {
        (0..MORE).for_each(|_| is_refused(&echo.forward));
        clients.iter().for_each(ping);
        echo.end(clients.pop_front().unwrap());
        clients.push_back(served_client(&echo.forward));
    }
    assert_eq!(echo.target.accepted(), 5, "who is refused does not reach the target");
    echo.forward.wait_for_message(REFUSED);
    let warnings = messages(&echo.forward, REFUSED);
    let first = warnings.first().expect("a warning");
    assert_eq!(
        (&first["level"], &first["limit"], &first["count"]),
        (&"warn".into(), &2.into(), &1.into())
    );
    assert_eq!(first["forward"], echo.forward.addr().to_string());
    let close = &first["close"];
    assert_eq!([&close["by"], &close["phase"], &close["cause"]], ["limit", "admit", "over_limit"]);
    assert!(warnings.len() < MORE, "refusals do not flood the log: {warnings:?}");
}

#[test]
fn a_full_forward_refuses_with_one_worker() {
    a_full_forward_refuses(1);
}

#[test]
fn a_full_forward_refuses_with_two_workers() {
    a_full_forward_refuses(2);
}

#[test]
fn the_warnings_count_each_refused_client() {
    const REFUSALS: u64 = 20;
    let echo = Echo::start(1, REFUSE);
    let _clients = [served_client(&echo.forward), served_client(&echo.forward)];
    (0..REFUSALS).for_each(|_| is_refused(&echo.forward));
    let counts = || -> Vec<u64> {
        let warnings = messages(&echo.forward, REFUSED);
        warnings.iter().map(|line| line["count"].as_u64().unwrap()).collect()
    };
    // The pause between two warnings ends without a further refusal.
    wait_until("all of them in the log", LIMIT, || counts().iter().sum::<u64>() == REFUSALS);
    assert_eq!(counts()[0], 1, "the first at once");
}

#[test]
fn a_full_process_refuses_on_all_of_its_forwards() {
    let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let config = Config::new().process("max_sessions = 3\nworkers = 2");
    let config = ports.iter().fold(config, |config, port| {
        config.forward(port.addr(), target.addr(), "at_limit = 'refuse'")
    });
    let forwarder = config.start();
    let clients = [&ports[0], &ports[1], &ports[1]].map(served_client);
    ports.iter().for_each(is_refused);
    forwarder.wait_for_message(REFUSED);
    assert_eq!(messages(&forwarder, REFUSED)[0]["limit"], 3);
    drop(clients);
    forwarder.wait_for_records(3);
    let _again = [&ports[0], &ports[0], &ports[0]].map(served_client);
    is_refused(&ports[1]);
}

/// Clients refused by a full forward do not use up other forwards' places in the process.
#[test]
fn refused_clients_take_no_place_of_other_forwards() {
    let (target, crowded, other) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
    let config = Config::new()
        .process("max_sessions = 4\nworkers = 2")
        .forward(crowded.addr(), target.addr(), REFUSE)
        .forward(other.addr(), target.addr(), "");
    let _forwarder = config.start();
    let _served = [served_client(&crowded), served_client(&crowded)];
    (0..10).for_each(|_| is_refused(&crowded));
    let others = [served_client(&other), served_client(&other)];
    others.iter().for_each(ping);
}

// === wait ===

#[test]
fn a_full_forward_lets_clients_wait() {
    let echo = Echo::start(2, WAIT);
    let mut served: VecDeque<_> = (0..2).map(|_| served_client(&echo.forward)).collect();
    let mut waiting: VecDeque<_> = (0..6).map(|_| asking_client(&echo.forward)).collect();
    is_waiting(&waiting[0]);
    while let Some(next) = waiting.pop_front() {
        let accepted = echo.target.accepted();
        drop(served.pop_front());
        is_answered(&next);
        served.push_back(next);
        served.iter().for_each(ping);
        if let Some(last) = waiting.back() {
            is_waiting(last);
        }
        assert_eq!(echo.target.accepted(), accepted + 1, "one place, one session");
    }
    assert_eq!(messages(&echo.forward, REFUSED).len(), 0);
}
