//! `listen = "fd:NAME"`: sockets passed to the process at its start.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use testkit::{
    Addr, Behaviour, ForwarderBuilder, LIMIT, Port, Signal, Socket, Target, Tool, connect,
    connect_and_close, wait_until,
};

use crate::support::{BINARY, Config, Operated, forwarder, messages, ping, served_client};

/// A listening socket on loopback, and its address.
fn listener() -> (OwnedFd, Addr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = Addr::Tcp(listener.local_addr().unwrap());
    (listener.into(), addr)
}

fn echo_behind(listen: &str, target: &Target) -> Config {
    Config::new().forward(listen, target.addr(), "keepalive = { idle = '77s' }")
}

fn with(config: &Config) -> ForwarderBuilder {
    forwarder().config(config.text())
}

/// Standard error of a failed start, and its exit code.
#[track_caller]
fn failure(builder: ForwarderBuilder) -> (String, Option<i32>) {
    let forwarder = builder.start();
    let code = forwarder.wait_exit(LIMIT).code();
    (forwarder.stderr().join("\n"), code)
}

#[test]
fn a_tcp_socket_gets_the_forwards_options() {
    let target = Target::start(Behaviour::Echo);
    let (socket, addr) = listener();
    let copy = Socket::from(socket.try_clone().unwrap());
    // This client connected before the process started.
    let early = connect(&addr).unwrap();
    let forwarder = with(&echo_behind("fd:web", &target)).given("web", socket).start();
    forwarder.ready();
    ping(&early);
    served_client(addr);
    assert!(copy.keepalive().unwrap());
    assert_eq!(copy.tcp_keepalive_time().unwrap().as_secs(), 77);
    let warnings = forwarder.count_lines(|line| line.contains(r#""level":"warn""#));
    assert_eq!(warnings, 0);
}

#[test]
fn a_unix_socket_serves_and_its_file_is_not_removed() {
    let (target, dir) = (Target::start(Behaviour::Echo), TempDir::new().unwrap());
    let path = dir.path().join("socket");
    let socket = UnixListener::bind(&path).unwrap();
    let forwarder = with(&echo_behind("fd:web", &target)).given("web", socket.into()).start();
    forwarder.ready();
    served_client(path.clone());
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    assert!(path.exists());
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
    let target = Target::start(Behaviour::Echo);
    let config = echo_behind("fd:web", &target);
    let (text, code) = failure(with(&config).given("db", listener().0));
    assert!(text.contains("listen fd:web: no socket with this name was passed"), "{text}");
    assert!(text.contains("the passed sockets are db"), "{text}");
    assert_eq!(code, Some(2));
    let (text, code) = failure(with(&config));
    assert!(text.contains("no sockets were passed"), "{text}");
    assert_eq!(code, Some(2));
}

#[test]
fn a_socket_that_does_not_listen_is_refused() {
    let target = Target::start(Behaviour::Echo);
    let (listening, addr) = listener();
    let connected = OwnedFd::from(connect(addr).unwrap());
    let datagrams = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    for descriptor in [connected, datagrams] {
        let builder = with(&echo_behind("fd:web", &target)).given("web", descriptor);
        let (text, code) = failure(builder);
        assert!(text.contains("is not a listening TCP or Unix socket"), "{text}");
        assert_eq!(code, Some(2));
    }
    drop(listening);
}

#[test]
fn announced_descriptors_must_exist() {
    let target = Target::start(Behaviour::Echo);
    let config = echo_behind("fd:web", &target);
    for (count, expected) in [("x", "LISTEN_FDS=x is not a number"), ("99", "use descriptor")] {
        let builder = with(&config).given("web", listener().0).env("LISTEN_FDS", count);
        let (text, code) = failure(builder);
        assert!(text.contains(expected), "{text}");
        assert_eq!(code, Some(2));
    }
}

#[test]
fn an_unused_socket_is_kept_for_a_reload() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let (socket, addr) = listener();
    let plain = || Config::new().forward(port.addr(), target.addr(), "");
    let operated = Operated::start_with(plain(), |builder| builder.given("web", socket));
    operated.ready();
    let warning = "no forward uses this activated socket: clients wait in its queue";
    let warnings = messages(&operated, warning);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["name"], "web");
    let waiting = connect(&addr).unwrap();
    for _ in 0..2 {
        operated.reload(plain().forward("fd:web", target.addr(), ""));
        served_client(&addr);
        operated.reload(plain());
    }
    ping(&waiting);
    // No second warning, and an unknown name changes nothing.
    operated.write(plain().forward("fd:other", target.addr(), ""));
    let answer = operated.http.post("/v1/reload");
    assert_ne!(answer.status, 200);
    served_client(&port);
    assert_eq!(messages(&operated, warning).len(), 1);
}

#[test]
fn a_target_equal_to_an_activated_socket_is_a_loop() {
    let (socket, addr) = listener();
    let config = Config::new().forward("fd:web", &addr, "");
    let forwarder = with(&config).given("web", socket).start();
    forwarder.ready();
    // The connection may be reset before connect(2) returns.
    connect_and_close(&addr);
    let records = forwarder.wait_for_records(1);
    assert_eq!(records[0].close_reason(), "target/connect/loop");
}

#[test]
fn an_upgrade_hands_off_used_and_unused_sockets() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let (socket, addr) = listener();
    let plain = || Config::new().forward(port.addr(), target.addr(), "");
    let with_given = || plain().forward("fd:web", target.addr(), "");
    let operated = Operated::start_with(with_given(), |builder| builder.given("web", socket));
    let session = served_client(&addr);
    let upgrade = |count: usize| {
        operated.signal(Signal::USR2);
        wait_until("the upgrade", LIMIT, || messages(&operated, "upgraded").len() == count);
    };
    upgrade(1);
    ping(&session);
    served_client(&addr);
    operated.reload(plain());
    upgrade(2);
    operated.reload(with_given());
    ping(&session);
    served_client(&addr);
}

// === systemd-socket-activate ===

/// systemd-socket-activate, which executes the forwarder on the first connection.
struct Activated {
    process: Child,
    _dir: TempDir,
}

impl Activated {
    fn start(config: &Config, sockets: &[(&str, String)]) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("forwarder.toml");
        std::fs::write(&path, config.text()).unwrap();
        let mut command: Command = Tool::find("systemd-socket-activate").command();
        let names: Vec<_> = sockets.iter().map(|(name, _)| *name).collect();
        command.arg(format!("--fdname={}", names.join(":")));
        command.args(sockets.iter().flat_map(|(_, addr)| ["-l", addr]));
        command.arg(BINARY).arg("-c").arg(&path);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { process, _dir: dir }
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        // An error means that it has exited.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn systemd_passes_several_sockets_under_one_name() {
    let (target, dir) = (Target::start(Behaviour::Echo), TempDir::new().unwrap());
    let ports = [Port::v4(), Port::v4()];
    let unix = dir.path().join("socket");
    let addr = |port: &Port| port.addr().to_string();
    let config = echo_behind("fd:web", &target).forward("fd:local", target.addr(), "");
    let sockets = [
        ("web", addr(&ports[0])),
        ("local", unix.to_str().unwrap().to_owned()),
        ("web", addr(&ports[1])),
    ];
    let _activated = Activated::start(&config, &sockets);
    for addr in [Addr::from(&ports[1]), Addr::from(&ports[0]), Addr::from(unix)] {
        wait_until("systemd to listen", LIMIT, || connect(&addr).is_ok());
        served_client(addr);
    }
}
