//! A Unix socket, a port and the address of the metrics side by side.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{
    Answer, Behaviour, Forwarder, Http, LIMIT, Port, Signal, Socket, Target, connect, wait_until,
};

use super::code;
use crate::support::{Config, forwarder, messages, ping, served_client, set_open_files};

pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(super) const VIEWER: &str = "fedcba9876543210fedcba9876543210";

/// A process with all interfaces, and an open session.
pub(super) struct Interfaces {
    pub(super) dir: TempDir,
    pub(super) forwarder: Forwarder,
    pub(super) admin: Port,
    pub(super) metrics: Port,
    target: Target,
    listen: Port,
    client: Socket,
}

pub(super) fn write_tokens(dir: &Path, text: &str) {
    let path = dir.join("token");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
}

impl Interfaces {
    #[track_caller]
    pub(super) fn start(tokens: &str) -> Self {
        Self::start_on(Port::v4(), tokens)
    }

    #[track_caller]
    fn start_on(metrics: Port, tokens: &str) -> Self {
        let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
        let (admin, listen) = (Port::v4(), Port::v4());
        write_tokens(dir.path(), tokens);
        let at = |name: &str| dir.path().join(name).display().to_string();
        let text = format!(
            "[process]\nworkers = 1\nadmin = ['unix:{}', '{}']\nadmin_token_file = '{}'\nmetrics = \
             '{}'\n[log]\nformat = 'json'\n[[forward]]\nname = 'echo'\nlisten = '{}'\nto = '{}'\n",
            at("admin.sock"),
            admin.addr(),
            at("token"),
            metrics.addr(),
            listen.addr(),
            target.addr()
        );
        let forwarder = forwarder().config(text).start();
        forwarder.ready();
        let client = served_client(&listen);
        Self { dir, forwarder, admin, metrics, target, listen, client }
    }

    pub(super) fn socket(&self) -> Http {
        Http::new(self.dir.path().join("admin.sock"))
    }

    pub(super) fn port(&self, token: &str) -> Http {
        self.anonymous().header("Authorization", &format!("Bearer {token}"))
    }

    pub(super) fn anonymous(&self) -> Http {
        Http::new(self.admin.addr())
    }

    pub(super) fn metrics(&self) -> Http {
        Http::new(self.metrics.addr())
    }

    /// Upgrades by the signal, and waits for the next image.
    #[track_caller]
    pub(super) fn upgrade(&self) {
        let before = messages(&self.forwarder, "upgraded").len();
        self.forwarder.signal(Signal::USR2);
        wait_until("the next image", LIMIT, || {
            messages(&self.forwarder, "upgraded").len() > before
        });
    }

    #[track_caller]
    fn all_answer(&self) {
        let pid = self.forwarder.pid();
        assert_eq!(self.socket().json("/v1/status")["pid"], pid);
        assert_eq!(self.port(TOKEN).json("/v1/status")["pid"], pid);
        assert!(self.metrics().get("/metrics").success().body.contains("_sessions_active"));
        assert_eq!(code(&self.anonymous().get("/v1/status")), (401, "unauthorized".into()));
    }
}

#[test]
fn all_interfaces_answer_also_after_a_reload_and_upgrades() {
    let interfaces = Interfaces::start(TOKEN);
    let ready = messages(&interfaces.forwarder, "ready").remove(0);
    assert!(
        ready["admin"].as_str().unwrap().contains(&interfaces.admin.addr().to_string()),
        "{ready}"
    );
    assert_eq!(ready["metrics"], interfaces.metrics.addr().to_string());
    interfaces.all_answer();
    for upgrades in 1..3 {
        interfaces.socket().post("/v1/reload").success();
        interfaces.upgrade();
        interfaces.all_answer();
        let status = interfaces.socket().json("/v1/status");
        assert_eq!(status["upgrades"], upgrades);
        assert_eq!(status["last_upgrade"]["warnings"], serde_json::json!([]));
        ping(&interfaces.client);
    }
    drop(interfaces.client);
    interfaces.forwarder.signal(Signal::TERM);
    assert_eq!(interfaces.forwarder.wait_exit(LIMIT).code(), Some(0));
    assert!(!interfaces.dir.path().join("admin.sock").exists());
}

/// A reload does not move the interfaces, and they answer until the end of a shutdown.
#[test]
fn a_reload_leaves_the_interfaces_where_they_are() {
    let interfaces = Interfaces::start(TOKEN);
    let other = format!(
        "[process]\nworkers = 1\nadmin = 'off'\nmetrics = '{}'\nshutdown_timeout = '60s'\n[log]\n\
         format = 'json'\n[[forward]]\nname = 'echo'\nlisten = '{}'\nto = '{}'\n",
        Port::v4().addr(),
        interfaces.listen.addr(),
        interfaces.target.addr()
    );
    interfaces.forwarder.write_config(&other);
    let report = interfaces.socket().post("/v1/reload").success().json();
    let waiting: Vec<_> =
        report["settings"].as_array().unwrap().iter().map(|it| it["key"].clone()).collect();
    for key in ["admin", "admin_token_file", "metrics"] {
        assert!(waiting.iter().any(|it| it == key), "{report}");
    }
    interfaces.upgrade();
    interfaces.all_answer();
    interfaces.forwarder.signal(Signal::TERM);
    wait_until("the shutdown", LIMIT, || interfaces.metrics().get("/readyz").status == 503);
    assert_eq!(interfaces.socket().json("/v1/status")["state"], "draining");
    assert_eq!(interfaces.metrics().get("/healthz").status, 200);
    ping(&interfaces.client);
}

#[test]
fn the_metrics_interface_serves_three_paths_without_a_token() {
    let interfaces = Interfaces::start(TOKEN);
    for path in ["/metrics", "/healthz", "/readyz"] {
        let answer = interfaces.metrics().header("Host", "edge-1.example").get(path).success();
        assert!(answer.headers.iter().any(|it| it == "connection: close"), "{:?}", answer.headers);
        assert_eq!(interfaces.metrics().ask("HEAD", path).success().body, "");
        assert_eq!(code(&interfaces.metrics().post(path)), (405, "method_not_allowed".into()));
    }
    for path in ["/", "/v1/status", "/v1/sessions", "/openapi.json", "/page/main.js"] {
        let with_token = interfaces.metrics().header("Authorization", &format!("Bearer {TOKEN}"));
        for answer in [interfaces.metrics().get(path), with_token.get(path)] {
            assert_eq!(code(&answer), (404, "not_found".into()), "{path}");
            assert!(answer.body.contains("admin interface (`admin` in [process])"), "{answer:?}");
        }
    }
    let killed = interfaces.metrics().delete("/v1/sessions?forward=echo");
    assert_eq!(killed.status, 404);
    ping(&interfaces.client);
}

#[test]
fn the_metrics_interface_takes_ipv6_and_every_address() {
    let interfaces = Interfaces::start_on(Port::v6(), TOKEN);
    interfaces.all_answer();
    let every = Port::every_address();
    let number = every.number();
    let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
    let text = format!(
        "[process]\nadmin = 'unix:{}/a'\nmetrics = ':{number}'\n[log]\nformat = 'json'\n\
         [[forward]]\nlisten = '{}'\nto = '{}'\n",
        dir.path().display(),
        Port::v4().addr(),
        target.addr()
    );
    let process = forwarder().config(text).start();
    process.ready();
    for host in ["127.0.0.1", "127.0.0.9", "[::1]"] {
        let address: std::net::SocketAddr = format!("{host}:{number}").parse().unwrap();
        Http::new(address).get("/healthz").success();
    }
}

/// Silent connections to the metrics keep neither the next one nor the admin interface waiting.
#[test]
fn a_crowd_at_the_metrics_is_bounded_and_keeps_nobody_out() {
    let interfaces = Interfaces::start(TOKEN);
    let before = interfaces.forwarder.fd_count();
    let crowd: Vec<_> = (0..200).map(|_| connect(interfaces.metrics.addr()).unwrap()).collect();
    for _ in 0..10 {
        interfaces.all_answer();
        interfaces.metrics().get("/healthz").success();
    }
    let more = interfaces.forwarder.fd_count().saturating_sub(before);
    assert!(more <= 16 + 4, "{more} descriptors for the crowd");
    drop(crowd);
}

#[track_caller]
fn refuses_to_start(config: &str, expected: &[&str]) {
    let finished = forwarder().config(config).run();
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    for words in expected {
        assert!(finished.to_string().contains(words), "{words}: {finished}");
    }
}

#[test]
fn a_configured_address_that_is_taken_stops_the_start() {
    let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
    write_tokens(dir.path(), TOKEN);
    let at = |name: &str| dir.path().join(name).display().to_string();
    let thief = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = thief.local_addr().unwrap().to_string();
    let _other = UnixListener::bind(at("taken.sock")).unwrap();
    fs::write(at("file"), "").unwrap();
    let config = |process: &str| {
        let listen = Port::v4().addr();
        let forward = format!("[[forward]]\nlisten = '{listen}'\nto = '{}'\n", target.addr());
        format!("[process]\n{process}\nadmin_token_file = '{}'\n{forward}", at("token"))
    };
    let port = ["another process listens there", "another port", &taken];
    refuses_to_start(&config(&format!("admin = '{taken}'")), &port);
    refuses_to_start(&config(&format!("admin = 'off'\nmetrics = '{taken}'")), &port);
    let pid = format!("(pid {})", std::process::id());
    let socket = ["another process listens there", &pid, "another path"];
    refuses_to_start(&config(&format!("admin = 'unix:{}'", at("taken.sock"))), &socket);
    let file = ["a file that is no socket is there"];
    refuses_to_start(&config(&format!("admin = 'unix:{}'", at("file"))), &file);
    // All of them are named.
    let both = format!("admin = ['unix:{}', '{taken}']", at("taken.sock"));
    refuses_to_start(&config(&both), &[&pid, &taken]);
}

#[test]
fn an_upgrade_without_the_token_file_keeps_the_tokens() {
    let interfaces = Interfaces::start(TOKEN);
    fs::remove_file(interfaces.dir.path().join("token")).unwrap();
    interfaces.upgrade();
    interfaces.all_answer();
    assert_eq!(messages(&interfaces.forwarder, "the tokens in force stay").len(), 1);
    ping(&interfaces.client);
}

/// Without a free descriptor, an operator still gets the status, and all callers their turns.
#[test]
fn without_a_free_descriptor_the_admin_interface_answers() {
    let interfaces = Interfaces::start(TOKEN);
    let pid = interfaces.forwarder.pid();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: Vec<u64> =
        open.map(|it| it.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    let lowest = (0..20_000).find(|number| !open.contains(number)).unwrap();
    set_open_files(&interfaces.forwarder, lowest);
    // This one waits in the kernel's queue.
    let waiting = connect(&interfaces.listen).unwrap();
    for _ in 0..20 {
        assert_eq!(interfaces.socket().json("/v1/status")["pid"], pid);
        assert_eq!(interfaces.port(TOKEN).json("/v1/status")["pid"], pid);
    }
    // More silent connections than there are descriptors in reserve: the oldest ends for the next caller.
    let mut silent: Vec<_> = (0..8).map(|_| connect(interfaces.admin.addr()).unwrap()).collect();
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(interfaces.socket().json("/v1/status")["pid"], pid);
        assert_eq!(interfaces.port(TOKEN).json("/v1/status")["pid"], pid);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        silent.push(connect(interfaces.admin.addr()).unwrap());
    }
    ping(&interfaces.client);
    set_open_files(&interfaces.forwarder, 10_000);
    drop((silent, waiting));
    ping(&served_client(&interfaces.listen));
}

/// The status of a request of another user, with an option of setpriv(1) for its supplementary groups.
fn post_as(socket: &Path, user: u32, group: u32, groups: &str, path: &str) -> String {
    let mut command = std::process::Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={group}"), groups]);
    command.args(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"]);
    command.args(["--unix-socket", socket.to_str().unwrap()]);
    testkit::run(command.arg(format!("http://localhost{path}")), LIMIT).to_string()
}

/// A socket with a group: its members operate the process, and no other user does.
#[test]
fn members_of_the_group_operate_the_process() {
    const GROUP: u32 = 64_998;
    let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    if fs::metadata("/proc/self").map(|it| std::os::unix::fs::MetadataExt::uid(&it)).unwrap() != 0 {
        // Only root gives a file to another group, and becomes another user.
        return;
    }
    let socket = dir.path().join("admin.sock");
    let config = Config::new()
        .admin(&format!("unix:{}", socket.display()))
        .process(&format!("admin_group = '{GROUP}'"))
        .forward(Port::v4().addr(), target.addr(), "name = 'echo'");
    let process = config.start();
    process.ready();
    let ask =
        |user: u32, group: u32, path: &str| post_as(&socket, user, group, "--clear-groups", path);
    let drained = ask(64_999, GROUP, "/v1/forwards/echo/drain");
    assert!(drained.contains("200"), "{drained}");
    process.wait_for_message("admin action");
    let line = messages(&process, "admin action").remove(0);
    assert_eq!((&line["uid"], &line["role"]), (&64_999.into(), &"operate".into()), "{line}");
    let refused = ask(64_999, 64_997, "/v1/forwards/echo/resume");
    assert!(refused.contains("000"), "{refused}");
    // They may not have this process, which may be root, run a program.
    let upgrade = ask(64_999, GROUP, "/v1/upgrade?binary=/bin/true");
    assert!(upgrade.contains("403"), "{upgrade}");
    // Also if the mode of the file was changed by mistake; a supplementary group makes a member, too.
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).unwrap();
    let refused = ask(64_999, 64_997, "/v1/forwards/echo/resume");
    assert!(refused.contains("000"), "{refused}");
    process.wait_for_message("admin request denied");
    let member = format!("--groups=64996,{GROUP}");
    let resumed = post_as(&socket, 64_999, 64_997, &member, "/v1/forwards/echo/resume");
    assert!(resumed.contains("200"), "{resumed}");
}

/// Answers of authenticated callers beside a crowd of connections without a token.
#[test]
fn unauthenticated_connections_keep_no_authenticated_caller_out() {
    const REQUESTS: usize = 50;
    // The goal is 100 ms; a debug build on a busy machine gets more.
    const SLOW: Duration = Duration::from_secs(3);
    let interfaces = Interfaces::start(TOKEN);
    let crowd = crate::admin::crowd::Crowd::start(interfaces.admin.addr());
    let timed = |ask: &dyn Fn() -> Answer| {
        let began = Instant::now();
        ask().success();
        began.elapsed()
    };
    let (operator, anonymous) = (interfaces.port(TOKEN), interfaces.anonymous());
    let answered = (0..REQUESTS).map(|_| timed(&|| operator.get("/v1/status")));
    let mut answered: Vec<_> = answered.collect();
    let health: Vec<_> = (0..REQUESTS).map(|_| timed(&|| anonymous.get("/healthz"))).collect();
    answered.sort();
    let soon = answered.iter().filter(|time| **time <= Duration::from_millis(100)).count();
    println!(
        "{REQUESTS} of {REQUESTS} answered, {soon} within 100 ms, slowest {:?}, health checks \
         {:?}; connections of the crowd: {}",
        answered[REQUESTS - 1],
        health.iter().max().unwrap(),
        crowd.connects()
    );
    assert!(answered[REQUESTS - 1] < SLOW, "{answered:?}");
    // A connection that has shown the token stays, however many others come.
    let mut kept = connect(interfaces.admin.addr()).unwrap();
    kept.set_read_timeout(Some(LIMIT)).unwrap();
    for _ in 0..20 {
        let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ";
        kept.write_all(format!("{head}{TOKEN}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = [0; 512];
        let length = kept.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let connects = crowd.connects();
    wait_until("the crowd goes on", LIMIT, || crowd.connects() > connects + 100);
    ping(&interfaces.client);
}
