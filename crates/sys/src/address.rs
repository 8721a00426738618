use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The address of a peer in 24 bytes: a session keeps two of them for as long as it lives.
///
/// An IPv4 client of a socket that listens on IPv6 and IPv4 is shown as the IPv4 client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IPv4 address and port.
    V4([u8; 4], u16),
    /// An IPv6 address, port and scope.
    V6([u8; 16], u16, u32),
    /// A Unix socket. A client's is nearly always unnamed, so no name is kept.
    Unix,
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let scope = match address {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.octets(), address.port()),
            IpAddr::V6(ip) => Self::V6(ip.octets(), address.port(), scope),
        }
    }
}

impl Address {
    /// The address in the standard library's form; `None` for a Unix socket.
    pub fn ip(self) -> Option<SocketAddr> {
        match self {
            Self::V4(ip, port) => Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port)),
            Self::V6(ip, port, scope) => {
                Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope).into())
            }
            Self::Unix => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip() {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_small_and_shows_what_it_was_made_of() {
        assert_eq!(size_of::<Address>(), 24);
        for (given, shown) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
            ("[::ffff:10.0.0.1]:22", "10.0.0.1:22"),
        ] {
            let address = Address::from(given.parse::<SocketAddr>().unwrap());
            assert_eq!(address.to_string(), shown);
        }
        assert_eq!(Address::Unix.to_string(), "unix");
    }
}
