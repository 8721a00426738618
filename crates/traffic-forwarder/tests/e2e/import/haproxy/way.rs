//! Where connections come from, and the PROXY header.

use testkit::Behaviour;

use super::super::scene::{Kind, Scene};
use super::{DEFAULTS, listen, sections};

#[test]
fn targets_see_the_same_source() {
    for (line, expected) in
        [("source 127.0.0.7", "7"), ("source 0.0.0.0", "1"), ("source 127.0.0.8 interface lo", "8")]
    {
        let case = listen(&format!("{line};server a T1"));
        let case = case.target(1, Kind::Does(Behaviour::GreetByPeer));
        case.alike(expected.to_owned(), |scene| scene.clients(1));
    }
    let transparent = listen("source 0.0.0.0 usesrc clientip;server a T1");
    transparent.writes("transparent = true").is_imported();
    for line in ["source 0.0.0.0 usesrc client", "source 127.0.0.7:4000"] {
        let case = listen(&format!("{line};server a T1"));
        case.must_be_commented_out("targets would see another address");
    }
}

#[test]
fn targets_get_the_same_header() {
    for (parameters, expected) in
        [("send-proxy", '1'), ("send-proxy-v2", '2'), ("send-proxy no-send-proxy", '0'), ("", '0')]
    {
        let case = listen(&format!("server a T1 {parameters}"));
        let case = case.target(1, Kind::Does(Behaviour::GreetByHeader));
        case.alike(expected, |scene| scene.writing("x"));
    }
    let inherited = listen("default-server send-proxy-v2;server a T1");
    let inherited = inherited.target(1, Kind::Does(Behaviour::GreetByHeader));
    inherited.alike('2', |scene| scene.writing("x"));
    listen("server a T1 send-proxy-v2-ssl").must_be_commented_out("would miss the PROXY header");
}

#[test]
fn clients_must_send_the_same_header() {
    let header = "PROXY TCP4 127.0.0.9 127.0.0.1 1 2\r\n";
    let greets = |scene: &mut Scene| (scene.writing(header), scene.writing("GET / HTTP/1.1\r\n"));
    let case =
        |bind: &str| sections(&format!("{DEFAULTS}listen web\n    bind {bind}\n    server a T1"));
    case("127.0.0.1:LISTEN_PORT accept-proxy").alike(('1', '-'), greets);
    let both = "127.0.0.1:LISTEN_PORT accept-proxy\n    bind 127.0.0.2:LISTEN_PORT";
    case(both).must_be_commented_out("and of another none");
}
