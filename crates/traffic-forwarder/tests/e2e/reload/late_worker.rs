//! A reload waits for a busy worker; the control thread serves other requests meanwhile.

use std::thread;

use testkit::{Behaviour, LIMIT, Port, Target, connect, wait_for};

use crate::support::{Config, Held, Operated, ping};

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
    for _ in 0..ATTEMPTS {
        let held = Held::hold(&operated, "worker-1");
        operated.write(two.clone());
        if answers_within_a_reload(&operated, &added) {
            return;
        }
        drop(held);
        operated.reload(one.clone());
    }
    panic!("no health check was answered before a reload that waited for a worker");
}

/// Whether health checks sent during a reload are answered before the reload is.
fn answers_within_a_reload(operated: &Operated, added: &Port) -> bool {
    thread::scope(|scope| {
        let reload = scope.spawn(|| operated.http.post("/v1/reload").success());
        // The other worker serves the added forward: the change is published, and waits for the
        // held worker.
        let client = wait_for("the added forward", LIMIT, || connect(added).ok());
        ping(&client);
        for _ in 0..HEALTH_CHECKS {
            operated.http.get("/healthz").success();
        }
        !reload.is_finished()
    })
}
