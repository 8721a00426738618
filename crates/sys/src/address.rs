use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Address of a peer, in 19 bytes without alignment: a session stores two of them.
///
/// An IPv4 client of a dual-stack listener has its IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    kind: AddressKind,
    /// An IPv4 address uses the first four bytes.
    ip: [u8; 16],
    port: [u8; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressKind {
    V4,
    V6,
    /// Link-local, with the number of the interface in [`SCOPE`].
    Scoped,
    Unix,
}

/// Bytes of a link-local address that are zero (RFC 4291, section 2.5.6).
const SCOPE: std::ops::Range<usize> = 4..8;

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let port = address.port().to_ne_bytes();
        match address.ip().to_canonical() {
            IpAddr::V4(v4) => {
                let mut ip = [0; 16];
                ip[..4].copy_from_slice(&v4.octets());
                Self { kind: AddressKind::V4, ip, port }
            }
            IpAddr::V6(v6) => {
                let (mut kind, mut ip) = (AddressKind::V6, v6.octets());
                if let SocketAddr::V6(v6) = address
                    && v6.scope_id() != 0
                    && v6.ip().is_unicast_link_local()
                    && ip[SCOPE] == [0; 4]
                {
                    kind = AddressKind::Scoped;
                    ip[SCOPE].copy_from_slice(&v6.scope_id().to_ne_bytes());
                }
                Self { kind, ip, port }
            }
        }
    }
}

impl Address {
    /// A Unix socket. Clients are nearly always unnamed, so no path is kept.
    pub const UNIX: Self = Self { kind: AddressKind::Unix, ip: [0; 16], port: [0; 2] };

    /// Whether the peer is a Unix socket.
    pub fn is_unix(self) -> bool {
        self.kind == AddressKind::Unix
    }

    /// The address as a standard library type; `None` for a Unix socket.
    pub fn ip(self) -> Option<SocketAddr> {
        let port = u16::from_ne_bytes(self.port);
        match self.kind {
            AddressKind::V4 => {
                let [a, b, c, d, ..] = self.ip;
                Some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into())
            }
            AddressKind::V6 => Some(SocketAddrV6::new(self.ip.into(), port, 0, 0).into()),
            AddressKind::Scoped => {
                let mut ip = self.ip;
                let mut scope = [0; 4];
                scope.copy_from_slice(&ip[SCOPE]);
                ip[SCOPE].fill(0);
                let scope = u32::from_ne_bytes(scope);
                Some(SocketAddrV6::new(ip.into(), port, 0, scope).into())
            }
            AddressKind::Unix => None,
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
    fn addresses_are_small_and_display_like_socket_addresses() {
        assert_eq!((size_of::<Address>(), align_of::<Address>()), (19, 1));
        assert_eq!(size_of::<Option<Address>>(), 19);
        for (given, shown) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
            ("[fe80::1%7]:9", "[fe80::1%7]:9"),
            ("[fe80::1:2:3:4%4294967295]:9", "[fe80::1:2:3:4%4294967295]:9"),
            ("[fe80::1]:9", "[fe80::1]:9"),
            ("[::ffff:10.0.0.1]:22", "10.0.0.1:22"),
        ] {
            let address = Address::from(given.parse::<SocketAddr>().unwrap());
            assert_eq!(address.to_string(), shown);
        }
        assert_eq!(Address::UNIX.to_string(), "unix");
    }
}
