//! A reload waits for a busy worker; the control thread serves other requests meanwhile.

use std::io::{Read, Write};
use std::thread;

use testkit::{Behaviour, LIMIT, Port, Socket, Target, connect, wait_for};

use crate::support::{Config, Held, Operated, QUIET, served_client};

/// A reload waits for two seconds at most. A machine that cannot answer the health checks within
/// that time gets further attempts.
const ATTEMPTS: usize = 5;
/// More than can be answered between the end of a reload and the arrival of its own response.
const HEALTH_CHECKS: usize = 50;

#[test]
fn the_control_thread_answers_while_a_worker_is_busy() {
    let (target, [kept, added]) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let one = Config::new().process("workers = 2").forward(kept.addr(), target.addr(), "");
    let two = one.clone().forward(added.addr(), target.addr(), "");
    let operated = Operated::start(one.clone());
    waits_for_a_busy_worker(&operated, &one, &two, &added);
}

/// In its present turn, the busy worker may admit clients by the rules before the reload.
#[test]
fn a_reload_of_a_limit_waits_for_a_busy_worker() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = |limit: u32| {
        let settings = format!("max_sessions = {limit}\nat_limit = 'refuse'");
        Config::new().process("workers = 2").forward(port.addr(), target.addr(), &settings)
    };
    let operated = Operated::start(config(1));
    let _first = served_client(&port);
    // Enough for clients that the other worker hands over to the busy one.
    waits_for_a_busy_worker(&operated, &config(1), &config(10), &port);
}

/// `port` serves a new client only under `after`.
fn waits_for_a_busy_worker(operated: &Operated, before: &Config, after: &Config, port: &Port) {
    for _ in 0..ATTEMPTS {
        let held = Held::hold(operated, "worker-1");
        operated.write(after.clone());
        if answers_within_a_reload(operated, port) {
            return;
        }
        drop(held);
        operated.reload(before.clone());
    }
    panic!("no health check was answered before a reload that waited for a worker");
}

/// Whether health checks sent during a reload are answered before the reload is.
fn answers_within_a_reload(operated: &Operated, port: &Port) -> bool {
    thread::scope(|scope| {
        let reload = scope.spawn(|| operated.http.post("/v1/reload").success());
        // The other worker serves by the new configuration: it is published, and waits for the held
        // worker.
        let _client = wait_for("a client under the new configuration", LIMIT, || served(port));
        for _ in 0..HEALTH_CHECKS {
            operated.http.get("/healthz").success();
        }
        !reload.is_finished()
    })
}

/// A client that has got an answer. `None` if it is refused, or if the kernel has woken the held worker
/// for it.
fn served(port: &Port) -> Option<Socket> {
    let mut client = connect(port).ok()?;
    client.set_read_timeout(Some(QUIET)).ok()?;
    client.write_all(b".").ok()?;
    client.read_exact(&mut [0]).ok()?;
    Some(client)
}
