//! `send_proxy`: what targets get ahead of the client's bytes.

use std::io::Read as _;
use std::net::SocketAddr;

use testkit::{
    Behaviour, LIMIT, Listener, Place, Port, Script, Socket, Target, connect, wait_until,
};

use super::{FAMILIES, Header, PLACES, block, haproxy, line, nginx, v2};
use crate::support::{Config, Operated, ping, play};

/// A configuration with one forward.
fn config(port: impl std::fmt::Display, to: impl std::fmt::Display, settings: &str) -> Config {
    Config::new().forward_with(port, format!("to = {to}\n{settings}"))
}

/// The client's own address.
fn own(client: &Socket) -> SocketAddr {
    client.local_addr().unwrap().as_socket().unwrap()
}

/// The bytes of the first segment that a target gets.
fn first_segment(mut target: &Socket) -> Vec<u8> {
    let mut bytes = [0; 1024];
    let count = target.read(&mut bytes).unwrap();
    bytes[..count].to_vec()
}

#[test]
fn a_target_gets_the_header_at_once_and_then_the_bytes_of_the_client() {
    let headers: [(_, Header); 2] = [("v1", line), ("v2", block)];
    for (version, header) in headers {
        for (family, place) in FAMILIES.into_iter().zip(PLACES) {
            let (port, listener) = (family(), Listener::bind(place));
            let to = format!("'{}'", listener.addr());
            let config = config(port.addr(), to, &format!("send_proxy = '{version}'"));
            let forwarder = config.start();
            let client = connect(&port).unwrap();
            let target = listener.accept();
            // The client is still silent.
            assert_eq!(first_segment(&target), header(own(&client), port.addr()), "{version}");
            play(&client, Script::new().sending(1).write(100_000).shutdown_write());
            play(
                &target,
                Script::new().expecting(1).read_to_end().write_bytes("!").shutdown_write(),
            );
            assert_eq!(play(&client, Script::new().read_to_end()).bytes, b"!");
            let record = forwarder.wait_for_records(1).remove(0);
            assert_eq!(record.close_reason(), "client/relay/fin");
            assert_eq!(
                record.json["bytes_up"], 100_000,
                "the header does not count: {}",
                record.json
            );
        }
    }
}

#[test]
fn a_header_to_a_dual_stack_listener_has_the_family_of_the_client() {
    let (port, listener) = (Port::every_address(), Listener::bind(Place::V4));
    let to = format!("'{}'", listener.addr());
    let _forwarder = config(format!(":{port}"), to, "send_proxy = 'v1'").start();
    for host in ["127.0.0.1", "[::1]"] {
        let address: SocketAddr = format!("{host}:{port}").parse().unwrap();
        let client = connect(address).unwrap();
        assert_eq!(first_segment(&listener.accept()), line(own(&client), address));
    }
}

#[test]
fn a_client_of_a_unix_listener_is_unnamed() {
    let (dir, listener) = (tempfile::TempDir::new().unwrap(), Listener::bind(Place::V4));
    let path = dir.path().join("socket").display().to_string();
    let mut block = [0; 216];
    block[108..108 + path.len()].copy_from_slice(path.as_bytes());
    let versions = [("v1", b"PROXY UNKNOWN\r\n".to_vec()), ("v2", v2(0x21, 0x31, &block))];
    for (version, header) in versions {
        let settings = format!("send_proxy = '{version}'");
        let to = format!("'{}'", listener.addr());
        let _forwarder = config(format!("unix:{path}"), to, &settings).start();
        let _client = connect(std::path::PathBuf::from(&path)).unwrap();
        assert_eq!(first_segment(&listener.accept()), header, "{version}");
    }
}

#[test]
fn each_target_gets_the_header_that_it_wants() {
    let port = Port::v4();
    let [plain, one, two] = [(); 3].map(|()| Listener::bind(Place::V4));
    let to = format!(
        "[{{ address = '{}', send_proxy = 'off' }}, '{}', {{ address = '{}', send_proxy = 'v2' }}]",
        plain.addr(),
        one.addr(),
        two.addr()
    );
    let settings = "send_proxy = 'v1'\nbalance = 'round_robin'";
    let _forwarder = config(port.addr(), to, settings).start();
    for _ in 0..3 {
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes("x"));
    }
    let first = [&plain, &one, &two].map(|listener| {
        let target = listener.accept();
        String::from_utf8_lossy(&first_segment(&target)).chars().take(5).collect::<String>()
    });
    assert_eq!(first, ["x", "PROXY", "\r\n\r\n\0"]);
}

#[test]
fn a_target_that_answers_a_silent_client_is_served() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let to = format!("'{}'", target.addr());
    let _forwarder = config(port.addr(), to, "send_proxy = 'v1'").start();
    let client = connect(&port).unwrap();
    let header = line(own(&client), port.addr());
    let script = Script::new().read_exactly(header.len() as u64);
    assert_eq!(play(&client, script).bytes, header, "the echo of the header");
    ping(&client);
}

#[test]
fn a_target_that_resets_the_connection_resets_that_of_the_client() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Reset));
    let to = format!("'{}'", target.addr());
    let forwarder = config(port.addr(), to, "send_proxy = 'v2'").start();
    // The reset may reach the client before it looks at its new connection.
    if let Ok(client) = connect(&port) {
        play(&client, Script::new().drain());
    }
    let record = forwarder.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "target/relay/reset");
}

#[test]
fn a_reload_changes_the_header_of_new_sessions() {
    let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
    let with = |options: &str, settings: &str| {
        let to = format!("{{ address = '{}'{options} }}", listener.addr());
        config(port.addr(), to, &format!("name = 'f'\n{settings}"))
    };
    let operated = Operated::start(with("", "send_proxy = 'v1'"));
    let before = connect(&port).unwrap();
    let served = listener.accept();
    // The kernel connects before the worker knows, which then takes the header of its rules.
    wait_until("its header", LIMIT, || operated.sessions()[0]["phase"] == "relay");
    let begins = |bytes: &[u8]| {
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes("x"));
        let segment = first_segment(&listener.accept());
        assert!(segment.starts_with(bytes), "{segment:?}");
    };
    for (options, settings, bytes) in [
        ("", "send_proxy = 'v2'", &b"\r\n\r\n\0"[..]),
        ("", "", b"x"),
        (", send_proxy = 'v1'", "", b"PROXY"),
        (", send_proxy = 'off'", "send_proxy = 'v2'", b"x"),
    ] {
        operated.reload(with(options, settings));
        begins(bytes);
    }
    operated.upgrade();
    begins(b"x");
    // The open session has its header, and goes on.
    play(&before, Script::new().write_bytes("still"));
    let header = line(own(&before), port.addr());
    let script = Script::new().read_exactly(header.len() as u64 + 5);
    assert_eq!(play(&served, script).bytes, [&header[..], b"still"].concat());
}

#[test]
fn haproxy_and_nginx_take_the_client_from_the_header() {
    let servers = [("haproxy", haproxy("accept-proxy")), ("nginx", nginx())];
    for (name, server) in &servers {
        for version in ["v1", "v2"] {
            for family in FAMILIES {
                let (port, to) = (family(), format!("'{}'", server.addr()));
                let settings = format!("send_proxy = '{version}'");
                let _forwarder = config(port.addr(), to, &settings).start();
                let client = connect(&port).unwrap();
                let request = "GET / HTTP/1.0\r\n\r\n";
                let answer = play(&client, Script::new().write_bytes(request).read_to_end());
                let answer = String::from_utf8(answer.bytes).unwrap();
                let unbracketed =
                    |address: SocketAddr| format!("{}:{}", address.ip(), address.port());
                let (client, listener) = (unbracketed(own(&client)), unbracketed(port.addr()));
                let expected = format!("{client} {listener}");
                assert!(answer.ends_with(&expected), "{name}, {version}, {expected}: {answer}");
            }
        }
    }
}
