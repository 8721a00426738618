//! Clients that wait at a full forward (`at_limit = 'wait'`) when a reload changes the rule: the
//! new rule applies to them at once.

use testkit::{Behaviour, LIMIT, Peer, Port, Ports, Script, Socket, Target, wait_until};

use super::is_refused;
use crate::support::{
    Config, Operated, asking_client, is_answered, is_waiting, ping, play, served_client,
};

/// Repetitions of each case: some races failed in one of four runs.
const ROUNDS: usize = 8;

const WAIT: &str = "max_sessions = 1\nat_limit = 'wait'";

/// A forward with room for one session, which is open.
struct Full {
    operated: Operated,
    target: Target,
    port: Port,
    workers: u32,
}

impl Full {
    /// Starts the process, its only session, and waiting clients.
    #[track_caller]
    fn start(workers: u32, settings: &str) -> (Self, Socket, [Socket; 2]) {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let config = config(workers, &port, &target, &named("w", settings));
        let full = Self { operated: Operated::start(config), target, port, workers };
        let served = served_client(&full.port);
        let waiting = [(); 2].map(|()| asking_client(&full.port));
        (full, served, waiting)
    }

    /// Reloads the forward with other settings.
    #[track_caller]
    fn reload(&self, settings: &str) {
        self.operated.reload(self.with(settings));
    }

    fn with(&self, settings: &str) -> Config {
        config(self.workers, &self.port, &self.target, settings)
    }
}

fn config(workers: u32, port: &Port, target: &Target, settings: &str) -> Config {
    let config = Config::new().process(&format!("workers = {workers}"));
    config.forward(port.addr(), target.addr(), settings)
}

fn named(name: &str, settings: &str) -> String {
    format!("name = '{name}'\n{settings}")
}

fn with_one_and_two_workers(shape: impl Fn(u32)) {
    (0..ROUNDS).for_each(|_| [1, 2].into_iter().for_each(&shape));
}

#[test]
fn a_renamed_forward_has_its_own_places() {
    with_one_and_two_workers(|workers| {
        let (full, served, waiting) = Full::start(workers, WAIT);
        full.reload(&named("w2", WAIT));
        is_answered(&waiting[0]);
        ping(&served);
        drop(waiting);
        let next = asking_client(&full.port);
        is_answered(&next);
    });
}

#[test]
fn a_raised_limit_admits_them() {
    with_one_and_two_workers(|workers| {
        let (full, _served, waiting) = Full::start(workers, WAIT);
        full.reload(&named("w", "max_sessions = 50\nat_limit = 'wait'"));
        waiting.iter().for_each(is_answered);
    });
}

#[test]
fn a_raised_process_limit_admits_them() {
    with_one_and_two_workers(|workers| {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let config = |most: u32| {
            let process = format!("max_sessions = {most}");
            config(workers, &port, &target, "at_limit = 'wait'").process(&process)
        };
        let operated = Operated::start(config(1));
        let _served = served_client(&port);
        let waiting = asking_client(&port);
        operated.reload(config(2));
        is_answered(&waiting);
    });
}

#[test]
fn clients_are_reset_if_waiting_is_disabled() {
    with_one_and_two_workers(|workers| {
        let (full, served, waiting) = Full::start(workers, WAIT);
        full.reload(&named("w", "max_sessions = 1\nat_limit = 'refuse'"));
        for client in &waiting {
            let _ = play(client, Script::new().expect_reset());
        }
        ping(&served);
    });
}

#[test]
fn clients_wait_if_waiting_is_enabled() {
    with_one_and_two_workers(|workers| {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let settings = |word: &str| named("w", &format!("max_sessions = 1\nat_limit = '{word}'"));
        let operated = Operated::start(config(workers, &port, &target, &settings("refuse")));
        let served = served_client(&port);
        Peer::connect("one too many", &port, Script::new().expect_reset()).finish();
        operated.reload(config(workers, &port, &target, &settings("wait")));
        let waiting = asking_client(&port);
        drop(served);
        is_answered(&waiting);
    });
}

/// A reload with many ports takes so long that a worker is woken between the new limits and the new
/// routes.
#[test]
fn clients_follow_exchanged_addresses() {
    const PORTS: u16 = 300;
    let target = Target::start(Behaviour::Echo);
    let ports = [Port::v4(), Port::v4()];
    let many = Ports::range(PORTS);
    let config = |workers: u32, full: usize| {
        let (wait, other) = (ports[full].addr(), ports[1 - full].addr());
        Config::new()
            .process(&format!("workers = {workers}"))
            .forward(wait, target.addr(), named("w", WAIT))
            .forward(other, target.addr(), "name = 'x'")
            .forward(
                format_args!("127.0.0.1:{many}"),
                format_args!("127.0.0.2:{many}"),
                format_args!("name = 'many'\nidle_timeout = '{}s'", 60 + full),
            )
    };
    for workers in [1, 2] {
        let operated = Operated::start(config(workers, 0));
        for round in 0..ROUNDS {
            let (now, next) = (round % 2, (round + 1) % 2);
            let served = served_client(&ports[now]);
            let waiting = asking_client(&ports[now]);
            operated.reload(config(workers, next));
            is_answered(&waiting);
            drop((served, waiting));
            operated.wait_for_sessions(0);
        }
    }
}

#[test]
fn a_drained_forward_refuses_them_and_a_resumed_one_queues_them() {
    with_one_and_two_workers(|workers| {
        let (full, served, waiting) = Full::start(workers, WAIT);
        full.operated.http.post("/v1/forwards/w/drain").success();
        for client in &waiting {
            let _ = play(client, Script::new().expect_reset());
        }
        assert!(is_refused(&full.port));
        full.operated.http.post("/v1/forwards/w/resume").success();
        let next = asking_client(&full.port);
        drop(served);
        is_answered(&next);
    });
}

/// There and back: at the end the first forward has its first session again, and is full.
#[test]
fn a_fall_back_reapplies_the_limits() {
    for workers in [1, 2] {
        let (full, served, waiting) = Full::start(workers, WAIT);
        full.operated.write(full.with(&named("w2", WAIT)));
        full.operated.http.post("/v1/reload?confirm=1s").success();
        is_answered(&waiting[0]);
        wait_until("it has gone back", LIMIT, || full.operated.generation() == 3);
        is_waiting(&waiting[1]);
        drop(served);
        is_answered(&waiting[1]);
    }
}

#[test]
fn an_upgrade_reapplies_the_limits() {
    for workers in [1, 2] {
        let (full, served, waiting) = Full::start(workers, WAIT);
        full.operated.http.post("/v1/upgrade").status(202);
        full.operated.wait_for_message("upgraded");
        is_waiting(&waiting[0]);
        full.reload(&named("w2", WAIT));
        is_answered(&waiting[0]);
        ping(&served);
        drop(waiting);
        is_answered(&asking_client(&full.port));
    }
}
