//! Conversion of peers' addresses to messages of crate `handover` and back.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use sys::Address;

pub(crate) fn saved_address(address: Address) -> handover::Address {
    let Some(address) = address.ip() else { return handover::Address::default() };
    let (ip, scope) = match address {
        SocketAddr::V4(v4) => (v4.ip().octets().to_vec(), 0),
        SocketAddr::V6(v6) => (v6.ip().octets().to_vec(), v6.scope_id()),
    };
    handover::Address { ip, port: address.port().into(), scope }
}

/// The reverse of [`saved_address`]. Invalid bytes give the address of a Unix socket.
pub(crate) fn address(saved: &handover::Address) -> Address {
    socket_address(saved).map_or(Address::UNIX, Address::from)
}

/// `None` for invalid bytes.
fn socket_address(saved: &handover::Address) -> Option<SocketAddr> {
    let port = u16::try_from(saved.port).ok()?;
    if let Ok(ip) = <[u8; 4]>::try_from(&*saved.ip) {
        return Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port));
    }
    let ip = <[u8; 16]>::try_from(&*saved.ip).ok()?;
    Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, saved.scope).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        let texts = ["1.2.3.4:5", "[2001:db8::1]:65535", "[fe80::1%7]:9"];
        for text in texts.map(|text| text.parse::<SocketAddr>().unwrap()) {
            assert_eq!(socket_address(&saved_address(text.into())), Some(text));
        }
        assert_eq!(address(&saved_address(Address::UNIX)), Address::UNIX);
        let wrong = handover::Address { ip: vec![1, 2, 3], port: 70_000, scope: 0 };
        assert_eq!(socket_address(&wrong), None);
    }
}
