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
