//! Access control, and limits that keep the interface reachable.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{Addr, Behaviour, Http, LIMIT, Port, Script, Signal, Target, connect, permit_by_acl};

use super::{Echo, code};
use crate::support::{Config, QUIET, forwarder, ping, play};

#[test]
fn the_socket_is_private_and_removed_at_the_exit() {
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
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("admin.sock");
    let target = Target::start(Behaviour::Echo);
    let config = || {
        let config = Config::new().admin(&format!("unix:{}", path.display()));
        config.forward(Port::v4().addr(), target.addr(), "")
    };
    let start = || config().start();
    let pid = || Http::new(path.clone()).json("/v1/status")["pid"].clone();
    let killed = start();
    killed.signal(Signal::KILL);
    killed.wait_exit(LIMIT);
    assert!(path.exists(), "a killed process leaves it");
    let first = start();
    assert_eq!(pid(), first.pid());
    let second = forwarder().config(config().text()).run();
    assert_eq!(second.status.code(), Some(1), "{second}");
    let holder = format!("another process listens there (pid {})", first.pid());
    assert!(second.to_string().contains(&holder), "{second}");
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
fn a_port_serves_only_requests_with_the_token() {
    let (dir, admin, target) =
        (TempDir::new().unwrap(), Port::v4(), Target::start(Behaviour::Echo));
    let config = Config::new().admin(&admin.addr().to_string()).process(&token_file(&dir, 0o600));
    let forwarder = config.forward(Port::v4().addr(), target.addr(), "").start();
    let anonymous = Http::new(admin.addr());
    let bearer =
        |token: &str| anonymous.clone().header("Authorization", &format!("Bearer {token}"));
    let known = bearer(TOKEN);
    assert_eq!(known.json("/v1/status")["pid"], forwarder.pid());
    assert_eq!(code(&anonymous.get("/v1/status")), (401, "unauthorized".into()));
    assert_eq!(code(&anonymous.get("/metrics")), (401, "unauthorized".into()));
    assert_eq!(code(&bearer("wrong").get("/v1/status")), (401, "unauthorized".into()));
    assert_eq!((anonymous.get("/healthz").status, anonymous.get("/readyz").status), (200, 200));
    let rebound = known.clone().header("Host", "evil.example");
    assert_eq!(code(&rebound.get("/v1/status")), (403, "forbidden".into()));
    let page = known.clone().header("Origin", "https://evil.example");
    assert_eq!(code(&page.post("/v1/reload")), (403, "forbidden".into()));
    let file = known.post("/v1/reload?dry_run=true&file=/etc/passwd");
    assert_eq!(code(&file), (403, "forbidden".into()));
}

#[test]
fn a_world_readable_token_file_is_refused() {
    let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
    let admin = Port::v4().addr().to_string();
    let config = Config::new().admin(&admin).process(&token_file(&dir, 0o644));
    let config = config.forward(Port::v4().addr(), target.addr(), "");
    let finished = forwarder().config(config.text()).run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert!(finished.to_string().contains("chmod 600"), "{finished}");
}

/// Needs root, which alone trusts no other user than root. The list of a credential names the user of its unit.
#[test]
fn a_token_file_with_an_acl_for_another_user_is_refused() {
    const OTHER: u32 = 64_999;
    let (dir, admin) = (TempDir::new().unwrap(), Port::v4().addr().to_string());
    let config = Config::new().admin(&admin).process(&token_file(&dir, 0o600));
    let config = config.forward(Port::v4().addr(), Port::v4().addr(), "");
    if !permit_by_acl(&dir.path().join("token"), OTHER, 4) {
        return;
    }
    let finished = forwarder().config(config.text()).run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    let says = "is open to the user with the id 64999 (by an ACL): chmod 600 it, which ends that";
    assert!(finished.to_string().contains(says), "{finished}");
}

/// The owner could change the tokens. A reload refuses such a file, too, and the tokens in force stay.
#[test]
fn a_token_file_of_another_user_is_refused() {
    const OTHER: u32 = 64_999;
    let (dir, admin) = (TempDir::new().unwrap(), Port::v4());
    let config = Config::new().admin(&admin.addr().to_string()).process(&token_file(&dir, 0o600));
    let config = config.forward(Port::v4().addr(), Port::v4().addr(), "");
    let (path, give) = (dir.path().join("token"), std::os::unix::fs::chown::<&std::path::Path>);
    let running = config.start();
    running.ready();
    if give(&path, Some(OTHER), None).is_err() {
        // Only root gives a file away.
        return;
    }
    let says = "belongs to the user with id 64999, and must belong to root: chown it";
    let known = Http::new(admin.addr()).header("Authorization", &format!("Bearer {TOKEN}"));
    let refused = known.post("/v1/reload").status(409);
    assert!(refused.body.contains(says), "{refused:?}");
    assert_eq!(known.json("/v1/status")["pid"], running.pid());
    let config = Config::new()
        .admin("127.0.0.1:1")
        .process(&format!("admin_token_file = '{}'", path.display()));
    let config = config.forward(Port::v4().addr(), Port::v4().addr(), "");
    let refused = forwarder().config(config.text()).run();
    assert_eq!(
        (refused.status.code(), refused.to_string().contains(says)),
        (Some(2), true),
        "{refused}"
    );
}

#[test]
fn the_port_of_the_command_line_takes_the_token_file_of_the_configuration() {
    let (dir, admin) = (TempDir::new().unwrap(), Port::v4());
    let config = Config::new().admin("off").process(&token_file(&dir, 0o600));
    let config = config.forward(Port::v4().addr(), Port::v4().addr(), "");
    let options = ["--admin".to_owned(), admin.addr().to_string()];
    let running = forwarder().config(config.text()).args(options).start();
    running.ready();
    let known = Http::new(admin.addr()).header("Authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(known.json("/v1/status")["pid"], running.pid());
    assert_eq!(Http::new(admin.addr()).get("/v1/status").status, 401);
}

/// Connections without a request are closed; until then, further connections wait.
#[test]
fn silent_connections_are_closed_for_waiting_ones() {
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
fn an_endless_request_head_is_refused() {
    let echo = Echo::start("");
    let mut socket = connect(echo.operated.socket()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let line = format!("X: {}\r\n", "x".repeat(1000));
    let head = format!("GET / HTTP/1.1\r\n{}", line.repeat(1000));
    // The connection is cut mid-write.
    let _ = socket.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    echo.http().get("/healthz").success();
}

#[test]
fn foreign_web_pages_may_not_query_a_socket_either() {
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
