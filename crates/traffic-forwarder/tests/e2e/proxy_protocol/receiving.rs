//! `accept_proxy`: headers that proxies send.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use testkit::{
    Addr, Behaviour, LIMIT, Listener, Peer, Place, Port, Script, Signal, Socket, Target, connect,
    connect_and_close, wait_until,
};

use super::{block, line, v2};
use crate::support::{Config, Operated, QUIET, messages, ping, play, reset};

/// The log line about refused clients.
pub(super) const REFUSED: &str =
    "connections refused: allow, deny or accept_proxy does not admit the client";

pub(super) const TRUSTED: &str = "accept_proxy = { from = ['127.0.0.1'] }";

pub(super) fn config(listen: impl std::fmt::Display, to: &Addr, settings: &str) -> Config {
    Config::new().forward_with(listen, format!("name = 'f'\nto = '{to}'\n{settings}"))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Addresses that no socket here has.
pub(super) fn stated() -> (SocketAddr, SocketAddr) {
    (address("192.0.2.7:4711"), address("198.51.100.9:443"))
}

fn stated_v6() -> (SocketAddr, SocketAddr) {
    (address("[2001:db8::7]:4711"), address("[2001:db8::9]:443"))
}

/// Headers, and the client that each names.
fn headers() -> Vec<(Vec<u8>, Option<SocketAddr>)> {
    let ((v4, v4_to), (v6, v6_to)) = (stated(), stated_v6());
    let mut with_tlvs = block(v4, v4_to);
    let tlvs = [&[4, 0, 1, 0][..], &[0xe0, 0x0f, 0xa0], &[7; 4000]].concat();
    with_tlvs.extend_from_slice(&tlvs);
    let length = u16::try_from(12 + tlvs.len()).unwrap().to_be_bytes();
    with_tlvs[14..16].copy_from_slice(&length);
    vec![
        (line(v4, v4_to), Some(v4)),
        (line(v6, v6_to), Some(v6)),
        (block(v4, v4_to), Some(v4)),
        (block(v6, v6_to), Some(v6)),
        (with_tlvs, Some(v4)),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 x 1\r\n".to_vec(), None),
        (v2(0x20, 0x00, b""), None),
        (v2(0x20, 0x11, &[1; 30]), None),
        (v2(0x21, 0x00, &[1; 30]), None),
    ]
}

/// Waits for the record of the only session, and checks it.
#[track_caller]
fn ends_as(operated: &Operated, reason: &str) {
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), reason, "{}", record.json);
}

fn own(client: &Socket) -> String {
    client.local_addr().unwrap().as_socket().unwrap().to_string()
}

#[test]
fn the_client_in_the_header_is_the_client_of_the_session() {
    let target = Target::start(Behaviour::Echo);
    for (header, named) in headers() {
        let port = Port::v4();
        let operated = Operated::start(config(port.addr(), target.addr(), TRUSTED));
        let client = connect(&port).unwrap();
        // The first data of the client come in the segment of the header.
        play(&client, Script::new().write_bytes([&header[..], b"hello"].concat()));
        assert_eq!(play(&client, Script::new().read_exactly(5)).bytes, b"hello");
        let session = operated.wait_for_sessions(1).remove(0);
        let named_text = named.map_or_else(|| own(&client), |address| address.to_string());
        assert_eq!(session["client"], named_text, "{header:?}");
        assert_eq!(session["proxy"].as_str(), named.map(|_| own(&client)).as_deref());
        ping(&client);
        play(&client, Script::new().shutdown_write().read_to_end());
        let record = operated.wait_for_records(1).remove(0);
        assert_eq!(record.json["client"], named_text);
        assert_eq!(record.json["proxy"].as_str(), named.map(|_| own(&client)).as_deref());
        assert_eq!(
            (&record.json["bytes_up"], record.close_reason()),
            (&6.into(), "client/relay/fin".into())
        );
    }
}

#[test]
fn a_header_may_come_in_single_bytes() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(port.addr(), target.addr(), TRUSTED));
    let (from, to) = stated();
    for header in [line(from, to), block(from, to)] {
        let mut client = connect(&port).unwrap();
        for byte in header {
            client.write_all(&[byte]).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        ping(&client);
        assert_eq!(operated.wait_for_sessions(1)[0]["client"], from.to_string());
        drop(client);
        operated.wait_for_sessions(0);
    }
}

/// Bulk behind a header is spliced, and no byte of the header is part of it.
#[test]
fn a_large_upload_behind_a_header_is_whole() {
    const BYTES: u64 = 20_000_000;
    for path in ["copy", "splice"] {
        let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
        let settings = format!("{TRUSTED}\npath = '{path}'");
        let operated = Operated::start(config(port.addr(), listener.addr(), &settings));
        let mut client = connect(&port).unwrap();
        let (from, to) = stated();
        client.write_all(&block(from, to)).unwrap();
        let script = Script::new().sending(3).write(BYTES).shutdown_write();
        let upload = Peer::play("the client", client.try_clone().unwrap(), script);
        let read = Script::new().expecting(3).read_to_end().shutdown_write();
        assert_eq!(play(&listener.accept(), read).received, BYTES);
        upload.finish();
        let record = operated.wait_for_records(1).remove(0);
        assert_eq!(record.json["path_up"], path);
    }
}

#[test]
fn other_clients_are_refused_and_have_no_record() {
    let (port, target) = (Port::every_address(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(format!(":{port}"), target.addr(), TRUSTED));
    let to = SocketAddr::from(([127, 0, 0, 1], port.number()));
    let (from, listener) = stated();
    for source in ["127.0.0.2", "127.0.0.3"] {
        let reset = Script::new().expect_reset();
        Peer::connect_from(source, source.parse().unwrap(), to, reset).finish();
    }
    wait_until("the line", LIMIT, || messages(&operated, REFUSED).len() == 1);
    let refused = &messages(&operated, REFUSED)[0];
    assert_eq!(
        (&refused["close"]["cause"], &refused["forward"]),
        (&"not_allowed".into(), &"f".into())
    );
    assert_eq!(
        [&refused["key"], &refused["prefix"]],
        [&"accept_proxy".into(), &serde_json::Value::Null]
    );
    let client = connect(to).unwrap();
    play(&client, Script::new().write_bytes(line(from, listener)));
    ping(&client);
    assert_eq!(target.accepted(), 1);
    drop(client);
    let records = operated.wait_for_records(1);
    assert_eq!(records.len(), 1, "only that of the client that was served");
}

#[test]
fn clients_of_unix_listeners_are_trusted_by_their_own_word() {
    let (dir, target) = (tempfile::TempDir::new().unwrap(), Target::start(Behaviour::Echo));
    let path = dir.path().join("socket");
    let listen = format!("unix:{}", path.display());
    for (from, serves) in [("'unix'", true), ("'0.0.0.0/0', '::/0'", false)] {
        let settings = format!("accept_proxy = {{ from = [{from}] }}");
        let operated = Operated::start(config(&listen, target.addr(), &settings));
        let client = connect(PathBuf::from(&path)).unwrap();
        let (source, to) = stated();
        let _ = (&client).write_all(&block(source, to));
        if serves {
            ping(&client);
            let session = operated.wait_for_sessions(1).remove(0);
            assert_eq!(session["client"], source.to_string());
            assert_eq!(session["proxy"], "unix");
        } else {
            play(&client, Script::new().drain());
            assert_eq!(operated.records().len(), 0);
        }
    }
}

#[test]
fn a_malformed_header_ends_the_session() {
    let target = Target::start(Behaviour::Echo);
    let (from, to) = stated();
    let mut wrong_sum = block(from, to);
    wrong_sum.extend([3, 0, 4, 1, 2, 3, 4]);
    wrong_sum[15] += 7;
    let mut oversized = block(from, to)[..16].to_vec();
    oversized[14] = 0x10;
    let cut = line(from, to)[..20].to_vec();
    for (bytes, ends) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), false),
        (b"PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n".to_vec(), false),
        (format!("PROXY UNKNOWN {}", "x".repeat(120)).into_bytes(), false),
        (v2(0x22, 0x11, &[1; 12]), false),
        (wrong_sum, false),
        (oversized, false),
        (cut, true),
    ] {
        let port = Port::v4();
        let operated = Operated::start(config(port.addr(), target.addr(), TRUSTED));
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes(bytes));
        if ends {
            play(&client, Script::new().shutdown_write());
        }
        play(&client, Script::new().read_to_reset());
        ends_as(&operated, "client/greet/bad_header");
    }
    assert_eq!(target.accepted(), 0);
}

#[test]
fn a_late_header_ends_the_session() {
    let target = Target::start(Behaviour::Echo);
    for begin in ["", "PROXY TCP4 "] {
        let port = Port::v4();
        let settings = "accept_proxy = { from = ['127.0.0.1'], timeout = '200ms' }";
        let operated = Operated::start(config(port.addr(), target.addr(), settings));
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes(begin).read_to_reset());
        ends_as(&operated, "limit/greet/header_timeout");
    }
}

#[test]
fn a_peer_that_leaves_without_a_byte_has_no_record() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(port.addr(), target.addr(), TRUSTED));
    connect_and_close(&port);
    reset(connect(&port).unwrap());
    let closed = || {
        let metrics = operated.http.get("/metrics").body;
        let count = |cause: &str| {
            let label = format!("by=\"client\",phase=\"greet\",cause=\"{cause}\"");
            metrics.lines().any(|line| line.contains(&label) && line.ends_with(" 1"))
        };
        count("fin") && count("reset")
    };
    wait_until("both to be counted", LIMIT, closed);
    assert_eq!((operated.records().len(), target.accepted()), (0, 0));
    assert_eq!(operated.sessions().len(), 0);
}

#[test]
fn a_session_reads_the_rest_of_its_header_after_an_upgrade() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let settings = "accept_proxy = { from = ['127.0.0.1'], timeout = '60s' }\nmax_sessions = 3";
    let operated = Operated::start(config(port.addr(), target.addr(), settings));
    let (from, to) = stated();
    let header = block(from, to);
    let clients = [0, 1, 20].map(|count| {
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes(&header[..count]));
        (client, count)
    });
    operated.wait_for_sessions(3);
    assert_eq!(operated.upgrade()["lost"], 0);
    for (client, count) in &clients {
        play(client, Script::new().expect_silence(QUIET));
        play(client, Script::new().write_bytes(&header[*count..]));
        ping(client);
    }
    // With its header, too.
    operated.upgrade();
    for session in operated.wait_for_sessions(3) {
        assert_eq!(session["client"], from.to_string());
        assert!(session["proxy"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    for (client, _) in &clients {
        ping(client);
    }
}

#[test]
fn a_reload_changes_what_new_clients_must_send() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let with = |settings: &str| config(port.addr(), target.addr(), settings);
    let operated =
        Operated::start(with("accept_proxy = { from = ['127.0.0.1'], timeout = '60s' }"));
    let waiting = connect(&port).unwrap();
    operated.wait_for_sessions(1);
    operated.reload(with(""));
    ping(&connect(&port).unwrap());
    // Accepted under the old rule, it still has to send its header.
    let (from, to) = stated();
    play(&waiting, Script::new().write_bytes(line(from, to)));
    ping(&waiting);
    operated.reload(with(TRUSTED));
    let client = connect(&port).unwrap();
    play(&client, Script::new().write_bytes("."));
    play(&client, Script::new().read_to_reset());
}

#[test]
fn clients_with_headers_wait_for_a_full_target() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let to = format!("{{ address = '{}', max_sessions = 1 }}", target.addr());
    let settings = format!("to = {to}\nat_limit = 'wait'\n{TRUSTED}");
    let operated = Operated::start(Config::new().forward_with(port.addr(), settings));
    let (from, to) = stated();
    let proxied = || {
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes([&line(from, to)[..], b"."].concat()));
        client
    };
    let (first, second) = (proxied(), proxied());
    play(&first, Script::new().read_exactly(1));
    play(&second, Script::new().expect_silence(QUIET));
    // It waits in the kernel's queue.
    operated.wait_for_sessions(1);
    drop(first);
    play(&second, Script::new().read_exactly(1));
    operated.wait_for_records(1);
}

#[test]
fn a_chain_passes_on_the_first_client() {
    let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
    let settings = format!("{TRUSTED}\nsend_proxy = 'v2'");
    let _operated = Operated::start(config(port.addr(), listener.addr(), &settings));
    for (from, to) in [stated(), stated_v6()] {
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes([&line(from, to)[..], b"data"].concat()));
        let expected = [block(from, to), b"data".to_vec()].concat();
        let script = Script::new().read_exactly(expected.len() as u64);
        assert_eq!(play(&listener.accept(), script).bytes, expected);
    }
}

/// Each client in a header keeps its target, and different clients use both.
#[test]
fn the_balance_by_source_knows_the_client_in_the_header() {
    let port = Port::v4();
    let targets = [(); 2].map(|()| Target::start(Behaviour::Echo));
    let to = format!("to = ['{}', '{}']", targets[0].addr(), targets[1].addr());
    let settings = format!("{to}\nbalance = 'source'\n{TRUSTED}");
    let _forwarder = Config::new().forward_with(port.addr(), settings).start();
    for client in 0..32 {
        let [first, second] = [8, 9].map(|source| {
            let before = targets[0].accepted();
            let from = SocketAddr::from(([10, 0, 0, client], source));
            let socket = connect(&port).unwrap();
            play(&socket, Script::new().write_bytes(line(from, stated().1)));
            ping(&socket);
            targets[0].accepted() > before
        });
        assert_eq!(first, second, "10.0.0.{client} has changed its target");
    }
    assert!(targets.iter().all(|target| target.accepted() > 3), "all would go to one");
}

/// As HAProxy checks a server with `send-proxy-v2`: a header without addresses, and a reset behind it.
#[test]
fn a_check_with_a_header_has_no_record() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(port.addr(), target.addr(), TRUSTED));
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    // Both have come before it looks.
    operated.signal(Signal::STOP);
    for header in [&local[..], b"PROXY UNKNOWN\r\n"] {
        let client = connect(&port).unwrap();
        play(&client, Script::new().write_bytes(header));
        reset(client);
    }
    operated.signal(Signal::CONT);
    wait_until("the checks", LIMIT, || {
        let closed = &operated.http.json("/v1/forwards/f")["closed"];
        closed.to_string().contains("client/greet/reset")
    });
    let client = connect(&port).unwrap();
    play(&client, Script::new().write_bytes(line(stated().0, stated().1)));
    ping(&client);
    drop(client);
    assert_eq!(operated.wait_for_records(1)[0].close_reason(), "client/relay/fin");
    assert_eq!(target.accepted(), 1);
}
