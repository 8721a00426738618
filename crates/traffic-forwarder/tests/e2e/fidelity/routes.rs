//! Unreachable targets: each cause has its own close reason, and the client is reset at once.

use std::net::SocketAddr;

use testkit::{Peer, Script};

use crate::support::{Setup, on_each_network_namespace};

/// From the documentation block (RFC 5737): no host has these addresses.
const ROUTES: &str = "ip route add unreachable 198.51.100.1 && ip route add prohibit 198.51.100.2";

on_each_network_namespace!(ROUTES; each_cause_has_its_own_reason);

fn each_cause_has_its_own_reason(setup: Setup) {
    for (target, reason, errno) in [
        ("198.51.100.1:80", "target/connect/unreachable", "EHOSTUNREACH"),
        ("198.51.100.2:80", "target/connect/denied", "EACCES"),
        ("203.0.113.1:80", "target/connect/unreachable", "ENETUNREACH"),
        ("[2001:db8::1]:80", "target/connect/unreachable", "ENETUNREACH"),
    ] {
        let address: SocketAddr = target.parse().unwrap();
        let forward = setup.forward(address, "connect_timeout = '1h'");
        Peer::connect("client", &forward, Script::new().expect_reset()).finish();
        let record = forward.record();
        assert_eq!(record.close_reason(), reason, "{target}");
        assert_eq!(record.close.errno.as_deref(), Some(errno), "{target}");
    }
}
