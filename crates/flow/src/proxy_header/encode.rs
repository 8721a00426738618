//! Writing headers.

use super::tlvs::fill_checksum;
use super::{MOST_PROXY_HEADER, ProxyAddresses, SendProxy};
use std::net::{IpAddr, SocketAddr};

/// The first 12 bytes of a v2 header (section 2.2).
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

// Byte 13: the version in the high bits, the command in the low ones.
pub(super) const LOCAL: u8 = 0x20;
pub(super) const PROXY: u8 = 0x21;

// Byte 14: the address family in the high bits, the transport in the low ones.
pub(super) const UNSPECIFIED: u8 = 0x00;
pub(super) const TCP4: u8 = 0x11;
pub(super) const TCP6: u8 = 0x21;
pub(super) const UNIX_STREAM: u8 = 0x31;

impl SendProxy {
    /// The header with these addresses; empty if none is sent. v1 has no words for Unix sockets: their
    /// header says `UNKNOWN`.
    pub fn header(self, addresses: &ProxyAddresses) -> Vec<u8> {
        self.header_with(addresses, &[])
    }

    /// Like [`Self::header`], with these TLVs of [`ProxyHeader::tlvs_to_pass_on`](super::ProxyHeader::tlvs_to_pass_on);
    /// v1 has no place for them.
    pub fn header_with(self, addresses: &ProxyAddresses, tlvs: &[u8]) -> Vec<u8> {
        match self {
            Self::Off => Vec::new(),
            Self::V1 => v1(addresses).into_bytes(),
            Self::V2 => v2(addresses, tlvs),
        }
    }
}

/// A line of at most 107 bytes (section 2.1).
fn v1(addresses: &ProxyAddresses) -> String {
    match addresses {
        ProxyAddresses::Ip { source, destination } => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let ([from, to], [from_port, to_port]) =
                ([source.ip(), destination.ip()], [source.port(), destination.port()]);
            format!("PROXY {family} {from} {to} {from_port} {to_port}\r\n")
        }
        ProxyAddresses::Own | ProxyAddresses::Unix(_) => "PROXY UNKNOWN\r\n".to_owned(),
    }
}

/// The binary form (section 2.2).
fn v2(addresses: &ProxyAddresses, tlvs: &[u8]) -> Vec<u8> {
    let (command, family, block) = match addresses {
        ProxyAddresses::Own => (LOCAL, UNSPECIFIED, Vec::new()),
        ProxyAddresses::Ip { source, destination } => {
            let family = if source.is_ipv4() { TCP4 } else { TCP6 };
            (PROXY, family, ip_block(*source, *destination))
        }
        ProxyAddresses::Unix(paths) => (PROXY, UNIX_STREAM, paths.concat()),
    };
    // TLVs of a longer header than any peer must accept are left out.
    let begin = SIGNATURE.len() + 4 + block.len();
    let tlvs = if begin + tlvs.len() > MOST_PROXY_HEADER { &[] } else { tlvs };
    let length = u16::try_from(block.len() + tlvs.len()).unwrap_or_default().to_be_bytes();
    let mut header = [&SIGNATURE[..], &[command, family], &length, &block, tlvs].concat();
    fill_checksum(&mut header, begin);
    header
}

fn ip_block(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let mut block = Vec::with_capacity(36);
    for address in [source, destination] {
        match address.ip() {
            IpAddr::V4(v4) => block.extend(v4.octets()),
            IpAddr::V6(v6) => block.extend(v6.octets()),
        }
    }
    for address in [source, destination] {
        block.extend(address.port().to_be_bytes());
    }
    block
}
