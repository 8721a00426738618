//! Where connections come from, and the PROXY header.

use testkit::Behaviour;

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
    for directive in ["proxy_bind $remote_addr transparent;", "proxy_bind 127.0.0.7:4000;"] {
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
    let says = "the client in the header counts";
    case("", "deny 127.0.0.9;").differs(Says::Import(says), [('1', '-'), ('-', '-')], greets);
    let both =
        "server { listen LISTEN proxy_protocol; listen 127.0.0.2:LISTEN_PORT; proxy_pass T1; }";
    stream(both).must_be_commented_out("and of another none");
}
