//! The event stream.

use serde_json::json;
use testkit::{Behaviour, LIMIT, Peer, Port, Script, Signal, Target};

use super::{Echo, code};
use crate::support::{Config, Operated, messages, served_client};

#[test]
fn events_report_the_life_of_a_session() {
    let echo = Echo::start("");
    let mut events = echo.http().events("/v1/events", LIMIT);
    let client = echo.client();
    let local = client.local_addr().unwrap().as_socket().unwrap().to_string();
    let opened = events.wait_for("session_opened");
    assert_eq!(opened, json!({ "id": 1, "forward": "echo", "client": local }));
    let connected = events.wait_for("session_connected");
    assert_eq!(connected["target_address"], echo.target.addr().to_string());
    drop(client);
    let closed = events.wait_for("session_closed");
    assert_eq!((&closed["id"], &closed["bytes_up"]), (&json!(1), &json!(1)));
    assert_eq!(closed["close"]["cause"], "fin");
}

#[test]
fn events_report_operator_actions_and_problems() {
    let (closed, port, echo) = (Port::v4(), Port::v4(), Target::start(Behaviour::Echo));
    let config = Config::new()
        .forward(port.addr(), echo.addr(), "name = 'full'\nmax_sessions = 1")
        .forward(Port::v4().addr(), closed.addr(), "name = 'down'");
    let operated = Operated::start(config.clone());
    let mut events = operated.http.events("/v1/events", LIMIT);
    operated.http.post("/v1/forwards/down/drain").success();
    let drained = json!({ "forward": "down", "target": null, "sessions": 0 });
    assert_eq!(events.wait_for("drain"), drained);
    operated.http.post("/v1/forwards/down/resume").success();
    events.wait_for("resume");
    let down = operated.http.json("/v1/forwards/down")["listen"][0].as_str().unwrap().to_owned();
    let down: std::net::SocketAddr = down.parse().unwrap();
    Peer::connect("refused", down, Script::new().expect_reset()).finish();
    let event = events.wait_for("target_down");
    assert_eq!((&event["forward"], &event["cause"]), (&json!("down"), &json!("refused")));
    let _client = served_client(&port);
    Peer::connect("one too many", &port, Script::new().expect_reset()).finish();
    assert_eq!(events.wait_for("limit_reached")["limit"], 1);
    operated.reload(config);
    assert_eq!(events.wait_for("reload"), json!({ "by": "admin", "generation": 2, "error": null }));
    operated.signal(Signal::TERM);
    assert_eq!(events.wait_for("shutdown")["by"], "SIGTERM");
}

#[test]
fn a_subscriber_does_not_change_the_log() {
    let config = Config::new().log("format = 'json'\nsessions = false\n");
    let echo = Echo::start_with(config, "");
    let mut events = echo.http().events("/v1/events", LIMIT);
    drop(echo.client());
    events.wait_for("session_closed");
    drop(events);
    drop(echo.client());
    echo.operated.signal(Signal::TERM);
    echo.operated.wait_exit(LIMIT);
    assert_eq!(messages(&echo.operated, "session ended").len(), 0);
    assert_eq!(messages(&echo.operated, "client connected").len(), 0);
}

#[test]
fn subscribers_are_limited_and_requests_still_served() {
    let echo = Echo::start("");
    let mut watchers: Vec<_> = (0..16).map(|_| echo.http().events("/v1/events", LIMIT)).collect();
    assert_eq!(code(&echo.http().get("/v1/events")), (503, "busy".into()));
    echo.http().get("/v1/status").success();
    echo.client();
    for watcher in &mut watchers {
        watcher.wait_for("session_closed");
    }
}

#[test]
fn session_events_can_be_excluded() {
    let (port, closed) = (Port::v4(), Port::v4());
    let config = Config::new().log("format = 'json'\nlevel = 'info'\nsessions = false\n").forward(
        port.addr(),
        closed.addr(),
        "name = 'down'",
    );
    let operated = Operated::start(config);
    let mut some = operated.http.events("/v1/events?sessions=false", LIMIT);
    Peer::connect("refused", &port, Script::new().expect_reset()).finish();
    let (name, event) = some.next_event().unwrap();
    assert_eq!((&*name, &event["forward"]), ("target_down", &json!("down")));
    // Beside a subscriber to all events.
    let mut all = operated.http.events("/v1/events", LIMIT);
    Peer::connect("refused", &port, Script::new().expect_reset()).finish();
    let mut names = || all.next_event().unwrap().0;
    assert_eq!([names(), names(), names()], ["session_opened", "session_closed", "target_down"]);
    assert_eq!(some.next_event().unwrap().0, "target_down");
}
