//! Actions on forwards and sessions.

use serde_json::json;
use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, LIMIT, Listener, Place, Port, Script, Signal, Target, connect, wait_until,
};

use super::{Echo, code};
use crate::support::{Config, Operated, ping, play, served_client};

#[test]
fn a_kill_resets_both_sides_of_that_session_only() {
    let echo = Echo::start("");
    let (killed, other) = (echo.client(), echo.client());
    let done = echo.http().delete("/v1/sessions/1").success().json();
    assert_eq!(done, json!({ "state": "killed", "changed": true }));
    play(&killed, Script::new().expect_reset());
    ping(&other);
    let record = echo.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "operator/relay/killed");
    assert_eq!(code(&echo.http().delete("/v1/sessions/1")), (404, "not_found".into()));
    assert_eq!(code(&echo.http().get("/v1/sessions/1")), (404, "not_found".into()));
}

#[test]
fn a_kill_by_filter_resets_the_sessions_that_match() {
    let (one, other) = (Target::start(Behaviour::Echo), Target::start(Behaviour::Echo));
    let ports = [Port::v4(), Port::v6(), Port::v4()];
    let config = Config::new()
        .process("workers = 2")
        .forward(ports[0].addr(), one.addr(), "name = 'one'")
        .forward(ports[1].addr(), one.addr(), "name = 'two'")
        .forward(ports[2].addr(), other.addr(), "name = 'three'");
    let operated = Operated::start(config);
    let clients: Vec<_> = ports.iter().map(served_client).collect();
    let kill = |query: &str| operated.http.delete(&format!("/v1/sessions?{query}"));
    let killed = |query: &str| kill(query).success().json()["sessions"].clone();
    let filters = [
        format!("forward=one&target={}", other.addr()),
        "client=10.0.0.0/8".to_owned(),
        "forward=three&client=::/0".to_owned(),
    ];
    for query in &filters {
        assert_eq!(killed(query), 0, "{query}");
    }
    clients.iter().for_each(ping);
    assert_eq!(killed("client=::/0"), 1);
    play(&clients[1], Script::new().expect_reset());
    assert_eq!(killed(&format!("target={}&client=127.0.0.0/8", one.addr())), 1);
    play(&clients[0], Script::new().expect_reset());
    ping(&clients[2]);
    assert_eq!(killed("forward=three"), 1);
    play(&clients[2], Script::new().expect_reset());
    let records = operated.wait_for_records(3);
    assert!(records.iter().all(|record| record.close_reason() == "operator/relay/killed"));
}

#[test]
fn a_kill_without_a_usable_filter_is_refused() {
    let echo = Echo::start("");
    let client = echo.client();
    let kill = |query: &str| code(&echo.http().delete(&format!("/v1/sessions{query}")));
    for query in ["", "?client=10.0.0.1/8", "?client=x", "?clients=::/0"] {
        assert_eq!(kill(query), (400, "bad_request".into()), "{query}");
    }
    assert_eq!(kill("?forward=none"), (404, "not_found".into()));
    ping(&client);
}

#[test]
fn a_drained_forward_refuses_until_resumed() {
    let echo = Echo::start("");
    let client = echo.client();
    let post = |path: &str| echo.http().post(path).success().json();
    let drain = || post("/v1/forwards/echo/drain");
    assert_eq!(drain(), json!({ "state": "draining", "changed": true }));
    assert_eq!(drain(), json!({ "state": "draining", "changed": false }));
    assert_eq!(echo.forward()["state"], "draining");
    assert!(connect(&echo.port).is_err(), "its port is free");
    ping(&client);
    let resume = || post("/v1/forwards/echo/resume");
    assert_eq!(resume(), json!({ "state": "active", "changed": true }));
    assert_eq!(resume(), json!({ "state": "active", "changed": false }));
    echo.client();
    ping(&client);
}

#[test]
fn a_forward_with_a_taken_port_is_not_resumed() {
    let echo = Echo::start("");
    echo.http().post("/v1/forwards/echo/drain").success();
    let taken = Listener::bind(Place::At(echo.port.addr()));
    let answer = echo.http().post("/v1/forwards/echo/resume");
    assert_eq!(code(&answer), (409, "unfit".into()));
    assert_eq!(echo.forward()["state"], "draining");
    drop(taken);
    echo.http().post("/v1/forwards/echo/resume").success();
    echo.client();
}

#[test]
fn addresses_as_names_are_percent_encoded() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("listen.sock");
    let target = Target::start(Behaviour::Echo);
    let name = Addr::Unix(path.clone()).to_string();
    let operated = Operated::start(Config::new().forward(&name, target.addr(), ""));
    let encoded = name.replace(':', "%3A").replace('/', "%2F");
    let one = operated.http.json(&format!("/v1/forwards/{encoded}"));
    assert_eq!(one["name"], name);
    operated.http.post(&format!("/v1/forwards/{encoded}/drain")).success();
    assert!(!path.exists());
    operated.http.post(&format!("/v1/forwards/{encoded}/resume")).success();
    ping(&served_client(path));
    let found = operated.http.json(&format!("/v1/sessions?forward={encoded}&client=127.0.0.1"));
    assert_eq!(found["total"], 0, "a client of a Unix socket has no IP address");
}

#[test]
fn a_draining_process_is_healthy_and_not_ready() {
    let echo = Echo::start_with(Config::new().process("shutdown_timeout = '1m'"), "");
    let client = echo.client();
    let status = |path: &str| echo.http().get(path).status;
    assert_eq!((status("/healthz"), status("/readyz")), (200, 200));
    echo.operated.signal(Signal::TERM);
    wait_until("draining", LIMIT, || status("/readyz") == 503);
    assert_eq!(status("/healthz"), 200);
    assert_eq!(echo.http().json("/v1/status")["state"], "draining");
    assert_eq!(code(&echo.http().post("/v1/reload")), (409, "draining".into()));
    drop(client);
    assert_eq!(echo.operated.wait_exit(LIMIT).code(), Some(0));
}
