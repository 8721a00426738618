//! Few local ports: when they run out, only clients of that target are affected; and a
//! self-connected socket never counts as a target.

use std::net::SocketAddr;

use testkit::{Behaviour, Peer, Place, Script, Target, wait_until};

use crate::support::{
    Config, Operated, Setup, on_each_network_namespace, ping, reset, served_client,
};

/// Local ports for outgoing connections. Connections to different addresses share them.
const PORTS: usize = 16;
const FEW_PORTS: &str = "echo 40000 40015 > /proc/sys/net/ipv4/ip_local_port_range && \
    ip addr add 192.0.2.1/32 dev lo";

on_each_network_namespace!(
    FEW_PORTS;
    port_exhaustion_affects_that_target_only,
    a_self_connected_socket_is_not_a_target,
    a_self_connected_check_is_not_a_success,
);

/// The namespace is empty: ports outside the range are free.
fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn port_exhaustion_affects_that_target_only(setup: Setup) {
    let target = Target::start_at(Place::At(at(5000)), Behaviour::Echo);
    let other = Target::start_at(Place::At(at(5001)), Behaviour::Echo);
    // Clients, too, have at most `PORTS` connections to one address.
    let forward = |config: Config, (listen, target): (u16, &Target)| {
        config.forward(at(listen), target.addr(), setup.settings(""))
    };
    let forwards = [(6000, &target), (6001, &target), (6002, &other)];
    let forwarder = forwards.into_iter().fold(setup.config(), forward).start();
    let mut served: Vec<_> = (0..PORTS).map(|_| served_client(at(6000))).collect();
    for _ in 0..3 {
        Peer::connect("one too many", at(6001), Script::new().expect_reset()).finish();
    }
    for record in forwarder.wait_for_records(3) {
        assert_eq!(record.close_reason(), "resource/connect/no_ports");
        assert_eq!(record.close.errno.as_deref(), Some("EADDRNOTAVAIL"));
    }
    served.iter().for_each(ping);
    served_client(at(6002));
    // A reset leaves no TIME_WAIT, which would hold the port.
    reset(served.pop().unwrap());
    wait_until("the end of a session", testkit::LIMIT, || target.open() < PORTS as u64);
    served_client(at(6001));
}

/// A connect to an unused port of the local range may connect to itself. The port is even: Linux
/// tries even ports first for connect(2).
fn a_self_connected_socket_is_not_a_target(setup: Setup) {
    const TIMES: usize = 10 * PORTS;
    let settings = setup.settings("connect_timeout = '1h'");
    let targets = ["127.0.0.1:40006", "[::1]:40006", "192.0.2.1:40006"];
    let config = (6000..).zip(targets).fold(setup.config(), |config, (listen, target)| {
        config.forward(at(listen), target, &settings)
    });
    let forwarder = config.start();
    for listen in (6000..6003).cycle().take(targets.len() * TIMES) {
        Peer::connect("client", at(listen), Script::new().expect_reset()).finish();
    }
    for record in forwarder.wait_for_records(targets.len() * TIMES) {
        assert_eq!(record.close_reason(), "target/connect/refused", "{}", record.json);
    }
}

fn a_self_connected_check_is_not_a_success(setup: Setup) {
    const TIMES: u64 = 10;
    let to: Vec<_> = (40_000..).step_by(2).take(PORTS / 2).map(at).collect();
    let settings = setup.settings("name = 'f'\ncheck = { connect = true, every = '100ms' }");
    let operated = Operated::start(setup.config().forward_to_several(at(6000), &to, settings));
    let checks = |key: &str| -> Vec<u64> {
        let forward = operated.http.json("/v1/forwards/f");
        let targets = forward["targets"].as_array().unwrap().iter();
        targets.map(|it| it["checks"][key].as_u64().unwrap_or_default()).collect()
    };
    wait_until("the checks", testkit::LIMIT, || {
        let [succeeded, failed] = ["succeeded", "failed"].map(checks);
        succeeded.into_iter().zip(failed).all(|(succeeded, failed)| succeeded + failed >= TIMES)
    });
    assert_eq!(checks("succeeded"), [0; PORTS / 2]);
}
