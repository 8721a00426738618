//! `transparent`: connections to targets come from the addresses of the clients.

use std::net::IpAddr;

use testkit::{Forwarder, Listener, Peer, Place, Port, Script, Tool, connect};

use crate::support::{BINARY, Config, Operated, in_network_namespace, play, test_name};

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
    let said =
        "cannot set `transparent`: operation not permitted (it needs CAP_NET_ADMIN or CAP_NET_RAW";
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
