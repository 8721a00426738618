//! Options of the connections to targets: where they come from, how their packets are marked, and the sizes of
//! buffers.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use testkit::{
    Behaviour, LIMIT, Listener, Neighbour, Peer, Place, Port, Script, Socket, Target, connect, run,
    socket_connected_to, wait_until,
};

use crate::support::{
    BINARY, Config, Operated, forwarder, in_network_namespace, messages, ping, play, served_client,
    test_name,
};

fn config(port: &Port, target: impl Display, settings: &str) -> Config {
    Config::new().forward_with(port.addr(), format!("name = 'f'\nto = '{target}'\n{settings}"))
}

/// The address from which the next connection to a listener comes.
fn source(listener: &Listener) -> IpAddr {
    let socket = listener.accept();
    socket.peer_addr().unwrap().as_socket().unwrap().ip()
}

#[test]
fn connections_come_from_all_local_addresses() {
    let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
    let settings = "local_address = ['127.0.0.7-127.0.0.9', '::1']";
    let _operated = Operated::start(config(&port, listener.addr(), settings));
    let mut sources = BTreeSet::new();
    for _ in 0..60 {
        let _client = connect(&port).unwrap();
        sources.insert(source(&listener).to_string());
    }
    let sources: Vec<_> = sources.into_iter().collect();
    assert_eq!(sources, ["127.0.0.7", "127.0.0.8", "127.0.0.9"]);
}

#[test]
fn an_address_without_a_source_of_its_family_is_unreachable() {
    let (port, target) = (Port::v4(), Target::start_at(Place::V6, Behaviour::Echo));
    let operated = Operated::start(config(&port, target.addr(), "local_address = '127.0.0.1'"));
    Peer::connect("client", &port, Script::new().expect_reset()).finish();
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "target/connect/unreachable", "{}", record.json);
}

/// What `ss` shows of the connections to this address.
fn shown_by_ss(target: impl Display) -> String {
    let mut ss = std::process::Command::new("ss");
    ss.args(["-tinmH", "state", "established", "dst", &target.to_string()]);
    run(&mut ss, LIMIT).success().text()
}

#[test]
fn both_sockets_have_their_sizes_and_that_of_the_target_its_options() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let settings = "congestion = 'reno'\ninterface = 'lo'\ndscp = 46\nsend_buffer = '32KiB'\n\
                    receive_buffer = '48KiB'\nunsent = '16KiB'";
    let operated = Operated::start(config(&port, target.addr(), settings));
    let client = served_client(&port);
    let to_target = shown_by_ss(target.addr());
    // Receive and send buffer, as the kernel counts them: twice what was set.
    for part in ["rb98304", "tb65536", " reno "] {
        assert!(to_target.contains(part), "{part}: {to_target}");
    }
    let client_address = client.local_addr().unwrap().as_socket().unwrap();
    let to_client = shown_by_ss(client_address);
    for part in ["rb98304", "tb65536"] {
        assert!(to_client.contains(part), "{part}: {to_client}");
    }
    // New sessions have those of a reload, and of the next process image.
    let other = settings.replace("32KiB", "64KiB").replace("reno", "cubic");
    operated.reload(config(&port, target.addr(), &other));
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    let second = served_client(&port);
    let shown = shown_by_ss(target.addr());
    for part in ["tb65536", " reno ", "tb131072", " cubic "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    ping(&client);
    // The kernel decides again.
    operated.reload(config(&port, target.addr(), ""));
    let third = served_client(&port);
    let third_address = third.local_addr().unwrap().as_socket().unwrap();
    let shown = shown_by_ss(third_address);
    assert!(shown.contains("rb") && !shown.contains("rb98304"), "{shown}");
    ping(&second);
}

/// What the kernel has noted for the sockets of a session.
#[test]
fn sockets_have_their_interface_mark_class_and_limit() {
    let may_mark = testkit::may_mark();
    if !may_mark {
        skip("this process may set no mark");
    }
    let mark = if may_mark { "mark = 7\n" } else { "" };
    for (port, place) in [(Port::v4(), Place::V4), (Port::v6(), Place::V6)] {
        let target = Target::start_at(place, Behaviour::Echo);
        let config = |settings: &str| config(&port, target.addr(), settings);
        let operated = Operated::start(config(""));
        let options = |client: &Socket| {
            let of_client = client.local_addr().unwrap().as_socket().unwrap();
            let of_target = target.addr().tcp();
            [of_client, of_target].map(|peer| {
                let socket = socket_connected_to(operated.pid(), peer).expect("a session");
                let class = if peer.is_ipv6() { socket.tclass_v6() } else { socket.tos_v4() };
                let interface = socket.device().unwrap().map(|it| String::from_utf8(it).unwrap());
                let limit = socket.tcp_notsent_lowat().unwrap();
                (interface, socket.mark().unwrap(), class.unwrap(), limit)
            })
        };
        let plain = served_client(&port);
        let [_, (.., by_kernel)] = options(&plain);
        assert_eq!(options(&plain), [(None, 0, 0, by_kernel), (None, 0, 0, by_kernel)]);
        drop(plain);
        wait_until("no session", LIMIT, || operated.sessions().is_empty());
        operated.reload(config(&format!("{mark}interface = 'lo'\ndscp = 46\nunsent = '16KiB'")));
        let client = served_client(&port);
        let lo = Some("lo".to_owned());
        let marked = if may_mark { 7 } else { 0 };
        assert_eq!(options(&client), [(None, 0, 0, 16_384), (lo, marked, 46 << 2, 16_384)]);
    }
}

#[expect(clippy::print_stdout, reason = "skipped checks must be visible")]
fn skip(what: &str) {
    println!("skipped: {what}");
}

/// Two hosts have the address of the target, each behind an interface; the route leads to the first one, and that of
/// packets with the mark 7 to the second one.
#[test]
fn an_interface_and_a_mark_lead_another_way() {
    let name = test_name!(an_interface_and_a_mark_lead_another_way);
    in_network_namespace(name, "ip rule add fwmark 7 lookup 100", || {
        let hosts = ["eth1", "eth2"].map(Neighbour::behind);
        let ip = |arguments: &str| {
            run(std::process::Command::new("ip").args(arguments.split(' ')), LIMIT).success();
        };
        ip("addr add 10.0.0.1/32 dev eth1");
        ip("addr add 10.0.0.2/32 dev eth2");
        ip("route add 10.0.0.5 dev eth1 metric 1");
        ip("route add 10.0.0.5 dev eth2 metric 2");
        ip("route add 10.0.0.5 dev eth2 table 100");
        let listeners = hosts.each_ref().map(|host| {
            host.ip("addr add 10.0.0.5/24 dev eth0");
            host.inside(|| Listener::bind(Place::At("10.0.0.5:80".parse().unwrap())))
        });
        let port = Port::v4();
        let operated = Operated::start(config(&port, "10.0.0.5:80", ""));
        for (settings, host) in [("", 0), ("interface = 'eth2'", 1), ("", 0), ("mark = 7", 1)] {
            operated.reload(config(&port, "10.0.0.5:80", settings));
            let client = connect(&port).unwrap();
            let target = listeners[host].accept();
            play(&client, Script::new().write_bytes("x"));
            assert_eq!(play(&target, Script::new().read_exactly(1)).bytes, b"x");
        }
    });
}

#[test]
fn checks_take_the_way_of_sessions() {
    let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
    let check = "check = { send = 'x', expect = 'y', every = '100ms' }";
    let settings = format!("local_address = '127.0.0.7'\n{check}");
    let operated = Operated::start(config(&port, listener.addr(), &settings));
    assert_eq!(source(&listener).to_string(), "127.0.0.7");
    operated.reload(config(&port, listener.addr(), &settings.replace(".7", ".8")));
    wait_until("a check from the new address", LIMIT, || {
        source(&listener).to_string() == "127.0.0.8"
    });
}

#[test]
fn what_the_kernel_does_not_grant_is_refused_with_advice() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(&port, target.addr(), ""));
    for (settings, part) in [
        ("local_address = '192.0.2.1'", "`: cannot assign requested address (no interface"),
        ("interface = 'none-such'", "`: no such device"),
        (
            "congestion = 'none-such'",
            "this kernel has no algorithm of that name (net.ipv4.tcp_available",
        ),
        ("send_buffer = '512MiB'", "the kernel gives less than that (raise net.core.wmem_max)"),
        ("receive_buffer = '512MiB'", "the kernel gives less than that (raise net.core.rmem_max)"),
    ] {
        operated.write(config(&port, target.addr(), settings));
        let refused = operated.http.post("/v1/reload").status(409).body;
        assert!(refused.contains(part), "{settings}: {refused}");
        let other = Port::v4();
        let ended = forwarder().config(config(&other, target.addr(), settings).text()).run();
        assert!(ended.stderr.contains(part), "{settings}: {}", ended.stderr);
        let may_come = settings.contains("local_address") || settings.contains("interface");
        assert_eq!(ended.status.code(), Some(if may_come { 1 } else { 2 }), "{settings}");
    }
    served_client(&port);
}
