//! Name resolution by the C library's resolver.

use std::io;
use std::net::{SocketAddr, SocketAddrV6, ToSocketAddrs};

/// Resolves a host name. Addresses are distinct and in the C library's order (RFC 6724). Blocks
/// until the name servers answer or the resolver's own timeout expires.
///
/// A link-local address with the name of its interface, such as `fe80::1%eth0`, has one address.
pub fn addresses_of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Some((ip, zone)) = host.split_once('%')
        && let Ok(ip) = ip.parse()
    {
        let zone = sys::socket::interface_index(zone).map_err(|_| {
            io::Error::new(io::ErrorKind::NotFound, format!("there is no interface `{zone}`"))
        })?;
        return Ok(vec![SocketAddrV6::new(ip, port, 0, zone).into()]);
    }
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}
