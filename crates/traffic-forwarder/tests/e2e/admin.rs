//! The admin interface: what it says of the process, its forwards and sessions, what it does to
//! them, and whom it lets in.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, Http, LIMIT, Listener, Peer, Place, Port, Script, Signal, Socket, Target,
    connect, wait_until,
};

use crate::support::{
    Config, Operated, QUIET, forwarder, messages, ping, play, served_client, write_until_full,
};

/// An echo behind a forward named `echo`.
struct Echo {
    operated: Operated,
    target: Target,
    port: Port,
}

impl Echo {
    #[track_caller]
    fn start(settings: &str) -> Self {
        Self::start_with(Config::new().process("workers = 2"), settings)
    }

    #[track_caller]
    fn start_with(config: Config, settings: &str) -> Self {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let settings = format!("name = 'echo'\n{settings}");
        let operated = Operated::start(config.forward(port.addr(), target.addr(), settings));
        Self { operated, target, port }
    }

    fn http(&self) -> &Http {
        &self.operated.http
    }

    fn client(&self) -> Socket {
        served_client(&self.port)
    }

    fn forward(&self) -> Value {
        self.http().json("/v1/forwards/echo")
    }
}

fn code(answer: &testkit::Answer) -> (u16, String) {
    let json = answer.json();
    assert!(json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
    (answer.status, json["error"]["code"].as_str().unwrap().to_owned())
}

// === what it says ===

#[test]
fn the_status_is_that_of_the_process() {
    let echo = Echo::start("");
    let _clients = [echo.client(), echo.client()];
    drop(echo.client());
    echo.operated.wait_for_records(1);
    let status = echo.http().json("/v1/status");
    assert_eq!(status["state"], "serving");
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
fn sessions_are_found_sorted_and_cut() {
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
fn rates_are_those_of_the_last_moments() {
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
fn a_side_that_takes_nothing_is_named() {
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
fn a_long_list_is_whole_and_stalls_nobody() {
    const MANY: usize = 1500;
    testkit::raise_open_files();
    let echo = Echo::start("max_sessions = 2000");
    let clients: Vec<_> = (0..MANY).map(|_| connect(&echo.port).unwrap()).collect();
    clients.iter().for_each(ping);
    let found = echo.http().json("/v1/sessions?limit=10000");
    assert_eq!(
        (&found["total"], found["sessions"].as_array().unwrap().len()),
        (&json!(MANY), MANY)
    );
    let ids: std::collections::BTreeSet<_> =
        found["sessions"].as_array().unwrap().iter().map(|one| one["id"].as_u64()).collect();
    assert_eq!(ids.len(), MANY);
}

// === what it does ===

#[test]
fn a_killed_session_is_reset_on_both_sides_and_no_other() {
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
fn a_drained_forward_refuses_until_it_is_resumed() {
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
fn a_forward_whose_port_was_taken_meanwhile_is_not_resumed() {
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
fn names_that_are_addresses_are_percent_encoded() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("listen.sock");
    let target = Target::start(Behaviour::Echo);
    let config = Config::new().forward(format!("unix:{}", path.display()), target.addr(), "");
    let operated = Operated::start(config);
    let name = format!("unix:{}", path.display());
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
fn it_is_healthy_while_it_drains_and_not_ready() {
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

// === mistakes ===

#[test]
fn every_mistake_is_answered_in_json() {
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
fn metrics_come_in_the_format_that_is_accepted() {
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

// === events ===

#[test]
fn events_tell_of_a_sessions_life() {
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
fn events_tell_of_what_an_operator_does_and_should_know() {
    let (nobody, port, echo) = (Port::v4(), Port::v4(), Target::start(Behaviour::Echo));
    let config = Config::new()
        .forward(port.addr(), echo.addr(), "name = 'full'\nmax_sessions = 1")
        .forward(Port::v4().addr(), nobody.addr(), "name = 'down'");
    let operated = Operated::start(config.clone());
    let mut events = operated.http.events("/v1/events", LIMIT);
    operated.http.post("/v1/forwards/down/drain").success();
    assert_eq!(events.wait_for("drain"), json!({ "forward": "down", "sessions": 0 }));
    operated.http.post("/v1/forwards/down/resume").success();
    events.wait_for("resume");
    let down = operated.http.json("/v1/forwards/down")["listen"][0].as_str().unwrap().to_owned();
    let down: std::net::SocketAddr = down.parse().unwrap();
    Peer::connect("refused", down, Script::new().expect_reset()).finish();
    let told = events.wait_for("target_down");
    assert_eq!((&told["forward"], &told["cause"]), (&json!("down"), &json!("refused")));
    let _client = served_client(&port);
    Peer::connect("one too many", &port, Script::new().expect_reset()).finish();
    assert_eq!(events.wait_for("limit_reached")["limit"], 1);
    operated.reload(config);
    assert_eq!(events.wait_for("reload"), json!({ "by": "admin", "generation": 2, "error": null }));
    operated.signal(Signal::TERM);
    assert_eq!(events.wait_for("shutdown")["by"], "SIGTERM");
}

#[test]
fn who_watches_changes_nothing_in_the_log() {
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
fn events_come_without_those_of_single_sessions_if_that_is_asked_for() {
    let (port, nobody) = (Port::v4(), Port::v4());
    let config = Config::new().log("format = 'json'\nlevel = 'info'\nsessions = false\n").forward(
        port.addr(),
        nobody.addr(),
        "name = 'down'",
    );
    let operated = Operated::start(config);
    let mut some = operated.http.events("/v1/events?sessions=false", LIMIT);
    Peer::connect("refused", &port, Script::new().expect_reset()).finish();
    let (name, told) = some.next_event().unwrap();
    assert_eq!((&*name, &told["forward"]), ("target_down", &json!("down")));
    // Beside somebody who wants them all.
    let mut all = operated.http.events("/v1/events", LIMIT);
    Peer::connect("refused", &port, Script::new().expect_reset()).finish();
    let mut names = || all.next_event().unwrap().0;
    assert_eq!([names(), names(), names()], ["session_opened", "session_closed", "target_down"]);
    assert_eq!(some.next_event().unwrap().0, "target_down");
}

#[test]
fn only_so_many_may_watch_and_the_others_can_still_ask() {
    let echo = Echo::start("");
    let mut watchers: Vec<_> = (0..16).map(|_| echo.http().events("/v1/events", LIMIT)).collect();
    assert_eq!(code(&echo.http().get("/v1/events")), (503, "busy".into()));
    echo.http().get("/v1/status").success();
    echo.client();
    for watcher in &mut watchers {
        watcher.wait_for("session_closed");
    }
}

// === who may come in ===

#[test]
fn the_socket_is_private_and_goes_with_the_process() {
    let echo = Echo::start("");
    let Addr::Unix(path) = echo.operated.socket() else { unreachable!("a Unix socket") };
    let file = fs::metadata(&path).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.mode() & 0o777, 0o600);
    echo.operated.signal(Signal::TERM);
    echo.operated.wait_exit(LIMIT);
    assert!(!path.exists());
}

#[test]
fn an_abandoned_socket_is_replaced_and_a_living_one_is_not() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("admin.sock");
    let target = Target::start(Behaviour::Echo);
    let start = || {
        let config = Config::new().admin(&format!("unix:{}", path.display()));
        config.forward(Port::v4().addr(), target.addr(), "").start()
    };
    let pid = || Http::new(path.clone()).json("/v1/status")["pid"].clone();
    let killed = start();
    killed.signal(Signal::KILL);
    killed.wait_exit(LIMIT);
    assert!(path.exists(), "a killed process leaves it");
    let first = start();
    assert_eq!(pid(), first.pid());
    let second = start();
    let message = "no admin interface: another process holds its socket";
    assert_eq!(messages(&second, message)[0]["pid"], first.pid());
    second.signal(Signal::TERM);
    second.wait_exit(LIMIT);
    assert_eq!(pid(), first.pid(), "the second one left the first one's socket alone");
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn token_file(dir: &TempDir, mode: u32) -> String {
    let path = dir.path().join("token");
    fs::write(&path, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    format!("admin_token_file = '{}'", path.display())
}

#[test]
fn on_a_port_only_who_knows_the_token_may_ask() {
    let (dir, admin, target) =
        (TempDir::new().unwrap(), Port::v4(), Target::start(Behaviour::Echo));
    let config = Config::new().admin(&admin.addr().to_string()).process(&token_file(&dir, 0o600));
    let forwarder = config.forward(Port::v4().addr(), target.addr(), "").start();
    let nobody = Http::new(admin.addr());
    let bearer = |token: &str| nobody.clone().header("Authorization", &format!("Bearer {token}"));
    let known = bearer(TOKEN);
    assert_eq!(known.json("/v1/status")["pid"], forwarder.pid());
    assert_eq!(code(&nobody.get("/v1/status")), (401, "unauthorized".into()));
    assert_eq!(code(&nobody.get("/metrics")), (401, "unauthorized".into()));
    assert_eq!(code(&bearer("wrong").get("/v1/status")), (401, "unauthorized".into()));
    assert_eq!((nobody.get("/healthz").status, nobody.get("/readyz").status), (200, 200));
    let rebound = known.clone().header("Host", "evil.example");
    assert_eq!(code(&rebound.get("/v1/status")), (403, "forbidden".into()));
    let page = known.clone().header("Origin", "https://evil.example");
    assert_eq!(code(&page.post("/v1/reload")), (403, "forbidden".into()));
    let file = known.post("/v1/reload?dry_run=true&file=/etc/passwd");
    assert_eq!(code(&file), (403, "forbidden".into()));
}

#[test]
fn no_web_page_of_others_may_ask_a_socket_either() {
    let echo = Echo::start("");
    for (header, value) in [("Host", "evil.example"), ("Origin", "http://evil.example")] {
        let foreign = echo.http().clone().header(header, value);
        assert_eq!(code(&foreign.post("/v1/forwards/echo/drain")), (403, "forbidden".into()));
        assert_eq!(code(&foreign.get("/v1/status")), (403, "forbidden".into()));
    }
    assert_eq!(echo.forward()["state"], "active");
    let page = echo.http().get("/").success();
    assert!(page.body.contains("<!doctype html>"), "{}", page.body);
}

#[test]
fn a_token_that_others_can_read_is_none() {
    let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
    let admin = Port::v4().addr().to_string();
    let config = Config::new().admin(&admin).process(&token_file(&dir, 0o644));
    let config = config.forward(Port::v4().addr(), target.addr(), "");
    let finished = forwarder().config(config.text()).run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert!(finished.to_string().contains("chmod 600"), "{finished}");
}

// === bounds ===

/// Connections that ask nothing are closed; until then, more of them than there may be wait.
#[test]
fn silent_connections_keep_nobody_out_for_long() {
    let echo = Echo::start("");
    let mut silent: Vec<_> = (0..64).map(|_| connect(echo.operated.socket()).unwrap()).collect();
    for socket in &mut silent {
        socket.write_all(b"GET /healthz HT").unwrap();
    }
    let client = echo.client();
    let mut late = connect(echo.operated.socket()).unwrap();
    late.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    play(&late, Script::new().expect_silence(QUIET));
    ping(&client);
    let (began, mut answer) = (Instant::now(), String::new());
    late.set_read_timeout(Some(2 * LIMIT)).unwrap();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("ok\n"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn a_head_without_end_is_refused() {
    let echo = Echo::start("");
    let mut socket = connect(echo.operated.socket()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let line = format!("X: {}\r\n", "x".repeat(1000));
    let head = format!("GET / HTTP/1.1\r\n{}", line.repeat(1000));
    // It is cut off in the middle.
    let _ = socket.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    echo.http().get("/healthz").success();
}
