//! The bytes of headers of the PROXY protocol and of TLS ClientHellos, written apart from the engine's own code.

use crate::script::{Flaw, Form, Header, Hello, NAMES_ASKED, Opening, PROTOCOLS, stated_addresses};
use flow::SendProxy;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Bytes of a path of a Unix socket in a header.
const PATH: usize = 108;
/// A length or a line beyond the limits.
const TOO_LONG: usize = 5000;

/// The addresses in a header: of the client, and those that it has connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// None: those of the connection hold.
    Own,
    Ip(SocketAddr, SocketAddr),
    /// Of the client's socket and of the listener, padded.
    Unix(Vec<u8>, Vec<u8>),
}

/// What a client begins with, as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    /// The header; empty without one.
    pub(crate) header: Vec<u8>,
    /// It is a valid one.
    pub(crate) is_valid: bool,
    pub(crate) stated: Stated,
    /// The hello; empty without one.
    pub(crate) hello: Arc<[u8]>,
    /// The name and the protocol in the hello.
    pub(crate) asked: (Option<&'static str>, Option<&'static str>),
}

impl Beginning {
    /// That of a session of the script.
    pub(crate) fn of(opening: Opening, session: u16) -> Self {
        let name = |hello: Hello| Some(NAMES_ASKED[usize::from(hello.name?)]);
        let protocol = |hello: Hello| Some(PROTOCOLS[usize::from(hello.protocol?)]);
        let (header, stated) = match opening.header {
            Some(header) => client_header(header, session),
            None => (Vec::new(), Stated::Own),
        };
        let asked = opening.hello.map(|hello| (name(hello), protocol(hello)));
        Self {
            header,
            is_valid: opening.header.is_some_and(|header| header.flaw == Flaw::None),
            stated,
            hello: opening.hello.map_or_else(Vec::new, client_hello).into(),
            asked: asked.unwrap_or_default(),
        }
    }
}

fn client_header(header: Header, session: u16) -> (Vec<u8>, Stated) {
    let Header { form, client, flaw, extra } = header;
    let [from, to] = stated_addresses(client, session);
    let paths =
        [format!("/run/client-{session}"), "/run/listener".to_owned()].map(|it| padded(&it));
    let stated = match form {
        Form::Unknown | Form::Local => Stated::Own,
        Form::V1 | Form::V2 | Form::Summed => Stated::Ip(from, to),
        Form::Unix => Stated::Unix(paths[0].clone(), paths[1].clone()),
    };
    let mut bytes = match form {
        Form::V1 => line(from, to),
        Form::Unknown => b"PROXY UNKNOWN what follows has no meaning\r\n".to_vec(),
        Form::V2 | Form::Summed => block(0x21, &stated, extra, form == Form::Summed),
        Form::Local => block(0x20, &Stated::Ip(from, to), extra, false),
        Form::Unix => block(0x21, &stated, extra, false),
    };
    let is_line = bytes[0] == b'P';
    match flaw {
        Flaw::None => {}
        // The last byte of a block with a checksum belongs to that; the third one to any beginning.
        Flaw::Damaged if form == Form::Summed => *bytes.last_mut().expect("a byte") ^= 1,
        Flaw::Damaged => bytes[2] ^= 1,
        Flaw::TooLong if is_line => {
            bytes.truncate(bytes.len() - 2);
            bytes.resize(TOO_LONG, b' ');
            bytes.extend(b"\r\n");
        }
        Flaw::TooLong => bytes[14..16].copy_from_slice(&length_of(TOO_LONG)),
    }
    (bytes, stated)
}

/// The headers that a target may get: with these addresses, of a client whose connection is fine or not.
pub(crate) fn target_header(kind: SendProxy, stated: &Stated) -> Vec<u8> {
    match (kind, stated) {
        (SendProxy::Off, _) => Vec::new(),
        (SendProxy::V1, Stated::Ip(from, to)) => line(*from, *to),
        (SendProxy::V1, _) => b"PROXY UNKNOWN\r\n".to_vec(),
        (SendProxy::V2, Stated::Own) => block(0x20, stated, 0, false),
        (SendProxy::V2, _) => block(0x21, stated, 0, false),
    }
}

/// The addresses of a client of a Unix listener at this path.
pub(crate) fn of_unix_listener(path: &str) -> Stated {
    Stated::Unix(padded(""), padded(path))
}

/// Both in one family. IPv4-mapped addresses are IPv4 ones, if both are.
fn in_one_family(from: IpAddr, to: IpAddr) -> (IpAddr, IpAddr) {
    let mapped = |it: IpAddr| match it {
        IpAddr::V4(it) => it.to_ipv6_mapped().into(),
        IpAddr::V6(_) => it,
    };
    if from.is_ipv4() == to.is_ipv4() { (from, to) } else { (mapped(from), mapped(to)) }
}

fn line(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let (source, destination) = in_one_family(from.ip(), to.ip());
    let family = if source.is_ipv4() { 4 } else { 6 };
    let (from, to) = (from.port(), to.port());
    format!("PROXY TCP{family} {source} {destination} {from} {to}\r\n").into_bytes()
}

fn block(command: u8, stated: &Stated, extra: u16, has_sum: bool) -> Vec<u8> {
    let mut rest = Vec::new();
    let family = match stated {
        Stated::Own => 0,
        Stated::Ip(from, to) => {
            let (source, destination) = in_one_family(from.ip(), to.ip());
            for ip in [source, destination] {
                match ip {
                    IpAddr::V4(ip) => rest.extend(ip.octets()),
                    IpAddr::V6(ip) => rest.extend(ip.octets()),
                }
            }
            rest.extend(from.port().to_be_bytes());
            rest.extend(to.port().to_be_bytes());
            if source.is_ipv4() { 0x11 } else { 0x21 }
        }
        Stated::Unix(from, to) => {
            rest.extend(from);
            rest.extend(to);
            0x31
        }
    };
    if extra > 0 {
        rest.push(0xe5);
        rest.extend(extra.to_be_bytes());
        rest.resize(rest.len() + usize::from(extra), b'x');
    }
    if has_sum {
        rest.extend([3, 0, 4, 0, 0, 0, 0]);
    }
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend(length_of(rest.len()));
    bytes.extend(rest);
    if has_sum {
        let (sum, at) = (crc32c(&bytes), bytes.len() - 4);
        bytes[at..].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

fn length_of(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes()
}

fn padded(path: &str) -> Vec<u8> {
    let mut bytes = path.as_bytes().to_vec();
    bytes.resize(PATH, 0);
    bytes
}

/// CRC32c, bit by bit (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82F6_3B78 } else { 0 };
        }
    }
    !sum
}

/// A message of TLS 1.2 or later, as far as names need it (RFC 8446, sections 4.1.2 and 5.1).
fn client_hello(hello: Hello) -> Vec<u8> {
    let Hello { name, protocol, padding, records } = hello;
    let behind = |bytes: &[u8]| [&length_of(bytes.len())[..], bytes].concat();
    let extension = |kind: u16, bytes: &[u8]| [&kind.to_be_bytes()[..], &behind(bytes)].concat();
    let mut extensions = extension(0x15, &vec![0; usize::from(padding)]);
    if let Some(name) = name {
        let host = [&[0][..], &behind(NAMES_ASKED[usize::from(name)].as_bytes())].concat();
        extensions.extend(extension(0, &behind(&host)));
    }
    if let Some(protocol) = protocol {
        let protocol = PROTOCOLS[usize::from(protocol)].as_bytes();
        let length = u8::try_from(protocol.len()).unwrap_or(0);
        extensions.extend(extension(16, &behind(&[&[length], protocol].concat())));
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(behind(&extensions));
    let [high, low] = length_of(body.len());
    let message = [&[1, 0, high, low][..], &body].concat();
    // A record has at most 16 KiB.
    let count = usize::from(records).max(message.len().div_ceil(1 << 14)).max(1);
    let record = |part: &[u8]| [&[22, 3, 1][..], &behind(part)].concat();
    message.chunks(message.len().div_ceil(count)).flat_map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bytes_have_known_checksums() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn a_header_has_the_bytes_of_the_specification() {
        let addresses = ["192.0.2.1:4000", "192.0.2.2:80"].map(|it| it.parse().unwrap());
        let stated = Stated::Ip(addresses[0], addresses[1]);
        let line = target_header(SendProxy::V1, &stated);
        assert_eq!(line, b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n");
        let block = target_header(SendProxy::V2, &stated);
        let rest = [0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0x0f, 0xa0, 0, 80];
        assert_eq!(block[12..], rest);
    }
}
