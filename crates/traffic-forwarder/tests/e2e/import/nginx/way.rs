//! Where connections come from, and the PROXY header.

use testkit::Behaviour;

use crate::hello_routes::hello;

use super::super::case::{Says, each};
use super::super::scene::{Kind, Scene};
use super::{server, stream};

#[test]
fn targets_see_the_same_source() {
    for (directive, expected) in
        [("proxy_bind 127.0.0.7;", "7"), ("proxy_bind off;", "1"), ("", "1")]
    {
        let case = server(directive).target(1, Kind::Does(Behaviour::GreetByPeer));
        case.alike(expected.to_owned(), |scene| scene.clients(1));
    }
    let line = "local_address = \"127.0.0.7\"";
    server("proxy_bind 127.0.0.7;").writes(line).is_imported();
    server("proxy_bind $remote_addr transparent;").writes("transparent = true").is_imported();
    for directive in ["proxy_bind 127.0.0.7 transparent;", "proxy_bind 127.0.0.7:4000;"] {
        server(directive).must_be_commented_out("targets would see another address");
    }
}

#[test]
fn targets_get_the_same_header() {
    for (directive, expected) in [("proxy_protocol on;", '1'), ("proxy_protocol off;", '0')] {
        let case = server(directive).target(1, Kind::Does(Behaviour::GreetByHeader));
        case.alike(expected, |scene| scene.writing("x"));
    }
}

const HEADER: &str = "PROXY TCP4 127.0.0.9 127.0.0.1 1 2\r\n";

#[test]
fn clients_must_send_the_same_header() {
    let case = |trusted: &str, rules: &str| {
        stream(&format!(
            "server {{ listen LISTEN proxy_protocol; {trusted} {rules} proxy_pass T1; }}"
        ))
    };
    let greets = |scene: &mut Scene| (scene.writing(HEADER), scene.writing("GET / HTTP/1.1\r\n"));
    each(["", "set_real_ip_from 127.0.0.0/8;", "set_real_ip_from 0.0.0.0/0;"], |trusted| {
        case(trusted, "").alike(('1', '-'), greets);
    });
    let trusted = "set_real_ip_from 127.0.0.1;";
    case(trusted, "deny 127.0.0.9;").alike(('-', '-'), greets);
    case(trusted, "proxy_protocol_timeout 5s;")
        .writes("accept_proxy = { from = [\"127.0.0.1\"], timeout = \"5s\" }")
        .is_imported();
    // Here any peer could state an address that is allowed.
    for rules in ["deny 127.0.0.9;", "allow 192.0.2.1; deny all;", "deny all;"] {
        case("", rules).must_be_commented_out("decide about the proxy, and here about the client");
    }
    let both =
        "server { listen LISTEN proxy_protocol; listen 127.0.0.2:LISTEN_PORT; proxy_pass T1; }";
    stream(both).must_be_commented_out("and of another none");
}

/// A v2 header: command, family, addresses and TLVs.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

#[test]
fn the_same_headers_are_understood() {
    let ports = [0, 1, 0, 2];
    let v4 = [&[127, 0, 0, 9, 127, 0, 0, 1], &ports[..]].concat();
    let v6 =
        [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9][..], &[0; 16], &ports].concat();
    let denied_in_v6 = v2(0x21, 0x21, &v6);
    let headers = [
        (HEADER.as_bytes().to_vec(), '-'),
        (b"PROXY TCP4 127.0.0.8 127.0.0.1 1 2\r\n".to_vec(), '1'),
        (b"PROXY TCP6 2001:db8::9 ::1 1 2\r\n".to_vec(), '-'),
        (b"PROXY TCP6 2001:db8:1::9 ::1 1 2\r\n".to_vec(), '1'),
        (b"PROXY UNKNOWN\r\n".to_vec(), '1'),
        (v2(0x21, 0x11, &v4), '-'),
        (v2(0x21, 0x11, &[&v4[..], &[4, 0, 3, 0, 0, 0]].concat()), '-'),
        (denied_in_v6, '-'),
        (v2(0x20, 0, &[]), '1'),
        (b"PROXY TCP4 127.0.0.8 127.0.0.1 1\r\n".to_vec(), '-'),
        (v2(0x31, 0x11, &v4), '-'),
    ];
    let case = stream(
        "server { listen LISTEN proxy_protocol; set_real_ip_from 127.0.0.1; proxy_pass T1;
         deny 127.0.0.9; deny 2001:db8::/48; }",
    );
    let says = Says::Document("is malformed or of another family");
    let others = ["PROXY TCP4 300.0.0.1 ::1 1 2\r\n", "PROXY TCP4 ::1 127.0.0.1 1 2\r\n"];
    for header in others {
        case.clone().differs(says, ['1', '-'], |scene| scene.writing(header));
    }
    let expected: String = headers.iter().map(|(_, mark)| mark).collect();
    case.alike(expected, |scene| headers.iter().map(|(header, _)| scene.writing(header)).collect());
}

#[test]
fn a_header_and_a_hello_are_both_read_and_sent() {
    let mapped = |listen: &str, server: &str| {
        stream(&format!(
            "map $ssl_preread_server_name $target {{ a.test T1; default T2; }}
             server {{ listen LISTEN {listen}; ssl_preread on; proxy_pass $target; {server} }}"
        ))
    };
    let both = |name: &str| [HEADER.as_bytes(), &hello(name, &[])].concat();
    mapped("proxy_protocol", "set_real_ip_from 127.0.0.1;").alike("12".to_owned(), |scene| {
        ["a.test", "b.test"].map(|name| scene.writing(both(name))).iter().collect()
    });
    let denied = mapped("proxy_protocol", "set_real_ip_from 127.0.0.1; deny 127.0.0.9;");
    denied.alike('-', |scene| scene.writing(both("a.test")));
    let sent = mapped("", "proxy_protocol on;");
    let sent = [1, 2]
        .into_iter()
        .fold(sent, |case, number| case.target(number, Kind::Does(Behaviour::GreetByHeader)));
    sent.alike("11".to_owned(), |scene| {
        ["a.test", "b.test"].map(|name| scene.writing(hello(name, &[]))).iter().collect()
    });
}

#[test]
fn unix_sockets_keep_their_paths() {
    stream("server { listen unix:/run/in.sock; listen LISTEN; proxy_pass unix:/run/out.sock; }")
        .writes("to = \"unix:/run/out.sock\"")
        .is_imported();
    stream("upstream u { server unix:/run/a.sock; server T1; } server { listen LISTEN; proxy_pass u; }")
        .writes("  \"unix:/run/a.sock\",")
        .is_imported();
    stream("server { listen unix:/run/in.sock; proxy_pass T1; }")
        .writes("listen = \"unix:/run/in.sock\"")
        .is_imported();
}
