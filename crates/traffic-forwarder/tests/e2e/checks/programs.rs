//! Checks of real programs.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Child;

use testkit::{Addr, Behaviour, LIMIT, Nginx, Place, Port, Server, Signal, Target, Tool, run};

use super::{operated, targets, wait_for_states};
use crate::support::{Config, Operated};

/// A program that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Fails if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const OFTEN: &str = "every = '100ms', fall = 2, rise = 2";

#[test]
fn nginx_is_down_while_its_page_is_missing() {
    let (nginx, port) = (Nginx::start(), Port::v4());
    let page = nginx.root().join("up");
    fs::write(&page, "x").unwrap();
    let check = format!("check = {{ http = '/up', {OFTEN} }}");
    let operated = operated(&port, &[nginx.addr().into()], &check);
    wait_for_states(&operated, &["up"]);
    fs::remove_file(&page).unwrap();
    wait_for_states(&operated, &["down"]);
    assert_eq!(targets(&operated)[0]["last_check"]["result"], "HTTP status 404");
    fs::write(&page, "x").unwrap();
    wait_for_states(&operated, &["up"]);
}

#[test]
fn redis_answers_a_ping_and_not_while_it_is_stopped() {
    let (redis, port) = (Server::redis(), Port::v4());
    let check = format!(
        "check = {{ send = \"PING\\r\\n\", expect = '+PONG', timeout = '200ms', {OFTEN} }}"
    );
    let operated = operated(&port, &[(&redis).into()], &check);
    wait_for_states(&operated, &["up"]);
    redis.process().signal(Signal::STOP);
    wait_for_states(&operated, &["down"]);
    assert_eq!(targets(&operated)[0]["last_check"]["result"], "no answer in time");
    redis.process().signal(Signal::CONT);
    wait_for_states(&operated, &["up"]);
}

#[test]
fn haproxy_without_servers_is_no_target_for_an_http_check() {
    let (port, server) = (Port::v4(), Port::v4());
    let haproxy = Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n\
             listen it\n bind {}\n monitor-uri /up\n monitor fail if {{ nbsrv(it) lt 1 }}\n\
             server one {} check inter 100ms fall 1 rise 1\n",
            own.addr(),
            server.addr()
        )
    });
    let check = format!("check = {{ http = '/up', {OFTEN} }}");
    let operated = operated(&port, &[haproxy.addr().into()], &check);
    wait_for_states(&operated, &["down"]);
    let one = Target::start_at(Place::At(server.addr()), Behaviour::Echo);
    wait_for_states(&operated, &["up"]);
    drop(one);
    wait_for_states(&operated, &["down"]);
    assert_eq!(targets(&operated)[0]["last_check"]["result"], "HTTP status 503");
}

#[test]
fn openssl_answers_a_tls_check_and_a_plain_server_does_not() {
    let (port, tls, echo) = (Port::v4(), Port::v4(), Target::start(Behaviour::Echo));
    let dir = tempfile::TempDir::new().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (key, cert) = (file("key"), file("cert"));
    let openssl = Tool::find("openssl");
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout"];
    run(openssl.command().args(request).args([&key, "-out", &cert]), LIMIT).success();
    let mut serve = openssl.command();
    serve.args(["s_server", "-quiet", "-key", &key, "-cert", &cert, "-accept"]);
    serve.arg(tls.addr().to_string());
    let _server = Ended(serve.spawn().unwrap());
    let check = format!("check = {{ tls = true, {OFTEN} }}");
    let addresses: [Addr; 2] = [tls.addr().into(), (&echo).into()];
    let operated = operated(&port, &addresses, &check);
    wait_for_states(&operated, &["up", "down"]);
    let result = &targets(&operated)[1]["last_check"]["result"];
    let echo = r#"not the expected answer, but "\x16\x03\x01"#;
    assert!(result.as_str().unwrap().starts_with(echo), "{result}");
}

#[test]
fn a_unix_socket_is_checked_like_any_target() {
    let (port, dir) = (Port::v4(), tempfile::TempDir::new().unwrap());
    let path = dir.path().join("echo.sock");
    let check = format!("check = {{ connect = true, {OFTEN} }}\nnone_up = 'refuse'");
    let operated = operated(&port, &[path.clone().into()], &check);
    wait_for_states(&operated, &["down"]);
    let listener = UnixListener::bind(&path).unwrap();
    wait_for_states(&operated, &["up"]);
    drop(listener);
    wait_for_states(&operated, &["down"]);
}

#[test]
fn a_name_is_checked_at_its_address() {
    let (port, at) = (Port::v4(), Port::v4());
    let settings = format!("name = 'f'\ncheck = {{ connect = true, {OFTEN} }}");
    let name = format!("localhost:{}", at.number());
    let operated = Operated::start(Config::new().forward(port.addr(), name, settings));
    wait_for_states(&operated, &["down"]);
    let listener = TcpListener::bind(at.addr()).unwrap();
    wait_for_states(&operated, &["up"]);
    drop(listener);
    wait_for_states(&operated, &["down"]);
}
