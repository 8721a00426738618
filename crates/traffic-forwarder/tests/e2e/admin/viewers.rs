//! Long answers to viewers beside an operator.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use tempfile::TempDir;
use testkit::{Addr, Http, LIMIT, Port, wait_until};

use super::interfaces::{TOKEN, VIEWER, write_tokens};
use crate::support::Config;

/// Enough for a list to take milliseconds.
const FORWARDS: usize = 300;
const VIEWERS: u64 = 24;
const REQUESTS: usize = 21;

/// Viewers that ask for all forwards, each time on a new connection.
struct Viewers {
    http: Http,
    answers: AtomicU64,
    is_over: AtomicBool,
}

impl Viewers {
    fn ask(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.http.get("/v1/forwards").success();
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }
}

/// Each waiting connection would otherwise be accepted after one more list.
#[test]
fn an_operator_does_not_wait_for_the_lists_of_viewers() {
    let (dir, admin, target) = (TempDir::new().unwrap(), Port::v4(), Port::v4());
    write_tokens(dir.path(), &format!("operate ann {TOKEN}\nview prometheus {VIEWER}\n"));
    let token_file = format!("admin_token_file = '{}'", dir.path().join("token").display());
    let config = Config::new().admin(&admin.addr().to_string()).process(&token_file);
    let config = (0..FORWARDS).fold(config, |config, number| {
        let listen = Addr::Unix(dir.path().join(number.to_string()));
        config.forward(listen, target.addr(), format!("name = 'forward-{number}'"))
    });
    let forwarder = config.start();
    forwarder.ready();
    let of = |token| Http::new(&admin).header("Authorization", &format!("Bearer {token}"));
    let (viewers, operator) = (
        Viewers { http: of(VIEWER), answers: AtomicU64::new(0), is_over: AtomicBool::new(false) },
        of(TOKEN),
    );
    let mut meanwhile: Vec<u64> = thread::scope(|scope| {
        (0..VIEWERS).for_each(|_| _ = scope.spawn(|| viewers.ask()));
        wait_until("all viewers", LIMIT, || viewers.answers() >= VIEWERS);
        let lists = (0..REQUESTS).map(|_| {
            let before = viewers.answers();
            operator.get("/v1/status").success();
            viewers.answers() - before
        });
        let lists = lists.collect();
        viewers.is_over.store(true, Ordering::Relaxed);
        lists
    });
    meanwhile.sort_unstable();
    assert!(meanwhile[REQUESTS / 2] <= VIEWERS / 4, "lists during each request: {meanwhile:?}");
}
