//! Clients that wait while the configuration or the process image is replaced.

use super::*;

#[test]
fn a_fall_back_reapplies_the_limits_of_targets() {
    for workers in [1, 2] {
        let (full, served, waiting) = Full::start(workers, &[], "");
        full.operated.write(config(workers, &full.port, &[limited(&full.echo, 2)], ""));
        full.operated.http.post("/v1/reload?confirm=1s").success();
        is_answered(&waiting[0]);
        wait_until("it has gone back", LIMIT, || full.operated.generation() == 3);
        drop(served);
        full.operated.wait_for_sessions(1);
        is_waiting(&waiting[1]);
        let [first, second] = waiting;
        drop(first);
        is_answered(&second);
    }
}

#[test]
fn clients_wait_through_an_upgrade() {
    for workers in [1, 2] {
        let (full, served, waiting) = Full::start(workers, &[], "");
        full.operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        wait_until("the upgrade", LIMIT, || !messages(&full.operated, "upgraded").is_empty());
        is_waiting(&waiting[0]);
        ping(&served);
        drop(served);
        is_answered(&waiting[0]);
        is_waiting(&waiting[1]);
        let [first, second] = waiting;
        drop(first);
        is_answered(&second);
    }
}

/// The session that waits has no target, and the next image needs one to restore it.
#[test]
fn a_session_that_waits_for_a_place_survives_an_upgrade() {
    for workers in [1, 2] {
        let (echo, dead, port) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
        let settings = "connect_timeout = '60s'\npassive = 'off'";
        let operated = Operated::start(config(workers, &port, &[limited(&echo, 1)], settings));
        let served = served_client(&port);
        let to = [limited(&dead, 1), limited(&echo, 1)];
        operated.reload(config(workers, &port, &to, settings));
        let waiting = asking_client(&port);
        let waits = || operated.sessions().iter().any(|it| it["verdict"] == "targets-full");
        wait_until("a session that waits", LIMIT, waits);
        is_waiting(&waiting);
        operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        wait_until("the upgrade", LIMIT, || !messages(&operated, "upgraded").is_empty());
        is_waiting(&waiting);
        drop(served);
        is_answered(&waiting);
        operated.wait_for_sessions(1);
    }
}

#[test]
fn a_client_that_waits_at_one_port_of_a_range_keeps_no_other_port_waiting() {
    for workers in [1, 2] {
        let (listens, echoes, dead) = (Ports::range(2), Ports::range(2), Ports::range(2));
        let _echoes: Vec<_> = echoes
            .as_slice()
            .iter()
            .map(|port| Target::start_at(Place::At(port.addr()), Behaviour::Echo))
            .collect();
        let range = |ports: &Ports| {
            let [first, last] = ports.as_slice() else { panic!("two ports") };
            format!("{}-{}", first.addr(), last.number())
        };
        let most_one =
            |ports: &Ports| format!("{{ address = '{}', max_sessions = 1 }}", range(ports));
        let settings = format!(
            "name = 'f'\nto = [{}, {}]\nat_limit = 'wait'\nbalance = 'first'\n\
             connect_timeout = '60s'\npassive = {{ failures = 1, down = '1h', down_max = '1h' }}",
            most_one(&echoes),
            most_one(&dead)
        );
        let process = Config::new().process(&format!("workers = {workers}"));
        let operated = Operated::start(process.forward_with(range(&listens), settings));
        let [first, second] = listens.as_slice() else { panic!("two ports") };
        // Takes the dead target of a port down: a client that it refuses waits for a place in the other one.
        let fill = |port: &Port, targets_down: usize| {
            let served = served_client(port);
            let waiting = asking_client(port);
            let down = || messages(&operated, "a target is down after failed connects").len();
            wait_until("the dead target", LIMIT, || down() == targets_down);
            [served, waiting]
        };
        drop(fill(second, 1));
        operated.wait_for_sessions(0);
        let [_served, waiting] = fill(first, 2);
        operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        wait_until("the upgrade", LIMIT, || !messages(&operated, "upgraded").is_empty());
        is_waiting(&waiting);
        is_answered(&asking_client(second));
    }
}
