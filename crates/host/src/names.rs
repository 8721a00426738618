//! Name resolution by the C library's resolver.

use std::net::{SocketAddr, ToSocketAddrs};

/// Resolves a host name. Addresses are distinct and in the C library's order (RFC 6724). Blocks
/// until the name servers answer or the resolver's own timeout expires.
pub fn addresses_of(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}
