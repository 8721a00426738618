//! `pass_tlvs`: what a proxy says beside addresses.

use std::process::{Command, Stdio};

use flow::{ProxyAddresses, ProxyHeader, SendProxy};
use tempfile::TempDir;
use testkit::{
    LIMIT, Listener, Place, Port, Script, Server, Socket, Tool, connect, run, wait_until,
};

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

/// HAProxy that ends TLS and sends every TLV that version 2.6 has. Later ones send any, by `set-proxy-v2-tlv-fmt`.
fn tls_proxy(port: &Port, dir: &TempDir) -> Server {
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (key, cert) = (file("pem.key"), file("pem"));
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=it", "-keyout"];
    run(Tool::find("openssl").command().args(request).args([&key, "-out", &cert]), LIMIT).success();
    Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen it\n bind {} ssl crt {cert} alpn http/1.1\n unique-id-format id-of-the-proxy\n \
             server one {} send-proxy-v2 proxy-v2-options \
             ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id\n",
            own.addr(),
            port.addr()
        )
    })
}

/// A request to this proxy by the name `db.example.com`.
fn https_request(proxy: &Server) -> Command {
    let port = proxy.addr().port();
    let mut curl = Tool::find("curl").command();
    curl.args(["-sSk", "--connect-to", &format!("db.example.com:{port}:{}", proxy.addr())]);
    curl.arg(format!("https://db.example.com:{port}/"));
    curl
}

/// Types and values.
fn each(mut tlvs: &[u8]) -> Vec<(u8, &[u8])> {
    let mut all = Vec::new();
    while let [kind, high, low, rest @ ..] = tlvs {
        let (value, after) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        all.push((*kind, value));
        tlvs = after;
    }
    all
}

#[test]
fn every_tlv_of_haproxy_reaches_the_target() {
    let (port, listener, dir) = (Port::v4(), Listener::bind(Place::V4), TempDir::new().unwrap());
    let settings = format!("{TRUSTED}\n{PASS}");
    let _operated = Operated::start(config(port.addr(), listener.addr(), &settings));
    let proxy = tls_proxy(&port, &dir);
    let mut client = https_request(&proxy).stdout(Stdio::null()).spawn().unwrap();
    // The checksum is verified, too.
    let (header, tlvs) = header(&listener.accept());
    client.kill().unwrap();
    client.wait().unwrap();
    assert!(
        matches!(header.addresses, ProxyAddresses::Ip { destination, .. } if destination == proxy.addr())
    );
    let tlvs = each(&tlvs);
    let value = |kind: u8| tlvs.iter().find(|(it, _)| *it == kind).map(|(_, value)| *value);
    assert_eq!(value(0x01), Some(&b"http/1.1"[..]), "{tlvs:?}");
    assert_eq!(value(0x02), Some(&b"db.example.com"[..]), "{tlvs:?}");
    assert_eq!(value(0x05), Some(&b"id-of-the-proxy"[..]), "{tlvs:?}");
    // The client's flags and the result of a check stand ahead of the parts.
    let of_tls = each(&value(0x20).expect("TLS")[5..]);
    assert!(of_tls.contains(&(0x21, &b"TLSv1.3"[..])), "{of_tls:?}");
    assert_eq!(of_tls.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0x21, 0x25, 0x24, 0x23]);
    assert_eq!(tlvs.last(), Some(&(0x03, &[0; 4][..])));
}

/// Another HAProxy reads what arrives.
#[test]
fn haproxy_reads_the_tlvs_that_haproxy_has_sent() {
    let reader = Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             frontend it\n bind {} accept-proxy\n http-request return status 200 content-type \
             text/plain lf-string \"%[fc_pp_unique_id] %[fc_pp_authority]\"\n",
            own.addr()
        )
    });
    let (port, dir) = (Port::v4(), TempDir::new().unwrap());
    let settings = format!("{TRUSTED}\n{PASS}");
    let _operated = Operated::start(config(port.addr(), &(&reader).into(), &settings));
    let answer = run(&mut https_request(&tls_proxy(&port, &dir)), LIMIT).success().text();
    assert_eq!(answer, "id-of-the-proxy db.example.com");
}
