//! Headers of the PROXY protocol against two other implementations, `ppp` and `proxy-header`.

use flow::{ProxyAddresses, SendProxy};
use ppp::{v1, v2};
use proptest::prelude::*;
use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

fn any_address() -> impl Strategy<Value = SocketAddr> {
    let mapped = any::<Ipv4Addr>().prop_map(|ip| IpAddr::V6(ip.to_ipv6_mapped()));
    let short = any::<u16>().prop_map(|part| Ipv6Addr::new(part, 0, 0, 0, 0, 0, 0, 1).into());
    let ip = prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::V4),
        any::<Ipv6Addr>().prop_map(IpAddr::V6),
        mapped,
        short,
    ];
    (ip, any::<u16>()).prop_map(SocketAddr::from)
}

/// The addresses that both parsers find in a header, which must be as long as `bytes`.
fn read_by_both(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let by_ppp = match ppp::HeaderResult::parse(bytes) {
        ppp::HeaderResult::V1(header) => {
            let header = header.expect("a v1 header");
            assert_eq!(header.header.len(), bytes.len());
            match header.addresses {
                v1::Addresses::Unknown => None,
                v1::Addresses::Tcp4(it) => Some((
                    (it.source_address, it.source_port).into(),
                    (it.destination_address, it.destination_port).into(),
                )),
                v1::Addresses::Tcp6(it) => Some((
                    (it.source_address, it.source_port).into(),
                    (it.destination_address, it.destination_port).into(),
                )),
            }
        }
        ppp::HeaderResult::V2(header) => {
            let header = header.expect("a v2 header");
            assert_eq!(header.len(), bytes.len());
            assert_eq!(
                header.protocol == v2::Protocol::Stream,
                header.command == v2::Command::Proxy
            );
            match header.addresses {
                v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
                v2::Addresses::IPv4(it) => Some((
                    (it.source_address, it.source_port).into(),
                    (it.destination_address, it.destination_port).into(),
                )),
                v2::Addresses::IPv6(it) => Some((
                    (it.source_address, it.source_port).into(),
                    (it.destination_address, it.destination_port).into(),
                )),
            }
        }
    };
    let (header, length) = ProxyHeader::parse(bytes, ParseConfig::default()).expect("a header");
    assert_eq!(length, bytes.len());
    let by_other = header.proxied_address().map(|it| (it.source, it.destination));
    assert_eq!(by_ppp, by_other);
    by_ppp
}

proptest! {
    #[test]
    fn both_read_the_addresses_that_were_written(one in any_address(), other in any_address()) {
        let addresses = ProxyAddresses::tcp(one, other);
        let ProxyAddresses::Ip { source, destination } = addresses else { panic!("TCP") };
        let is_v4 = |address: SocketAddr| address.ip().to_canonical().is_ipv4();
        prop_assert_eq!(source.is_ipv4() && destination.is_ipv4(), is_v4(one) && is_v4(other));
        prop_assert_eq!(source.ip().to_canonical(), one.ip().to_canonical());
        prop_assert_eq!(destination.ip().to_canonical(), other.ip().to_canonical());
        prop_assert_eq!((source.port(), destination.port()), (one.port(), other.port()));
        for version in [SendProxy::V1, SendProxy::V2] {
            let bytes = version.header(&addresses);
            prop_assert_eq!(read_by_both(&bytes), Some((source, destination)));
        }
    }

    #[test]
    fn they_write_the_same_bytes(one in any_address(), other in any_address()) {
        let addresses = ProxyAddresses::tcp(one, other);
        let ProxyAddresses::Ip { source, destination } = addresses else { panic!("TCP") };
        let header = ProxyHeader::with_address(ProxiedAddress::stream(source, destination));
        let (mut v1, mut v2) = (Vec::new(), Vec::new());
        header.encode_v1(&mut v1).expect("a line");
        header.encode_v2(&mut v2).expect("a block");
        prop_assert_eq!(SendProxy::V1.header(&addresses), v1);
        prop_assert_eq!(SendProxy::V2.header(&addresses), v2);
    }
}

#[test]
fn a_check_and_a_client_of_a_unix_socket_have_no_address() {
    let unix = ProxyAddresses::unix(b"/run/web");
    for addresses in [&ProxyAddresses::Own, &unix] {
        let line = SendProxy::V1.header(addresses);
        assert_eq!(line, b"PROXY UNKNOWN\r\n");
        assert_eq!(read_by_both(&line), None);
        assert_eq!(read_by_both(&SendProxy::V2.header(addresses)), None);
        assert_eq!(SendProxy::Off.header(addresses), b"");
    }
    let local = SendProxy::V2.header(&ProxyAddresses::Own);
    assert_eq!(v2::Header::try_from(&local[..]).expect("a header").command, v2::Command::Local);
    let header = SendProxy::V2.header(&unix);
    let header = v2::Header::try_from(&header[..]).expect("a header");
    assert_eq!(header.command, v2::Command::Proxy);
    let v2::Addresses::Unix(paths) = header.addresses else { panic!("{header:?}") };
    assert_eq!((paths.source, &paths.destination[..10]), ([0; 108], &b"/run/web\0\0"[..]));
    let long = ProxyAddresses::unix(&[b'x'; 200]);
    assert_eq!(SendProxy::V2.header(&long).len(), 16 + 216);
}

#[test]
fn a_line_is_never_longer_than_the_protocol_allows() {
    let longest = SocketAddr::new(Ipv6Addr::from(u128::MAX).into(), u16::MAX);
    let line = SendProxy::V1.header(&ProxyAddresses::tcp(longest, longest));
    assert_eq!(line.len(), 104);
}

/// The client and the listener in a header; `None` if it means those of the connection.
type Stated = Option<(SocketAddr, SocketAddr)>;

/// Our result for a header at the beginning of `bytes`, with its length.
fn read(bytes: &[u8]) -> Option<(usize, Stated)> {
    let header = flow::ProxyHeader::read(bytes).ok()??;
    let stated = match header.addresses {
        ProxyAddresses::Ip { source, destination } => Some((source, destination)),
        ProxyAddresses::Own | ProxyAddresses::Unix(_) => None,
    };
    Some((header.length, stated))
}

/// That of `proxy-header`, which also reads the addresses of datagrams.
fn read_by_other(bytes: &[u8]) -> Option<(usize, Stated)> {
    let (header, length) = ProxyHeader::parse(bytes, ParseConfig::default()).ok()?;
    let is_stream = |it: &&ProxiedAddress| it.protocol == proxy_header::Protocol::Stream;
    let stated = header.proxied_address().filter(is_stream).map(|it| (it.source, it.destination));
    Some((length, stated))
}

/// A header, possibly with TLVs, and bytes behind it.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let tlv = (any::<u8>().prop_filter("a checksum", |kind| *kind != 3), 0..40usize);
    let tlvs = proptest::collection::vec(tlv, 0..4).prop_map(|tlvs| {
        let tlv = |(kind, length): (u8, usize)| {
            let begin = [kind, 0, u8::try_from(length).unwrap_or(0)];
            [&begin[..], &vec![b'x'; length]].concat()
        };
        tlvs.into_iter().flat_map(tlv).collect::<Vec<u8>>()
    });
    let version = prop_oneof![Just(SendProxy::V1), Just(SendProxy::V2)];
    (any_address(), any_address(), version, tlvs, any::<[u8; 3]>()).prop_map(
        |(source, destination, version, tlvs, behind)| {
            let mut bytes = version.header(&ProxyAddresses::tcp(source, destination));
            if version == SendProxy::V2 {
                let length = u16::from_be_bytes([bytes[14], bytes[15]]);
                let length = length + u16::try_from(tlvs.len()).unwrap_or(0);
                bytes[14..16].copy_from_slice(&length.to_be_bytes());
                bytes.extend(tlvs);
            }
            bytes.extend(behind);
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn headers_are_read_alike(bytes in any_bytes()) {
        let ours = read(&bytes);
        prop_assert!(ours.is_some());
        prop_assert_eq!(ours, read_by_other(&bytes));
    }

    /// A damaged header that we take is the same header to the other one. It also checks the addresses of
    /// datagrams and the family of a check, which we skip.
    #[test]
    fn damaged_headers_are_not_read_differently(
        bytes in any_bytes(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = bytes;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(ours) = read(&bytes) {
            let length = ours.0;
            let is_skipped = bytes[0] == b'\r' && (bytes[12] == 0x20 || bytes[13] & 0xf == 2);
            if !is_skipped {
                prop_assert_eq!(Some(ours), read_by_other(&bytes), "{:?}", &bytes[..length]);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_in_any_parts(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        parts(&bytes);
    }

    #[test]
    fn a_header_is_complete_at_its_last_byte(bytes in any_bytes()) {
        parts(&bytes);
    }
}

/// A part of a header is incomplete, never malformed; further bytes do not change a result.
fn parts(bytes: &[u8]) {
    let whole = flow::ProxyHeader::read(bytes);
    for length in 0..bytes.len() {
        match (flow::ProxyHeader::read(&bytes[..length]), &whole) {
            (Ok(None), _) => {}
            (part, whole) => assert_eq!(part, *whole, "{length} of {bytes:?}"),
        }
    }
    if let Ok(Some(header)) = whole {
        assert!(header.length <= bytes.len());
        assert_eq!(flow::ProxyHeader::read(&bytes[..header.length - 1]), Ok(None));
    }
}
