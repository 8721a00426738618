//! Names of targets, as the resolver of this host answers them.

use std::net::{SocketAddr, ToSocketAddrs};

/// The addresses in the order of RFC 6724, as the C library gives them, each once. It may block for
/// as long as the name servers let it.
pub fn addresses_of(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}
