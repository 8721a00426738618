//! `transparent`: connections to targets come from the addresses of the clients.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use testkit::{
    Behaviour, Forwarder, ForwarderBuilder, LIMIT, Listener, Neighbour, Peer, Place, Port, Script,
    Target, Tool, connect, run,
};

use crate::support::{
    BINARY, Config, Operated, Setup, in_network_namespace, on_each_network_namespace, play,
    test_name,
};

on_each_network_namespace!(NO_RULES; answers_come_back_by_the_rules_of_the_document);

const NO_RULES: &str = "true";

/// The commands of a document that begin with `ip`.
fn documented_rules() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let text = fs::read_to_string(path).unwrap();
    let rules: Vec<_> = text.lines().filter(|line| line.starts_with("ip ")).collect();
    assert_eq!(rules.len(), 4, "{rules:?}");
    rules.join(" && ")
}

/// The program as another user, with this capability only.
fn with_capability(capability: &str) -> ForwarderBuilder {
    let only = format!("-all,+{capability}");
    let arguments =
        ["--reuid=65534", "--clear-groups", "--inh-caps", &only, "--ambient-caps", &only];
    Forwarder::binary(Tool::find("setpriv").path()).args(arguments).args([
        "--bounding-set",
        &only,
        BINARY,
    ])
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// Runs ip(8) here.
fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')), LIMIT).success();
}

/// A host with a client, and one with a target, each behind an interface of this host.
fn client_and_target() -> (Neighbour, Neighbour) {
    let (client, target) = (Neighbour::behind("eth0"), Neighbour::behind("eth1"));
    ip("addr add 198.51.100.1/24 dev eth0");
    ip("addr add 2001:db8:1::1/64 dev eth0 nodad");
    client.ip("addr add 198.51.100.7/24 dev eth0");
    client.ip("addr add 2001:db8:1::7/64 dev eth0 nodad");
    ip("addr add 10.0.0.1/24 dev eth1");
    ip("addr add 2001:db8:2::1/64 dev eth1 nodad");
    target.ip("addr add 10.0.0.5/24 dev eth0");
    target.ip("addr add 2001:db8:2::5/64 dev eth0 nodad");
    target.ip("route add 198.51.100.0/24 via 10.0.0.1");
    target.ip("-6 route add 2001:db8:1::/64 via 2001:db8:2::1");
    (client, target)
}

fn answers_come_back_by_the_rules_of_the_document(setup: Setup) {
    let (clients, targets) = client_and_target();
    let rules = documented_rules();
    run(Command::new("sh").args(["-c", &rules]), LIMIT).success();
    for (listen, to, client, capability) in [
        ("198.51.100.1:8080", "10.0.0.5:80", "198.51.100.7", "net_admin"),
        ("[2001:db8:1::1]:8080", "[2001:db8:2::5]:80", "2001:db8:1::7", "net_raw"),
    ] {
        let listener = targets.inside(|| Listener::bind(Place::At(at(to))));
        let config = setup.config().forward(listen, to, setup.settings("transparent = true"));
        let forwarder = with_capability(capability).config(config.text()).start();
        forwarder.ready();
        let socket = clients.inside(|| connect(at(listen)).unwrap());
        let target = listener.accept();
        let peer = target.peer_addr().unwrap().as_socket().unwrap();
        assert_eq!(peer.ip().to_string(), client);
        play(&socket, Script::new().write(100_000).shutdown_write());
        let script = Script::new().expecting(0).read_to_end();
        assert_eq!(play(&target, script).received, 100_000);
        play(&target, Script::new().write(100_000));
        drop(target);
        let script = Script::new().expecting(0).read_to_end();
        assert_eq!(play(&socket, script).received, 100_000);
        assert_eq!(forwarder.wait_for_records(1)[0].close_reason(), "client/relay/fin");
    }
}

/// Packets to these addresses, which no interface has, come back to this host.
const ROUTES: &str = "ip rule add to 198.51.100.0/24 lookup 100 && \
    ip route add local 198.51.100.0/24 dev lo table 100 && \
    ip -6 rule add to 2001:db8::/32 lookup 100 && ip -6 route add local 2001:db8::/32 dev lo table 100";

fn source(listener: &Listener) -> IpAddr {
    let socket = listener.accept();
    socket.peer_addr().unwrap().as_socket().unwrap().ip()
}

#[test]
fn targets_see_the_addresses_of_clients() {
    let name = test_name!(targets_see_the_addresses_of_clients);
    in_network_namespace(name, ROUTES, || {
        for (place, client, other) in
            [(Place::V4, "198.51.100.7", "2001:db8::7"), (Place::V6, "2001:db8::7", "198.51.100.7")]
        {
            let (port, listener) = (Port::v4(), Listener::bind(place));
            let settings =
                "name = 'f'\ntransparent = true\naccept_proxy = { from = ['127.0.0.1'] }";
            let config = Config::new().forward(port.addr(), listener.addr(), settings);
            let operated = Operated::start(config);
            let header = |client: &str| {
                let (family, to) = if client.contains(':') { (6, "::1") } else { (4, "127.0.0.1") };
                format!("PROXY TCP{family} {client} {to} 1000 2000\r\n")
            };
            let socket = connect(&port).unwrap();
            play(&socket, Script::new().write_bytes(header(client)));
            assert_eq!(source(&listener).to_string(), client);
            // A target of the other family cannot have the address of the client.
            let script = Script::new().write_bytes(header(other)).expect_reset();
            Peer::connect("client", &port, script).finish();
            let record = operated.wait_for_records(1).remove(0);
            assert_eq!(record.close_reason(), "target/connect/unreachable", "{}", record.json);
        }
        let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
        let settings = "transparent = true\naccept_proxy = { from = ['127.0.0.1'] }";
        let config = Config::new().forward(port.addr(), target.addr(), settings);
        let operated = Operated::start(config);
        // No host has such an address: the kernel would take one of this host.
        let none = ["0.0.0.0", "224.0.0.1", "255.255.255.255"];
        for client in none {
            let header = format!("PROXY TCP4 {client} 127.0.0.1 1000 2000\r\n");
            let script = Script::new().write_bytes(header).expect_reset();
            Peer::connect("client", &port, script).finish();
        }
        for record in operated.wait_for_records(none.len()) {
            assert_eq!(record.close_reason(), "resource/connect/no_ports", "{}", record.json);
        }
        assert_eq!(target.accepted(), 0);
    });
}

#[test]
fn a_missing_privilege_is_named() {
    let without = || {
        let setpriv = Forwarder::binary(Tool::find("setpriv").path());
        setpriv.args(["--bounding-set=-net_admin,-net_raw", "--inh-caps=-all", BINARY])
    };
    let port = Port::v4();
    let config = |settings: &str| {
        Config::new().forward(port.addr(), "127.0.0.1:2", format!("name = 'f'\n{settings}"))
    };
    let said = "cannot set `transparent = true`: operation not permitted (it needs CAP_NET_ADMIN or CAP_NET_RAW";
    let ended = without().config(config("transparent = true").text()).run();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    let operated = Operated::start_from(without(), config(""));
    operated.write(config("transparent = true"));
    for query in ["?dry_run=true", ""] {
        let refused = operated.http.post(&format!("/v1/reload{query}")).status(409).body;
        assert!(refused.contains(said), "{query}: {refused}");
    }
}
