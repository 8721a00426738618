//! HTTP checks of a role: sessions follow the primary.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testkit::{Addr, Behaviour, BlackHole, LIMIT, Peer, Place, Port, Script, Target, wait_until};

use super::{operated, targets, wait_for_states};
use crate::support::role::{PRIMARY, REPLICA, Role};
use crate::support::{Operated, QUIET, messages, ping, play, served_client};

/// Two targets at one port of two addresses, each with a role at another port.
struct Pair {
    targets: [Target; 2],
    roles: [Role; 2],
    port: Port,
    operated: Operated,
}

const EVERY: Duration = Duration::from_millis(500);
const FALL: u32 = 3;

impl Pair {
    /// The first target is the primary.
    fn start(settings: &str) -> Self {
        let (port, role_port, target_port) =
            (Port::v4(), Port::every_address(), Port::every_address());
        let at = |host: u8, port: &Port| SocketAddr::from(([127, 0, 0, host], port.number()));
        let targets =
            [1, 2].map(|host| Target::start_at(Place::At(at(host, &target_port)), Behaviour::Echo));
        let answers = [PRIMARY, REPLICA];
        let roles =
            [1, 2].map(|host| Role::start(at(host, &role_port), answers[usize::from(host) - 1]));
        let addresses: [Addr; 2] = [1, 2].map(|host| at(host, &target_port).into());
        let (every, role) = (EVERY.as_millis(), role_port.number());
        let settings = format!(
            "check = {{ http = '/primary', port = {role}, every = '{every}ms', fall = {FALL} }}\n{settings}"
        );
        let operated = operated(&port, &addresses, &settings);
        wait_for_states(&operated, &["up", "down"]);
        Self { targets, roles, port, operated }
    }

    fn accepted(&self) -> [u64; 2] {
        self.targets.each_ref().map(Target::accepted)
    }

    fn swap_back(&self) {
        self.roles[0].answer(PRIMARY);
        self.roles[1].answer(REPLICA);
    }

    fn swap(&self) {
        self.roles[0].answer(REPLICA);
        self.roles[1].answer(PRIMARY);
    }
}

#[test]
fn sessions_of_a_primary_that_becomes_a_replica_are_reset_in_time_and_none_lands_there() {
    let pair = Pair::start("");
    let clients = [(); 5].map(|()| served_client(&pair.port));
    assert_eq!(pair.accepted(), [5, 0]);
    let began = Instant::now();
    pair.swap();
    let records = pair.operated.wait_for_records(clients.len());
    let took = began.elapsed();
    for record in records {
        assert_eq!(record.close_reason(), "target/relay/target_down", "{}", record.json);
    }
    // A tenth of jitter, and time for the checks themselves.
    assert!(took < EVERY * FALL + Duration::from_millis(500), "{took:?}");
    for client in &clients {
        play(client, Script::new().expect_reset());
    }
    wait_until("the target's resets", LIMIT, || pair.targets[0].resets() == 5);
    wait_for_states(&pair.operated, &["down", "up"]);
    for _ in 0..20 {
        served_client(&pair.port);
    }
    assert_eq!(pair.accepted(), [5, 20], "nothing lands on the replica");
}

#[test]
fn open_sessions_go_on_if_so_configured() {
    let pair = Pair::start("on_down = 'keep'");
    let client = served_client(&pair.port);
    pair.swap();
    wait_for_states(&pair.operated, &["down", "up"]);
    ping(&client);
}

#[test]
fn while_no_role_is_primary_clients_are_refused_and_the_reason_is_shown() {
    let pair = Pair::start("");
    pair.roles[0].answer(REPLICA);
    wait_for_states(&pair.operated, &["down", "down"]);
    Peer::connect("client", pair.port.addr(), Script::new().expect_reset()).finish();
    assert_eq!(pair.operated.wait_for_records(1)[0].close_reason(), "target/connect/no_target");
    let down = messages(&pair.operated, "a target is down after failed checks");
    let first = down.iter().find(|line| line["failures"] == 3).unwrap();
    assert_eq!(first["cause"], "HTTP status 503");
    let shown = &targets(&pair.operated)[0];
    assert_eq!(shown["why"], "3 failed checks in a row, the last one: HTTP status 503");
    assert_eq!(shown["last_check"]["result"], "HTTP status 503");
    pair.roles[0].answer(PRIMARY);
    wait_for_states(&pair.operated, &["up", "down"]);
    served_client(&pair.port);
    pair.operated.wait_for_message("a target is up again");
}

/// The first success of a target that was never reported as down is no return.
#[test]
fn a_first_success_is_not_reported_as_a_return() {
    let pair = Pair::start("");
    let first = "a target is up: its first check succeeded";
    let of = |text: &str| {
        let lines = messages(&pair.operated, text).into_iter();
        lines.map(|line| line["target"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [primary, replica] = [0, 1].map(|at: usize| pair.targets[at].addr().to_string());
    wait_until("its first success", LIMIT, || of(first) == [&*primary]);
    let mut events = pair.operated.http.events("/v1/events", LIMIT);
    pair.swap();
    wait_for_states(&pair.operated, &["down", "up"]);
    // The replica was reported as down by its first check.
    wait_until("its return", LIMIT, || of("a target is up again") == [&*replica]);
    let event = events.wait_for("target_up");
    assert_eq!((&event["target"], &event["was_down"]), (&replica.into(), &true.into()), "{event}");
    // The report outlives an upgrade.
    pair.operated.upgrade();
    pair.swap_back();
    wait_for_states(&pair.operated, &["up", "down"]);
    wait_until("its return", LIMIT, || of("a target is up again").last() == Some(&primary));
    assert_eq!(of(first).len(), 1);
}

/// A check may fail while a client is being connected: its connect comes too late then.
#[test]
fn a_connect_to_a_target_that_is_down_meanwhile_is_not_used() {
    for (settings, close_reason) in [
        ("on_down = 'keep'", "target/connect/target_down"),
        ("on_down = 'keep'\nnone_up = 'try'", ""),
    ] {
        let (port, role_port) = (Port::v4(), Port::v4());
        // The kernel sends the SYN again a second after the first one.
        let hole = BlackHole::open();
        let addr = hole.addr();
        let role = Role::start(role_port.addr(), PRIMARY);
        let number = role_port.number();
        let check = format!("check = {{ http = '/', port = {number}, every = '100ms', fall = 1 }}");
        let operated = operated(&port, &[addr.into()], &format!("{check}\n{settings}"));
        wait_for_states(&operated, &["up"]);
        let is_used = close_reason.is_empty();
        let script = Script::new();
        let script = if is_used { script.expect_silence(QUIET) } else { script.expect_reset() };
        let client = Peer::connect("client", port.addr(), script);
        wait_until("its session", LIMIT, || operated.http.json("/v1/sessions")["total"] == 1);
        role.answer(REPLICA);
        wait_for_states(&operated, &["down"]);
        drop(hole);
        let target = Target::start_at(Place::At(addr), Behaviour::Echo);
        wait_until("the connect", LIMIT, || target.accepted() == 1);
        client.finish();
        if !is_used {
            assert_eq!(operated.wait_for_records(1)[0].close_reason(), close_reason);
            wait_until("the target's reset", LIMIT, || target.resets() == 1);
        }
    }
}

#[test]
fn the_request_is_the_configured_one() {
    let (port, role) = (Port::v4(), Port::v4());
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let role = (Role::start(role.addr(), answer), role.addr());
    let check =
        "check = { http = '/role?primary', method = 'OPTIONS', host = 'db.test', status = 204 }";
    let operated = operated(&port, &[role.1.into()], check);
    wait_for_states(&operated, &["up"]);
    let request = role.0.last();
    assert!(
        request.starts_with("OPTIONS /role?primary HTTP/1.1\r\nHost: db.test\r\n"),
        "{request}"
    );
    role.0.answer(PRIMARY);
    wait_for_states(&operated, &["down"]);
    assert_eq!(targets(&operated)[0]["last_check"]["result"], "HTTP status 200");
}

#[test]
fn wrong_and_slow_answers_fail_a_check() {
    let (port, at) = (Port::v4(), Port::v4());
    let role = Role::start(at.addr(), PRIMARY);
    let check = "check = { http = '/', every = '100ms', timeout = '100ms', fall = 1, rise = 1 }";
    let operated = operated(&port, &[at.addr().into()], check);
    wait_for_states(&operated, &["up"]);
    for (answer, result) in [
        ("SSH-2.0-x\r\n", r#"not the expected answer, but "SSH-2.0-x\r\n""#),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", "closed before its answer was complete"),
        ("", "closed before its answer was complete"),
    ] {
        role.answer(answer);
        wait_for_states(&operated, &["down"]);
        assert_eq!(targets(&operated)[0]["last_check"]["result"], result, "{answer:?}");
        role.answer(PRIMARY);
        wait_for_states(&operated, &["up"]);
    }
    role.be_silent();
    wait_for_states(&operated, &["down"]);
    assert_eq!(targets(&operated)[0]["last_check"]["result"], "no answer in time");
    role.answer(PRIMARY);
    wait_for_states(&operated, &["up"]);
}
