//! `web`: the page without a token, for the caller only.

use std::time::{Duration, Instant};

use testkit::{Forwarder, Http, LIMIT, Listener, Place, Port, Signal, connect, wait_for};

use crate::support::{Config, Console, forwarder};

/// The command `web` with these options, and the address and key of its URL.
fn web(options: &[&str]) -> (Forwarder, String, String) {
    let web = forwarder().args(["web", "--no-open"]).args(options).start();
    let url = wait_for("a URL", LIMIT, || {
        web.stdout().iter().find(|line| line.starts_with("http://")).cloned()
    });
    let (address, key) = url.strip_prefix("http://").unwrap().split_once("/#key=").unwrap();
    (web, address.to_owned(), key.to_owned())
}

#[test]
fn only_the_printed_url_has_access() {
    let (console, port, target) = (Console::new(), Port::v4(), Port::v4());
    let config = Config::new().admin(&console.admin());
    let running = config.forward(port.addr(), target.addr(), "name = 'db'").start();
    let (web, address, key) = web(&["--admin", &console.admin()]);
    assert_eq!(key.len(), 32, "{key}");
    let anonymous = || Http::new(address.parse::<std::net::SocketAddr>().unwrap());
    let with = |key: &str| anonymous().header("Authorization", &format!("Bearer {key}"));
    // The files of the page have no data.
    assert!(anonymous().get("/").success().body.contains("<title>traffic-forwarder"));
    assert!(anonymous().get("/page/main.js").success().body.contains("import"));
    for path in
        ["/v1/status", "/v1/sessions", "/v1/events", "/metrics", "/healthz", "//v1/status", "/page"]
    {
        assert_eq!(anonymous().get(path).status, 401, "{path}");
        assert_eq!(with("0123456789abcdef0123456789abcdef").get(path).status, 401, "{path}");
    }
    assert_eq!(anonymous().post("/v1/forwards/db/drain").status, 401);
    assert_eq!(with(&key).json("/v1/status")["forwards"], 1);
    with(&key).post("/v1/forwards/db/drain").success();
    assert_eq!(with(&key).json("/v1/forwards/db")["state"], "draining");
    // The rules of the admin interface hold for foreign pages.
    assert_eq!(with(&key).header("Origin", "http://evil.example").get("/v1/status").status, 403);
    drop(running);
    let away = with(&key).get("/v1/status");
    assert_eq!((away.status, away.body.contains("no_process")), (502, true), "{}", away.body);
    // Requests without the key reach no process.
    assert!(anonymous().get("/page/main.js").success().body.contains("import"));
    assert_eq!(anonymous().get("/page/none.js").status, 404);
    assert_eq!(anonymous().header("Host", "evil.example").get("/").status, 403);
    web.signal(Signal::INT);
    assert_eq!(web.wait_exit(LIMIT).code(), Some(0));
}

/// More silent connections of another user than there are places, of which it opens new ones all the time.
#[test]
fn connections_without_the_key_keep_out_no_holder_of_it() {
    let console = Console::new();
    let config = Config::new().admin(&console.admin());
    let _running = config.forward(Port::v4().addr(), Port::v4().addr(), "name = 'db'").start();
    let (_web, address, key) = web(&["--admin", &console.admin()]);
    let address: std::net::SocketAddr = address.parse().unwrap();
    let http = Http::new(address).header("Authorization", &format!("Bearer {key}"));
    let mut crowd: Vec<_> = (0..100).map(|_| connect(address).unwrap()).collect();
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(http.json("/v1/status")["forwards"], 1);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        crowd.extend((0..3).map(|_| connect(address).unwrap()));
    }
}

#[test]
fn a_port_with_a_token_needs_none_behind_it() {
    let (console, port, admin) = (Console::new(), Port::v4(), Port::v4());
    let token = console.file("token", "0123456789abcdef0123456789abcdef");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = Config::new().admin(&admin.addr().to_string());
    let config = config.process(&format!("admin_token_file = '{token}'"));
    let _running = config.forward(port.addr(), Port::v4().addr(), "name = 'db'").start();
    let (_web, address, key) = web(&["--admin", &admin.addr().to_string(), "--token-file", &token]);
    let http = Http::new(address.parse::<std::net::SocketAddr>().unwrap());
    let http = http.header("Authorization", &format!("Bearer {key}"));
    assert_eq!(http.json("/v1/status")["forwards"], 1);
    assert_ne!(key, "0123456789abcdef0123456789abcdef");
    let absent = forwarder().args(["web", "--admin", "unix:/nowhere/admin.sock"]).run();
    assert_eq!(absent.status.code(), Some(1), "{absent}");
}

/// The exit code says whether a later attempt may succeed, as for a forward.
#[test]
fn a_taken_port_is_a_failure_and_no_wrong_usage() {
    let (console, taken) = (Console::new(), Listener::bind(Place::V4));
    let config = Config::new().admin(&console.admin());
    let _running = config.forward(Port::v4().addr(), Port::v4().addr(), "").start();
    let port = taken.addr().tcp().port().to_string();
    let refused = console.refused(&["web", "--no-open", "--port", &port], 1);
    assert_eq!(refused, format!("error: listen on 127.0.0.1:{port}: address already in use\n"));
    let forward = format!("{}=127.0.0.1:9", taken.addr());
    let refused = forwarder().arg(&forward).run();
    assert_eq!(refused.status.code(), Some(1), "{refused}");
}
