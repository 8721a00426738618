//! `pass_tlvs`: what a proxy says beside addresses.

use std::time::Duration;

use flow::{ProxyAddresses, ProxyHeader, SendProxy};
use testkit::{LIMIT, Listener, Place, Port, Script, Server, Socket, connect, wait_until};

use super::receiving::{TRUSTED, config};
use crate::support::{BINARY, LateTarget, Operated, messages, play};

const PASS: &str = "send_proxy = 'v2'\npass_tlvs = true";

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

/// ALPN and padding, an id, and a checksum, which is filled in.
fn received() -> Vec<u8> {
    [tlv(1, b"h2"), tlv(4, &[0; 5]), tlv(3, &[0; 4]), tlv(5, b"id-7")].concat()
}

/// The same as a target gets them.
fn passed_on() -> Vec<u8> {
    [tlv(1, b"h2"), tlv(5, b"id-7"), tlv(3, &[0; 4])].concat()
}

fn addresses() -> ProxyAddresses {
    let [source, destination] =
        ["192.0.2.7:4711", "198.51.100.9:443"].map(|it| it.parse().unwrap());
    ProxyAddresses::tcp(source, destination)
}

/// The header at the beginning of a connection, and its TLVs.
#[track_caller]
fn header(target: &Socket) -> (ProxyHeader, Vec<u8>) {
    let fixed = play(target, Script::new().read_exactly(16)).bytes;
    let rest = u64::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let bytes = [fixed, play(target, Script::new().read_exactly(rest)).bytes].concat();
    // The checksum is verified.
    let header = ProxyHeader::read(&bytes).unwrap().unwrap();
    let tlvs = header.tlvs_to_pass_on(&bytes);
    (header, tlvs)
}

/// A client behind a proxy.
fn proxied_client(port: &Port) -> Socket {
    let client = connect(port).unwrap();
    let header = SendProxy::V2.header_with(&addresses(), &received());
    play(&client, Script::new().write_bytes([&header[..], b"hello"].concat()));
    client
}

#[test]
fn tlvs_reach_the_targets_that_want_them() {
    for (settings, passes) in
        [(format!("{TRUSTED}\n{PASS}"), true), (format!("{TRUSTED}\nsend_proxy = 'v2'"), false)]
    {
        for place in [Place::V4, Place::Unix] {
            let (port, listener) = (Port::v4(), Listener::bind(place));
            let _operated = Operated::start(config(port.addr(), listener.addr(), &settings));
            let _client = proxied_client(&port);
            let target = listener.accept();
            let (header, tlvs) = header(&target);
            assert_eq!(header.addresses, addresses());
            assert_eq!(tlvs, if passes { passed_on() } else { Vec::new() }, "{settings}");
            assert_eq!(play(&target, Script::new().read_exactly(5)).bytes, b"hello");
        }
    }
}

#[test]
fn a_target_has_its_own_setting() {
    let (port, listener) = (Port::v4(), Listener::bind(Place::V4));
    let to = |own| format!("to = {{ address = '{}', pass_tlvs = {own} }}", listener.addr());
    let config = |own| {
        let settings = format!("{}\n{TRUSTED}\nsend_proxy = 'v2'", to(own));
        crate::support::Config::new().forward_with(port.addr(), settings)
    };
    let operated = Operated::start(config(true));
    for own in [true, false, true] {
        operated.reload(config(own));
        let _client = proxied_client(&port);
        let (_, tlvs) = header(&listener.accept());
        assert_eq!(tlvs == passed_on(), own);
        assert_eq!(tlvs.is_empty(), !own);
    }
}

#[test]
fn tlvs_survive_an_upgrade_while_the_target_is_silent() {
    let (port, late) = (Port::v4(), LateTarget::open());
    let settings = format!("{TRUSTED}\n{PASS}\nconnect_timeout = '20s'");
    let operated = Operated::start(config(port.addr(), &late.addr(), &settings));
    let _client = proxied_client(&port);
    wait_until("the header", LIMIT, || {
        operated.sessions().iter().any(|it| it["client"] == "192.0.2.7:4711")
    });
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    let target = late.answer();
    let (header, tlvs) = header(&target);
    assert_eq!((header.addresses, tlvs), (addresses(), passed_on()));
}

/// HAProxy sends a unique id and a checksum, and another one reads what arrives.
#[test]
fn haproxy_reads_the_id_that_haproxy_has_sent() {
    let reader = Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             frontend it\n bind {} accept-proxy\n http-request return status 200 content-type \
             text/plain lf-string \"%[fc_pp_unique_id]\"\n",
            own.addr()
        )
    });
    let port = Port::v4();
    let settings = format!("{TRUSTED}\n{PASS}");
    let _operated = Operated::start(config(port.addr(), &(&reader).into(), &settings));
    let sender = Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen it\n bind {}\n unique-id-format id-of-the-proxy\n server one {} \
             send-proxy-v2 proxy-v2-options crc32c,unique-id\n",
            own.addr(),
            port.addr()
        )
    });
    let client = connect(sender.addr()).unwrap();
    play(
        &client,
        Script::new().write_bytes("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    );
    let answer = play(&client, Script::new().limit(Duration::from_secs(10)).read_to_end());
    let answer = String::from_utf8_lossy(&answer.bytes).into_owned();
    assert!(answer.ends_with("id-of-the-proxy"), "{answer}");
}
