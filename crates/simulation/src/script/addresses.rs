//! The addresses of hosts, names and ports in all scripts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Hosts of targets.
pub(crate) const HOSTS: u8 = 4;
/// Names of targets.
pub(crate) const NAMES: u8 = 3;
/// Clients that headers state.
pub(crate) const STATED: usize = 8;
/// Ports at which nothing listens.
pub(crate) const NOWHERE: u8 = 4;
/// Ports for outgoing connections: few, so that a target's own port comes up.
pub(crate) const EPHEMERAL_PORTS: RangeInclusive<u16> = 32_768..=32_895;
pub(super) const FIRST_LISTEN_PORT: u16 = 8000;
pub(super) const FIRST_TARGET_PORT: u16 = 9000;

/// The TCP address of a target's host. One of them has IPv6.
pub(crate) fn host_address(host: u8) -> SocketAddr {
    let port = FIRST_TARGET_PORT + u16::from(host);
    let ip: IpAddr = match host {
        3 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3).into(),
        _ => Ipv4Addr::new(127, 0, 1, host).into(),
    };
    SocketAddr::new(ip, port)
}

/// The IPv4 address of the client of a session. One client has more than half of all sessions.
pub(crate) fn client_address(session: u16) -> IpAddr {
    let client = (session % 7).saturating_sub(3);
    Ipv4Addr::new(127, 0, 3, u8::try_from(client).unwrap_or(0)).into()
}

/// The client with this number, and the address that it has connected to, as headers state them. Two of them are
/// the addresses of clients here.
pub(crate) fn stated_addresses(client: u8, session: u16) -> [SocketAddr; 2] {
    let texts = [
        ["10.9.0.1", "10.8.0.1"],
        ["10.9.0.2", "10.8.0.1"],
        ["10.9.7.1", "10.8.0.1"],
        ["127.0.3.0", "127.0.0.1"],
        ["::ffff:10.9.0.1", "::ffff:10.8.0.1"],
        ["2001:db8::1", "2001:db8:f::1"],
        ["2001:db8::2", "2001:db8:f::1"],
        ["2001:db8:0:1::1", "2001:db8:f::1"],
    ];
    let [from, to] = texts[usize::from(client) % STATED].map(|it| it.parse().expect("an address"));
    [SocketAddr::new(from, 40_000 + session), SocketAddr::new(to, 443)]
}

/// The path of the Unix socket of a target's host.
pub(crate) fn host_path(host: u8) -> PathBuf {
    format!("/run/target-{host}").into()
}

/// The addresses of a name and port.
pub(crate) fn resolve(host: &str, port: u16) -> Vec<SocketAddr> {
    match host {
        "name-0.example" => vec![host_address(0)],
        "name-1.example" => vec![host_address(1), host_address(0)],
        "own.example" => vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)],
        _ => [2, 3, 1].map(host_address).into(),
    }
}
