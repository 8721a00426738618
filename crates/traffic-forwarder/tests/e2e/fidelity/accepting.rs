//! Clients that connect, and leave, before the worker accepts them. The tests stop the forwarder
//! meanwhile; a busy forwarder shows the same.

use testkit::{Behaviour, End, LIMIT, Peer, Script, Signal, Socket, Target, connect, wait_until};

use crate::support::{Forward, Setup, on_each_setup, ping, play, reset, served_client};

on_each_setup!(
    a_burst_of_clients_is_served,
    clients_of_a_closing_listener_do_not_hang;
    clients_that_leave_before_the_accept_do_no_harm,
    bytes_sent_before_the_accept_arrive,
);

/// Runs `clients` while the forwarder is stopped.
fn while_stopped<T>(forward: &Forward, clients: impl FnOnce() -> T) -> T {
    forward.signal(Signal::STOP);
    let result = clients();
    forward.signal(Signal::CONT);
    result
}

fn clients_that_leave_before_the_accept_do_no_harm(setup: Setup) {
    const GONE: usize = 50;
    /// Two descriptors for each of a worker's spare pipes.
    const SPARE: usize = 32;
    let target = Target::start(Behaviour::Echo);
    let forward = setup.forward(&target, "");
    let before = forward.fd_count();
    while_stopped(&forward, || {
        for _ in 0..GONE {
            reset(forward.connect());
            drop(forward.connect());
        }
    });
    ping(&served_client(&forward));
    wait_until("no session and no descriptor left but spare pipes", LIMIT, || {
        target.open() == 0 && forward.fd_count() <= before + SPARE
    });
    assert!(forward.records().iter().all(|record| record.close.by == "client"));
}

fn bytes_sent_before_the_accept_arrive(setup: Setup) {
    const CLIENTS: usize = 20;
    let target = Target::start(Behaviour::Echo);
    let forward = setup.forward(&target, "");
    let clients: Vec<Socket> = while_stopped(&forward, || {
        let sending = |_| {
            let client = forward.connect();
            play(&client, Script::new().write(5000).shutdown_write());
            client
        };
        (0..CLIENTS).map(sending).collect()
    });
    for client in clients {
        assert_eq!(play(&client, Script::new().expecting(0).read_to_end()).received, 5000);
    }
}

/// The kernel completes their handshakes, up to the length of the accept queue.
fn a_burst_of_clients_is_served(setup: Setup) {
    const CROWD: usize = 900;
    testkit::raise_open_files();
    let target = Target::start(Behaviour::Echo);
    let forward = setup.forward(&target, "");
    let clients: Vec<_> =
        while_stopped(&forward, || (0..CROWD).map(|_| forward.connect()).collect());
    clients.iter().for_each(ping);
}

/// Each is served, reset or refused.
fn clients_of_a_closing_listener_do_not_hang(setup: Setup) {
    let target = Target::start(Behaviour::Echo);
    let forward = setup.forward(&target, "");
    let mut clients = Vec::new();
    let mut refused = 0;
    served_client(&forward);
    while refused < 20 {
        if clients.len() == 20 {
            forward.signal(Signal::TERM);
        }
        let script = Script::new().try_write(100).shutdown_write().drain();
        match connect(&forward) {
            Ok(socket) => clients.push(Peer::play("client", socket, script)),
            Err(_) => refused += 1,
        }
    }
    for client in clients {
        let seen = client.outcome();
        let answered = seen.read_end == Some(End::Eof) && seen.received == 100;
        let is_reset = [seen.read_end, seen.write_end].contains(&Some(End::Reset));
        // shutdown(2) on a reset socket fails, too.
        let is_reset = is_reset || seen.failure.as_ref().is_some_and(|it| it.why != "timeout");
        assert!(answered || is_reset, "{seen:?}");
    }
    assert_eq!(forward.wait_exit(LIMIT).code(), Some(0));
}
