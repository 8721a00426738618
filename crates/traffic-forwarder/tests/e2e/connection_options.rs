//! Options of the connections to targets: where they come from, how their packets are marked, and the sizes of
//! buffers.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use testkit::{
    Behaviour, LIMIT, Listener, Peer, Place, Port, Script, Target, connect, run, wait_until,
};

use crate::support::{BINARY, Config, Operated, forwarder, messages, ping, served_client};

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
        ("local_address = '192.0.2.1'", "cannot set `local_address`: cannot assign requested"),
        ("interface = 'none-such'", "cannot set `interface`: no such device"),
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
