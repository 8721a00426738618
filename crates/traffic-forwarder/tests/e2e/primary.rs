//! A database fail-over as with Patroni: two PostgreSQL servers, a role endpoint beside each, and clients
//! that write all the time while the roles are swapped.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{Addr, LIMIT, Port, Postgres, wait_until};

use crate::support::role::{PRIMARY, REPLICA, Role};
use crate::support::{Config, Operated};

const SWAPS: usize = 20;
/// A swap is noticed after at most `FALL` checks that fail.
const CHECK: &str =
    "check = { http = '/primary', port = PORT, every = '200ms', fall = 2, rise = 1 }";
const FORWARD: &str = "db";

/// One of the two servers.
struct Member {
    postgres: Postgres,
    role: Role,
}

impl Member {
    /// Number of rows that clients have written.
    fn rows(&self) -> u64 {
        self.postgres.query("SELECT count(*) FROM written").parse().unwrap()
    }

    /// Connections of pgbench.
    fn clients(&self) -> String {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'";
        self.postgres.query(count)
    }

    fn waits_for_rows(&self) {
        let before = self.rows();
        wait_until("rows at the primary", LIMIT, || self.rows() > before);
    }
}

/// Two servers whose role endpoints have this port, at addresses of their own.
fn members(port: &Port) -> [Member; 2] {
    [2, 3].map(|last| {
        let ip = Ipv4Addr::new(127, 0, 0, last).into();
        let postgres = Postgres::start(ip);
        postgres.query("CREATE TABLE written (at timestamptz NOT NULL)");
        Member { postgres, role: Role::start(SocketAddr::new(ip, port.number()), REPLICA) }
    })
}

/// Clients that write through the forward, and connect again after each reset.
struct Writers {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writers {
    fn start(forward: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let dir = TempDir::new().unwrap();
            let script = dir.path().join("script");
            std::fs::write(&script, "INSERT INTO written VALUES (clock_timestamp());\n").unwrap();
            while !end.load(Ordering::SeqCst) {
                let mut pgbench = Postgres::client("pgbench", forward);
                pgbench.args(["--no-vacuum", "--client", "4", "--time", "600", "--file"]);
                pgbench.arg(&script).arg("postgres");
                pgbench.env("PGCONNECT_TIMEOUT", "10").stdin(Stdio::null());
                let mut pgbench =
                    pgbench.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                wait_for_end(&mut pgbench, &end);
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

/// Waits until pgbench ends: without a connection it does. Kills it when `end` is set.
fn wait_for_end(pgbench: &mut Child, end: &AtomicBool) {
    while pgbench.try_wait().unwrap().is_none() {
        if end.load(Ordering::SeqCst) {
            pgbench.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn state(operated: &Operated, member: &Member) -> String {
    let forward = operated.http.json(&format!("/v1/forwards/{FORWARD}"));
    let address = member.postgres.addr().to_string();
    let targets = forward["targets"].as_array().cloned().unwrap_or_default();
    let target = targets.into_iter().find(|target| target["address"] == address);
    target.expect("a target")["state"].as_str().unwrap().to_owned()
}

fn sessions_of(operated: &Operated, member: &Member) -> usize {
    let address = member.postgres.addr().to_string();
    operated.sessions().iter().filter(|session| session["target"] == address).count()
}

#[test]
fn no_write_lands_on_a_replica_after_its_check_has_failed() {
    let (roles, port) = (Port::every_address(), Port::v4());
    let members = members(&roles);
    let check = CHECK.replace("PORT", &roles.number().to_string());
    let to = members.each_ref().map(|member| Addr::from(member.postgres.addr()));
    let settings = format!("name = '{FORWARD}'\n{check}");
    let operated = Operated::start(Config::new().forward_to_several(port.addr(), &to, settings));
    members[0].role.answer(PRIMARY);
    let _writers = Writers::start(port.addr());
    let mut noticed = Vec::new();
    for swap in 0..SWAPS {
        let (primary, replica) = (&members[swap % 2], &members[(swap + 1) % 2]);
        primary.waits_for_rows();
        let begun = Instant::now();
        primary.role.answer(REPLICA);
        wait_until("the check to fail", LIMIT, || state(&operated, primary) == "down");
        wait_until("no session", LIMIT, || sessions_of(&operated, primary) == 0);
        noticed.push(begun.elapsed());
        // The server still carries out a statement that it has received.
        wait_until("no client at the old primary", LIMIT, || primary.clients() == "0");
        let before = primary.rows();
        replica.role.answer(PRIMARY);
        replica.waits_for_rows();
        assert_eq!(primary.rows(), before, "a write landed on a replica, swap {swap}");
    }
    noticed.sort();
    println!(
        "reset after the swap: median {:?}, slowest {:?}",
        noticed[SWAPS / 2],
        noticed[SWAPS - 1]
    );
    let reset = |reason: &String| reason == "target/relay/target_down";
    let reasons: Vec<_> =
        operated.records().iter().map(testkit::SessionRecord::close_reason).collect();
    assert!(reasons.iter().filter(|reason| reset(reason)).count() >= SWAPS, "{reasons:?}");
}
