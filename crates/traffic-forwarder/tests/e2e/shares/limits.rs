//! `per_client`: sessions, new sessions per time, prefixes, exempt clients, and the clients of proxies.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use testkit::{Addr, Behaviour, LIMIT, Port, Socket, Target, connect, connect_from, wait_until};

use super::{client_from, fill, is_refused, is_served, places, refused, wait_for_places};
use crate::support::{Config, Operated, ping, served_client};

fn start(port: &Port, target: &Target, settings: &str) -> Operated {
    let config = Config::new().process("workers = 2");
    let settings = format!("name = 'f'\n{settings}");
    Operated::start(config.forward(port.addr(), target.addr(), settings))
}

#[test]
fn a_client_has_as_many_sessions_as_it_may_have() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = start(&port, &target, "per_client = { sessions = 3 }\nshare = 'off'");
    let mut held = fill(1, port.addr(), 9);
    assert_eq!(held.len(), 3);
    let _other = is_served(2, port.addr());
    let message = "connections refused: the client has as many sessions as it may have";
    let line: serde_json::Value =
        serde_json::from_str(&operated.wait_for_message(message)).unwrap();
    assert_eq!([&line["client"], &line["key"]], ["127.9.0.1", "per_client.sessions"], "{line}");
    assert_eq!([&line["places"], &line["limit"], &line["count"]], [3, 3, 1], "{line}");
    drop(held.pop());
    wait_for_places(&operated, &[("127.9.0.1", 2), ("127.9.0.2", 1)]);
    held.push(is_served(1, port.addr()));
    is_refused(1, port.addr());
    assert_eq!(refused(&operated, "f", "client_limit"), 2);
}

#[test]
fn a_client_opens_sessions_as_fast_as_it_may() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = start(&port, &target, "per_client = { new = '1/h', burst = 4 }");
    assert_eq!(fill(1, port.addr(), 9).len(), 4, "the burst; the next one is due after an hour");
    let _other = is_served(2, port.addr());
    let message = "connections refused: the client opens sessions faster than it may";
    let line: serde_json::Value =
        serde_json::from_str(&operated.wait_for_message(message)).unwrap();
    assert_eq!([&line["client"], &line["key"]], ["127.9.0.1", "per_client.new"], "{line}");
    assert_eq!(line["close"]["cause"], "rate_limit");
    assert_eq!(refused(&operated, "f", "rate_limit"), 1);
    assert_eq!(operated.http.json("/v1/forwards/f")["rate_limit"], 1);
}

/// The rate of a past client is remembered, and no reason to list it.
#[test]
fn past_clients_are_not_listed() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = start(&port, &target, "per_client = { new = '1/h', burst = 4 }");
    drop(is_served(1, port.addr()));
    let _open = is_served(2, port.addr());
    wait_for_places(&operated, &[("127.9.0.2", 1)]);
    assert_eq!(operated.http.json("/v1/clients")["total"], 1);
    assert_eq!(fill(1, port.addr(), 9).len(), 3, "its rate is remembered");
}

#[test]
fn a_client_is_served_at_its_rate() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let _operated = start(&port, &target, "per_client = { new = '10/s', burst = 1 }");
    let begin = Instant::now();
    let mut served = 0;
    wait_until("the sixth session", LIMIT, || {
        served += usize::from(super::client(1, port.addr()).is_some());
        served == 6
    });
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(490), "six sessions at 10/s took {took:?}");
}

#[test]
fn clients_of_one_prefix_are_one_client() {
    let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v6()]);
    let settings = "per_client = { sessions = 2, prefix = [24, 64] }";
    let config = Config::new().process("workers = 2").forward(
        ports[0].addr(),
        target.addr(),
        format!("name = 'v4'\n{settings}"),
    );
    let config = config.forward(ports[1].addr(), target.addr(), format!("name = 'v6'\n{settings}"));
    let operated = Operated::start(config);
    let to = ports[0].addr();
    let _held = [is_served(1, to), is_served(2, to)];
    is_refused(3, to);
    let _other = is_served(0x101, to);
    assert_eq!(places(&operated), [("127.9.0.0/24".to_owned(), 2), ("127.9.1.0/24".to_owned(), 1)]);
    let v6 = |to: SocketAddr| client_from(Ipv6Addr::LOCALHOST.into(), to);
    let _held = [v6(ports[1].addr()), v6(ports[1].addr())].map(|it| it.expect("a session"));
    assert!(v6(ports[1].addr()).is_none());
    assert!(places(&operated).contains(&("::/64".to_owned(), 2)));
}

/// A listener of both families gets clients of IPv4 with IPv4-mapped addresses.
#[test]
fn a_mapped_client_is_one_of_ipv4() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::every_address());
    let settings = "per_client = { sessions = 1 }";
    let listen = format!(":{}", port.number());
    let config = Config::new().forward(listen, target.addr(), settings);
    let operated = Operated::start(config);
    let to = SocketAddr::new("127.0.0.1".parse().unwrap(), port.number());
    let _held = [is_served(1, to), is_served(2, to)];
    is_refused(1, to);
    wait_for_places(&operated, &[("127.9.0.1", 1), ("127.9.0.2", 1)]);
}

#[test]
fn an_exempt_client_is_not_counted_and_has_no_limit() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings =
        "max_sessions = 30\nper_client = { sessions = 2, exempt = ['127.9.0.1', '127.9.8.0/24'] }";
    let operated = start(&port, &target, settings);
    let held = [fill(1, port.addr(), 10), fill(0x0801, port.addr(), 10)];
    assert_eq!(held.each_ref().map(Vec::len), [10, 10]);
    assert_eq!(fill(2, port.addr(), 10).len(), 2);
    let _held = fill(1, port.addr(), 100);
    wait_until("the client to leave", LIMIT, || places(&operated).is_empty());
    assert_eq!(operated.sessions().len(), 30, "also the last place");
}

#[test]
fn clients_of_unix_listeners_have_no_limit() {
    let (target, dir) = (Target::start(Behaviour::Echo), tempfile::TempDir::new().unwrap());
    let path = dir.path().join("socket");
    let settings = "max_sessions = 30\nper_client = { sessions = 1, new = '1/h' }";
    let listen = format!("unix:{}", path.display());
    let _forwarder = Config::new().forward(listen, target.addr(), settings).start();
    let clients: Vec<_> = (0..30).map(|_| served_client(Addr::Unix(path.clone()))).collect();
    clients.iter().for_each(ping);
}

/// A PROXY header that names this client, and a byte of the client.
fn header_of(client: &str) -> String {
    format!("PROXY TCP4 {client} 192.0.2.1 4711 80\r\n.")
}

/// The client that a PROXY header names.
fn proxied(client: &str, port: &Port) -> Option<Socket> {
    let mut socket = connect(port).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.write_all(header_of(client).as_bytes()).ok()?;
    socket.read_exact(&mut [0]).ok()?;
    Some(socket)
}

#[test]
fn the_client_in_a_proxy_header_is_the_client_of_the_limits() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = "max_sessions = 100\naccept_proxy = { from = '127.0.0.0/8' }\n\
                    per_client = { sessions = 2 }";
    let operated = start(&port, &target, settings);
    let _held = ["192.0.2.7", "192.0.2.7", "192.0.2.8"]
        .map(|client| proxied(client, &port).expect("a session"));
    assert!(proxied("192.0.2.7", &port).is_none());
    wait_for_places(&operated, &[("192.0.2.7", 2), ("192.0.2.8", 1)]);
    assert_eq!(refused(&operated, "f", "client_limit"), 1);
    // The proxy itself has no limit of sessions.
    let silent: Vec<_> = (0..50).map(|_| connect(&port).unwrap()).collect();
    let _newcomer = proxied("192.0.2.9", &port).expect("a session");
    wait_for_places(
        &operated,
        &[("127.0.0.1", 50), ("192.0.2.7", 2), ("192.0.2.8", 1), ("192.0.2.9", 1)],
    );
    // With its header, a connection is one of the client that it names.
    for (number, mut socket) in (1..).zip(&silent) {
        socket.write_all(header_of(&format!("198.51.100.{number}")).as_bytes()).unwrap();
        socket.read_exact(&mut [0]).unwrap();
    }
    let held = places(&operated);
    assert!(held.len() == 53 && held.iter().all(|(client, _)| client != "127.0.0.1"), "{held:?}");
}

/// Peers without a header hold their share, and no more.
#[test]
fn a_newcomer_is_served_beside_peers_that_send_no_header() {
    for settings in ["", "at_limit = 'wait'"] {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let settings = format!(
            "max_sessions = 100\naccept_proxy = {{ from = '127.0.0.0/8', timeout = '1h' }}\n{settings}"
        );
        let operated = start(&port, &target, &settings);
        let greedy = |number| {
            let connect = |_| connect_from(super::address(number), port.addr()).ok();
            (0..120).filter_map(connect).collect::<Vec<_>>()
        };
        let _silent = [greedy(1), greedy(2)];
        wait_for_places(&operated, &[("127.9.0.1", 90), ("127.9.0.2", 9)]);
        let _newcomer = proxied("192.0.2.7", &port).expect("a session");
        assert_eq!(refused(&operated, "f", "client_limit"), 141);
        assert_eq!(refused(&operated, "f", "over_limit"), 0);
    }
}

#[test]
fn shares_hold_for_clients_behind_a_proxy() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let settings = "max_sessions = 40\naccept_proxy = { from = '127.0.0.0/8' }\nat_limit = 'wait'";
    let operated = start(&port, &target, settings);
    let greedy: Vec<_> = std::iter::from_fn(|| proxied("192.0.2.7", &port)).take(60).collect();
    assert_eq!(greedy.len(), 36);
    let newcomer = proxied("192.0.2.8", &port).expect("a session");
    assert_eq!(refused(&operated, "f", "client_limit"), 1);
    drop(newcomer);
    assert_eq!(operated.wait_for_records(1).len(), 1, "a client that is refused has none");
}

#[test]
fn a_client_that_resets_its_sessions_gets_its_places_back() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let operated = start(&port, &target, "per_client = { sessions = 5 }");
    for _ in 0..20 {
        let held = fill(1, port.addr(), 9);
        assert_eq!(held.len(), 5);
        held.into_iter().for_each(crate::support::reset);
        wait_until("the end of its sessions", LIMIT, || places(&operated).is_empty());
    }
    // Refused at the accept, not as a session.
    assert_eq!(operated.http.json("/v1/forwards/f")["opened"], 100);
    let source = super::address(1);
    drop(connect_from(source, port.addr()));
}
