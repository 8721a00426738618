//! Reports about the process, its forwards and sessions.

use serde_json::{Value, json};
use testkit::{LIMIT, Listener, Place, Port, Script, connect, wait_until};

use super::{Echo, code};
use crate::support::{Config, Operated, ping, play, write_until_full};

#[test]
fn the_status_describes_the_process() {
    let echo = Echo::start("");
    let _clients = [echo.client(), echo.client()];
    drop(echo.client());
    echo.operated.wait_for_records(1);
    let status = echo.http().json("/v1/status");
    assert_eq!(status["state"], "serving");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["build"].as_str().unwrap_or_default(), env!("BUILD_ID"));
    assert_eq!(status["pid"], echo.operated.pid());
    assert_eq!(status["config"], echo.operated.config_path().to_str().unwrap());
    assert_eq!(
        ["generation", "workers", "forwards", "listeners", "sessions", "sessions_opened"]
            .map(|key| status[key].as_u64().unwrap()),
        [1, 2, 1, 1, 2, 3]
    );
    assert_eq!([&status["bytes_up"], &status["bytes_down"]], [3, 3]);
    assert_eq!([&status["last_reload"], &status["confirm_within"]], [&Value::Null; 2]);
    assert!(status["open_files"].as_u64() < status["open_files_limit"].as_u64());
    assert!(status["resident_memory"].as_u64().unwrap() > 1024 * 1024, "{status}");
    assert!(status["uptime"].as_f64().unwrap() < 60.0, "{status}");
}

#[test]
fn a_forward_shows_its_settings_and_counters() {
    let echo = Echo::start("idle_timeout = '7m'\nmax_sessions = 5");
    let client = echo.client();
    drop(echo.client());
    echo.operated.wait_for_records(1);
    let forward = echo.forward();
    assert_eq!(forward["listen"], json!([echo.port.addr().to_string()]));
    assert_eq!(forward["to"], json!([echo.target.addr().to_string()]));
    assert_eq!((&forward["state"], &forward["sessions"]), (&json!("active"), &json!(1)));
    assert_eq!((&forward["opened"], &forward["max_sessions"]), (&json!(2), &json!(5)));
    assert_eq!(forward["closed"], json!({ "client/relay/fin": 1 }));
    assert_eq!(forward["settings"]["idle_timeout"], "\"7m\"");
    ping(&client);
    assert_eq!(echo.forward()["bytes_up"], 3, "bytes count while a session lives");
    assert_eq!(echo.http().json("/v1/forwards")["forwards"].as_array().unwrap().len(), 1);
}

#[test]
fn a_session_shows_both_of_its_sides() {
    let echo = Echo::start("");
    let client = echo.client();
    let sessions = echo.operated.sessions();
    let [session] = &sessions[..] else { panic!("{sessions:?}") };
    let local = client.local_addr().unwrap().as_socket().unwrap().to_string();
    assert_eq!((&session["client"], &session["forward"]), (&json!(local), &json!("echo")));
    assert_eq!(session["target_address"], echo.target.addr().to_string());
    assert_eq!((&session["phase"], &session["verdict"]), (&json!("relay"), &json!("ok")));
    assert_eq!((&session["up"]["bytes"], &session["down"]["bytes"]), (&json!(1), &json!(1)));
    assert_eq!(session["up"]["rate"], Value::Null);
    assert!(session["client_tcp"]["rtt"].as_f64().unwrap() > 0.0, "{session}");
    assert!(session["target_tcp"]["congestion_window"].as_u64().unwrap() > 0, "{session}");
    assert!(session["age"].as_f64() >= session["connect_time"].as_f64(), "{session}");
    let one = echo.http().json(&format!("/v1/sessions/{}", session["id"]));
    assert_eq!(one["client"], session["client"]);
}

#[test]
fn sessions_are_filtered_sorted_and_paged() {
    let echo = Echo::start("");
    let clients: Vec<_> = (0..5).map(|_| echo.client()).collect();
    (0..3).for_each(|_| ping(&clients[3]));
    let ids = |query: &str| {
        let found = echo.http().json(&format!("/v1/sessions?{query}"));
        let sessions = found["sessions"].as_array().unwrap().iter();
        let ids = sessions.map(|session| session["id"].as_u64().unwrap());
        (found["total"].as_u64().unwrap(), ids.collect::<Vec<_>>())
    };
    assert_eq!(ids(""), (5, vec![1, 2, 3, 4, 5]));
    assert_eq!(ids("sort=bytes&limit=2"), (5, vec![4, 1]));
    assert_eq!(ids("sort=age&limit=1"), (5, vec![1]));
    assert_eq!(ids("sort=idle").1.last(), Some(&4));
    assert_eq!(ids("limit=0"), (5, vec![]));
    assert_eq!(ids("forward=echo&client=127.0.0.1").0, 5);
    assert_eq!(ids("client=%3A%3Affff%3A127.0.0.1").0, 5, "the same address as IPv6 writes it");
    assert_eq!(ids("client=127.0.0.9").0, 0);
    assert_eq!(code(&echo.http().get("/v1/sessions?forward=none")), (404, "not_found".into()));
}

#[test]
fn rates_cover_the_last_moments() {
    let echo = Echo::start("");
    let (busy, _quiet) = (echo.client(), echo.client());
    let rates = || {
        let sessions = echo.http().json("/v1/sessions?rates=true");
        let of = |at: usize, lane: &str| sessions["sessions"][at][lane]["rate"].as_f64().unwrap();
        [of(0, "up"), of(0, "down"), of(1, "up")].map(|rate| rate > 0.0)
    };
    assert_eq!(rates(), [false; 3], "the first answer has rates already");
    wait_until("a rate", LIMIT, || {
        ping(&busy);
        let [up, down, quiet] = rates();
        assert!(!quiet);
        up && down
    });
    let first = &echo.http().json("/v1/sessions?sort=rate&limit=1")["sessions"][0];
    assert_eq!(first["id"], 1);
}

#[test]
fn a_stalled_peer_is_named() {
    let listener = Listener::bind(Place::V4);
    let port = Port::v4();
    let config = Config::new().forward(port.addr(), listener.addr(), "");
    let operated = Operated::start(config);
    let client = connect(&port).unwrap();
    let target = listener.accept();
    play(&client, Script::new().write_bytes("?"));
    play(&target, Script::new().read_exactly(1));
    let verdict = || operated.sessions()[0]["verdict"].clone();
    assert_eq!(verdict(), "ok");
    write_until_full(&client, 1);
    wait_until("target-slow", LIMIT, || verdict() == "target-slow");
    assert!(operated.sessions()[0]["up"]["held"].as_u64().unwrap() > 0);
}

#[test]
fn every_error_is_json() {
    let echo = Echo::start("");
    let cases = [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/page/nothing", 404, "not_found"),
        ("POST", "/", 405, "method_not_allowed"),
        ("GET", "/v1/events?sessions=some", 400, "bad_request"),
        ("GET", "/v1/forwards?trouble=1", 400, "bad_request"),
        ("GET", "/v1/forwards/none", 404, "not_found"),
        ("POST", "/v1/forwards/none/drain", 404, "not_found"),
        ("GET", "/v1/sessions/77", 404, "not_found"),
        ("POST", "/v1/status", 405, "method_not_allowed"),
        ("GET", "/v1/reload", 405, "method_not_allowed"),
        ("GET", "/v1/sessions/x", 400, "bad_request"),
        ("GET", "/v1/sessions?limit=many", 400, "bad_request"),
        ("GET", "/v1/sessions?limit=10001", 400, "bad_request"),
        ("GET", "/v1/sessions?sort=size", 400, "bad_request"),
        ("GET", "/v1/sessions?client=here", 400, "bad_request"),
        ("GET", "/v1/sessions?unknown=1", 400, "bad_request"),
        ("GET", "/v1/forwards/%FF", 400, "bad_request"),
        ("POST", "/v1/reload?confirm=soon", 400, "bad_request"),
        ("POST", "/v1/reload?confirm=10d", 400, "bad_request"),
        ("POST", "/v1/reload?file=/etc/passwd", 400, "bad_request"),
        ("POST", "/v1/reload?dry_run=true&file=relative", 400, "bad_request"),
        ("POST", "/v1/reload?dry_run=true&confirm=1m", 400, "bad_request"),
        ("POST", "/v1/confirm", 409, "nothing_to_confirm"),
    ];
    for (method, path, status, word) in cases {
        let answer = echo.http().ask(method, path);
        assert_eq!(code(&answer), (status, word.to_owned()), "{method} {path}");
    }
    let large = echo.http().clone().header("Content-Length", "100000").post("/v1/confirm");
    assert_eq!(code(&large), (413, "too_large".into()));
}

#[test]
fn metrics_have_the_accepted_format() {
    let echo = Echo::start("");
    let plain = echo.http().get("/metrics").success();
    let is = |answer: &testkit::Answer, kind: &str| {
        answer.headers.iter().any(|line| line.starts_with(&format!("content-type: {kind}")))
    };
    assert!(is(&plain, "text/plain; version=0.0.4"), "{:?}", plain.headers);
    let open = echo.http().clone().header("Accept", "application/openmetrics-text").get("/metrics");
    assert!(is(&open, "application/openmetrics-text; version=1.0.0"), "{:?}", open.headers);
    assert!(open.body.ends_with("# EOF\n") && !plain.body.contains("# EOF"));
}
