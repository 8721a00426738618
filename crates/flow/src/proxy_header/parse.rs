//! Reading headers. The bytes come from a peer: every length is checked before it is used.

use super::crc32c::crc32c;
use super::encode::{LOCAL, PROXY, SIGNATURE, TCP4, TCP6, UNIX_STREAM, UNSPECIFIED};
use super::tlvs::{self, CRC32C, Tlv};
use super::{MOST_PROXY_HEADER, ProxyAddresses, UnixPath};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::str::FromStr;

/// Longest line of v1 (section 2.1).
const MOST_LINE: usize = 107;
const LINE_BEGIN: &[u8] = b"PROXY ";

/// Bytes of a v2 header in front of the addresses.
const FIXED: usize = 16;
// Addresses of datagrams, which no stream has.
const UDP4: u8 = 0x12;
const UDP6: u8 = 0x22;
const UNIX_DATAGRAM: u8 = 0x32;

/// A header at the beginning of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its length in bytes; at most [`MOST_PROXY_HEADER`].
    pub length: usize,
    /// The addresses that it states.
    pub addresses: ProxyAddresses,
    /// The bytes of its TLVs, from its begin on; empty if it has none that mean something.
    pub tlvs: Range<usize>,
}

/// The bytes are not the beginning of a header, or of one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadProxyHeader;

impl ProxyHeader {
    /// Reads the header that `bytes` begin with; `None` if it is not complete.
    ///
    /// # Errors
    /// No further bytes make a header of these.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, BadProxyHeader> {
        let begins_like = |begin: &[u8]| bytes.iter().zip(begin).all(|(one, other)| one == other);
        if begins_like(LINE_BEGIN) {
            v1(bytes)
        } else if begins_like(&SIGNATURE) {
            v2(bytes)
        } else {
            Err(BadProxyHeader)
        }
    }

    /// The TLVs of this header, which `bytes` begin with, as [`SendProxy::header_with`](crate::SendProxy::header_with)
    /// passes them on: without padding (`PP2_TYPE_NOOP`), and with a checksum to be computed if it had one.
    pub fn tlvs_to_pass_on(&self, bytes: &[u8]) -> Vec<u8> {
        bytes.get(self.tlvs.clone()).map_or_else(Vec::new, tlvs::to_pass_on)
    }
}

type Read = Result<Option<ProxyHeader>, BadProxyHeader>;

/// A line, as in `PROXY TCP4 192.0.2.1 192.0.2.2 4000 80` (section 2.1).
fn v1(bytes: &[u8]) -> Read {
    let most = &bytes[..bytes.len().min(MOST_LINE)];
    let Some(end) = most.windows(2).position(|two| two == b"\r\n") else {
        return if bytes.len() < MOST_LINE { Ok(None) } else { Err(BadProxyHeader) };
    };
    let line = most.get(LINE_BEGIN.len()..end).ok_or(BadProxyHeader)?;
    let line = std::str::from_utf8(line).map_err(|_| BadProxyHeader)?;
    let fields: Vec<&str> = line.split(' ').collect();
    let addresses = match fields[..] {
        // What follows it on the line has no meaning.
        ["UNKNOWN", ..] => Some(ProxyAddresses::Own),
        ["TCP4", source, destination, from, to] => {
            line_addresses::<Ipv4Addr>([source, destination], [from, to])
        }
        ["TCP6", source, destination, from, to] => {
            line_addresses::<Ipv6Addr>([source, destination], [from, to])
        }
        _ => None,
    };
    let addresses = addresses.ok_or(BadProxyHeader)?;
    Ok(Some(ProxyHeader { length: end + 2, addresses, tlvs: 0..0 }))
}

fn line_addresses<Ip: FromStr + Into<IpAddr>>(
    ips: [&str; 2],
    ports: [&str; 2],
) -> Option<ProxyAddresses> {
    let address = |at: usize| {
        let ip: Ip = ips[at].parse().ok()?;
        Some(SocketAddr::new(ip.into(), port(ports[at])?))
    };
    Some(ProxyAddresses::Ip { source: address(0)?, destination: address(1)? })
}

/// A decimal number without a sign or leading zeroes.
fn port(text: &str) -> Option<u16> {
    let is_canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_canonical)
}

/// The binary form (section 2.2).
fn v2(bytes: &[u8]) -> Read {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else { return Ok(None) };
    let [.., command, family, high, low] = *fixed;
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    let is_known = match command {
        LOCAL => true,
        PROXY => {
            matches!(family, UNSPECIFIED | TCP4 | UDP4 | TCP6 | UDP6 | UNIX_STREAM | UNIX_DATAGRAM)
        }
        _ => false,
    };
    if !is_known || length > MOST_PROXY_HEADER {
        return Err(BadProxyHeader);
    }
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    let rest = &header[FIXED..];
    let (addresses, tlvs) = match (command, family) {
        (PROXY, TCP4) => {
            ip_block::<4>(rest, |it| Ipv4Addr::from(it).into()).ok_or(BadProxyHeader)?
        }
        (PROXY, TCP6) => {
            ip_block::<16>(rest, |it| Ipv6Addr::from(it).into()).ok_or(BadProxyHeader)?
        }
        (PROXY, UNIX_STREAM) => {
            const PATH: usize = size_of::<UnixPath>();
            let (source, others) = rest.split_first_chunk::<PATH>().ok_or(BadProxyHeader)?;
            let (destination, tlvs) = others.split_first_chunk::<PATH>().ok_or(BadProxyHeader)?;
            (ProxyAddresses::Unix(Box::new([*source, *destination])), tlvs)
        }
        // LOCAL, an unknown protocol, or datagrams: the rest of the header has no meaning here.
        _ => (ProxyAddresses::Own, &[][..]),
    };
    let tlvs = length - tlvs.len()..length;
    check_tlvs(header, tlvs.start)?;
    Ok(Some(ProxyHeader { length, addresses, tlvs }))
}

/// Two addresses of `N` bytes each and two ports, and the bytes behind them.
fn ip_block<const N: usize>(
    rest: &[u8],
    ip: impl Fn([u8; N]) -> IpAddr,
) -> Option<(ProxyAddresses, &[u8])> {
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let ([a, b, c, d], tlvs) = rest.split_first_chunk::<4>()?;
    let source = SocketAddr::new(ip(*source), u16::from_be_bytes([*a, *b]));
    let destination = SocketAddr::new(ip(*destination), u16::from_be_bytes([*c, *d]));
    Some((ProxyAddresses::Ip { source, destination }, tlvs))
}

/// Checks the lengths of the TLVs that begin at `at` and, if one of them is a checksum, the whole header.
fn check_tlvs(header: &[u8], at: usize) -> Result<(), BadProxyHeader> {
    for tlv in tlvs::each(header, at) {
        let Tlv { kind, at, value } = tlv.map_err(|()| BadProxyHeader)?;
        if kind == CRC32C {
            let stated: [u8; 4] = value.try_into().map_err(|_| BadProxyHeader)?;
            // Counted with zeroes in its own place.
            let counted = crc32c(&[&header[..at], &[0; 4], &header[at + 4..]]);
            if u32::from_be_bytes(stated) != counted {
                return Err(BadProxyHeader);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SendProxy;

    fn own(length: usize) -> ProxyHeader {
        ProxyHeader { length, addresses: ProxyAddresses::Own, tlvs: length..length }
    }

    fn line_own(length: usize) -> ProxyHeader {
        ProxyHeader { tlvs: 0..0, ..own(length) }
    }

    /// A v2 header.
    fn block(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// A TLV.
    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[kind], &length[..], value].concat()
    }

    fn tcp(family: u8, tlvs: &[u8]) -> Vec<u8> {
        let addresses = if family == TCP4 { 12 } else { 36 };
        block(PROXY, family, &[&vec![7; addresses][..], tlvs].concat())
    }

    #[test]
    fn a_line_is_read() {
        for (line, source, destination) in [
            ("TCP4 192.0.2.1 10.0.0.9 4000 80", "192.0.2.1:4000", "10.0.0.9:80"),
            ("TCP4 0.0.0.0 255.255.255.255 0 65535", "0.0.0.0:0", "255.255.255.255:65535"),
            ("TCP6 2001:db8::1 ::1 1 2", "[2001:db8::1]:1", "[::1]:2"),
            ("TCP6 ::ffff:192.0.2.1 ::1 1 2", "[::ffff:192.0.2.1]:1", "[::1]:2"),
        ] {
            let text = format!("PROXY {line}\r\n");
            let addresses = ProxyAddresses::Ip {
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
            };
            let header = ProxyHeader { length: text.len(), addresses, tlvs: 0..0 };
            assert_eq!(ProxyHeader::read(format!("{text}more").as_bytes()), Ok(Some(header)));
        }
        assert_eq!(ProxyHeader::read(b"PROXY UNKNOWN\r\n"), Ok(Some(line_own(15))));
        assert_eq!(ProxyHeader::read(b"PROXY UNKNOWN any thing\r\nGET"), Ok(Some(line_own(25))));
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        for line in [
            "TCP4 192.0.2.1 10.0.0.9 4000",
            "TCP4 192.0.2.1 10.0.0.9 4000 80 1",
            "TCP4  192.0.2.1 10.0.0.9 4000 80",
            "TCP4 192.0.2.1 10.0.0.9 4000 80 ",
            "TCP4 192.0.2.1 10.0.0.9 4000 080",
            "TCP4 192.0.2.1 10.0.0.9 +4000 80",
            "TCP4 192.0.2.1 10.0.0.9 65536 80",
            "TCP4 192.0.2.1 10.0.0.9 -1 80",
            "TCP4 192.0.2.01 10.0.0.9 1 80",
            "TCP4 192.0.2 10.0.0.9 1 80",
            "TCP4 2001:db8::1 ::1 1 2",
            "TCP6 192.0.2.1 10.0.0.9 4000 80",
            "TCP5 192.0.2.1 10.0.0.9 4000 80",
            "tcp4 192.0.2.1 10.0.0.9 4000 80",
            "TCP4 192.0.2.1 10.0.0.9 4000 80\n",
            "UNKNOWNS",
            "",
        ] {
            let text = format!("PROXY {line}\r\n");
            assert_eq!(ProxyHeader::read(text.as_bytes()), Err(BadProxyHeader), "{line}");
        }
        let end = |length: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(length - 16));
        assert_eq!(ProxyHeader::read(end(107).as_bytes()), Ok(Some(line_own(107))));
        assert_eq!(ProxyHeader::read(end(108).as_bytes()), Err(BadProxyHeader));
    }

    #[test]
    fn a_block_is_read() {
        let read = |bytes: &[u8]| ProxyHeader::read(&[bytes, b"more"].concat());
        let header = tcp(TCP4, &tlv(4, b"padding"));
        let both = SocketAddr::from(([7, 7, 7, 7], 0x707));
        let addresses = ProxyAddresses::Ip { source: both, destination: both };
        let (length, tlvs) = (header.len(), 28..header.len());
        assert_eq!(read(&header), Ok(Some(ProxyHeader { length, addresses, tlvs })));
        // Datagrams, unspecified parts, and a check.
        for header in [
            block(PROXY, 0x12, &[7; 12]),
            block(PROXY, 0x00, b""),
            block(PROXY, 0x00, b"whatever"),
            block(LOCAL, 0x00, b""),
            block(LOCAL, 0x77, b""),
            block(LOCAL, TCP4, b"short"),
        ] {
            assert_eq!(read(&header), Ok(Some(own(header.len()))), "{header:?}");
        }
    }

    #[test]
    fn a_block_of_another_form_is_refused() {
        let mut too_long = block(PROXY, 0, &[0; MOST_PROXY_HEADER - FIXED]);
        assert!(ProxyHeader::read(&too_long).is_ok_and(|it| it.is_some()));
        too_long[15] += 1;
        for bytes in [
            &too_long[..FIXED],
            &block(0x22, 0, b""),
            &block(0x11, 0, b""),
            &block(0x31, 0, b""),
            &block(PROXY, 0x41, b""),
            &block(PROXY, 0x10, &[7; 12]),
            &block(PROXY, 0x13, b""),
            &block(PROXY, TCP4, &[0; 11]),
            &block(PROXY, TCP6, &[0; 35]),
            &block(PROXY, UNIX_STREAM, &[0; 215]),
            &tcp(TCP4, b"\x04"),
            &tcp(TCP4, b"\x04\0"),
            &tcp(TCP6, b"\x04\0\x02x"),
            &tcp(TCP4, &tlv(CRC32C, b"123")),
            &tcp(TCP4, &tlv(CRC32C, b"1234")),
        ] {
            assert_eq!(ProxyHeader::read(bytes), Err(BadProxyHeader), "{bytes:?}");
        }
    }

    #[test]
    fn a_checksum_covers_the_whole_header() {
        let tlvs = [tlv(4, b"before"), tlv(CRC32C, &[0; 4]), tlv(4, b"behind")].concat();
        let mut header = tcp(TCP6, &tlvs);
        let at = header.len() - tlv(4, b"behind").len() - 4;
        let sum = crc32c(&[&header]).to_be_bytes();
        header[at..at + 4].copy_from_slice(&sum);
        assert!(ProxyHeader::read(&header).is_ok_and(|it| it.is_some()));
        // The last byte, one of an address, one of the checksum.
        for place in [header.len() - 1, 20, at] {
            let mut damaged = header.clone();
            damaged[place] ^= 1;
            assert_eq!(ProxyHeader::read(&damaged), Err(BadProxyHeader), "{place}");
        }
    }

    #[test]
    fn a_part_of_a_header_is_not_complete_and_not_refused() {
        let addresses = ProxyAddresses::tcp("[::1]:1".parse().unwrap(), "[::2]:2".parse().unwrap());
        for version in [SendProxy::V1, SendProxy::V2] {
            let header = version.header(&addresses);
            for length in 0..header.len() {
                assert_eq!(ProxyHeader::read(&header[..length]), Ok(None), "{version:?} {length}");
            }
            let length = header.len();
            let addresses = addresses.clone();
            let read = ProxyHeader::read(&header).unwrap().unwrap();
            assert_eq!((read.length, read.addresses), (length, addresses));
            assert!(read.tlvs.is_empty());
        }
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"PROXYTCP4", b"\r\n\r\n\r", b"\x16\x03\x01"] {
            assert_eq!(ProxyHeader::read(bytes), Err(BadProxyHeader), "{bytes:?}");
        }
    }

    #[test]
    fn tlvs_are_passed_on_with_a_new_checksum() {
        let (alpn, id, padding) = (tlv(1, b"h2"), tlv(5, b"unique"), tlv(4, &[0; 9]));
        let tlvs = [&alpn[..], &padding, &tlv(CRC32C, &[0; 4]), &id].concat();
        let addresses = ProxyAddresses::tcp("[::1]:1".parse().unwrap(), "[::2]:2".parse().unwrap());
        // The checksum of a header that is sent is filled in.
        let received = SendProxy::V2.header_with(&addresses, &tlvs);
        let header = ProxyHeader::read(&received).unwrap().unwrap();
        let passed = header.tlvs_to_pass_on(&received);
        assert_eq!(passed, [&alpn[..], &id, &tlv(CRC32C, &[0; 4])].concat());
        let other =
            ProxyAddresses::tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        let sent = SendProxy::V2.header_with(&other, &passed);
        let header = ProxyHeader::read(&sent).unwrap().unwrap();
        assert_eq!(header.addresses, other);
        assert_eq!(header.tlvs_to_pass_on(&sent), passed);
        assert_eq!(SendProxy::V1.header_with(&other, &passed), SendProxy::V1.header(&other));
        // Without a checksum none is added, and what would be too long is left out.
        let plain = SendProxy::V2.header_with(&other, &id);
        assert_eq!(plain.len(), 16 + 12 + id.len());
        let long = tlv(0xe0, &[7; MOST_PROXY_HEADER - 16 - 12 - 3]);
        assert_eq!(SendProxy::V2.header_with(&other, &long).len(), MOST_PROXY_HEADER);
        let longer = tlv(0xe0, &[7; MOST_PROXY_HEADER - 16 - 12 - 2]);
        assert_eq!(SendProxy::V2.header_with(&other, &longer), SendProxy::V2.header(&other));
    }
}
