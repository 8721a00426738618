//! `bind`: addresses, families and keepalive.

use super::super::case::{Says, each};
use super::super::scene::Scene;
use super::{DEFAULTS, listen, sections};

#[test]
fn clients_of_the_same_families_are_served() {
    each(
        [
            (":LISTEN_PORT", "1x"),
            ("*:LISTEN_PORT", "1x"),
            ("0:LISTEN_PORT", "1x"),
            ("0.0.0.0:LISTEN_PORT", "1x"),
            ("127.0.0.1:LISTEN_PORT", "1x"),
            ("ipv4@:LISTEN_PORT", "1x"),
            ("ipv4@*:LISTEN_PORT", "1x"),
            ("ipv4@127.0.0.1:LISTEN_PORT", "1x"),
            ("*:LISTEN_PORT-LISTEN_PORT", "1x"),
            (":::LISTEN_PORT", "11"),
            ("::0:LISTEN_PORT", "11"),
            ("[::]:LISTEN_PORT", "11"),
            ("[::0]:LISTEN_PORT", "11"),
            ("ipv6@:LISTEN_PORT", "11"),
            ("ipv6@*:LISTEN_PORT", "11"),
            (":::LISTEN_PORT v4v6", "11"),
            ("ipv6@:LISTEN_PORT v4v6", "11"),
            (":::LISTEN_PORT v6only", "x1"),
            ("[::]:LISTEN_PORT v6only", "x1"),
            ("::1:LISTEN_PORT", "x1"),
            ("[::1]:LISTEN_PORT", "x1"),
            ("127.0.0.1:LISTEN_PORT,[::1]:LISTEN_PORT", "11"),
        ],
        |(bind, expected)| {
            let case = format!("{DEFAULTS}listen web\n    bind {bind}\n    server a T1");
            sections(&case).alike(expected.to_owned(), |scene| scene.families());
        },
    );
}

#[test]
fn clients_are_probed_if_haproxy_does() {
    let probed = |scene: &mut Scene| {
        scene.held(1);
        scene.has_keepalive(0)
    };
    each(["option tcpka", "option clitcpka"], |option| {
        listen(&format!("{option};server a T1")).alike(true, probed);
    });
    let times = "option tcpka;clitcpka-idle 30;clitcpka-intvl 5s;clitcpka-cnt 3;server a T1";
    let line = "keepalive = { idle = \"30s\", interval = \"5s\", count = 3 }";
    listen(times).writes(line).alike(true, probed);
    listen("server a T1").differs(Says::Import("`option tcpka` is off"), [false, true], probed);
}

#[test]
fn unix_sockets_have_the_same_rights() {
    let of = |bind: &str| {
        let listen = format!("bind LISTEN\n    bind unix@DIR/x.sock {bind}\n    server a T1");
        sections(&format!("{DEFAULTS}listen web\n    {listen}"))
    };
    of("mode 660").writes("mode = \"0660\"").is_imported();
    of("mode 600 uid 0 gid 0")
        .writes("mode = \"0600\"")
        .writes("owner = \"0\"")
        .writes("group = \"0\"")
        .is_imported();
    of("user root group root").writes("owner = \"root\"").writes("group = \"root\"").is_imported();
    let two = "mode 660\n    bind unix@DIR/y.sock mode 600";
    of(two).must_be_commented_out("have different rights");
    // Addresses have none.
    let listen = "listen web\n    bind LISTEN mode 600\n    server a T1";
    sections(&format!("{DEFAULTS}{listen}")).alike("1".to_owned(), |scene| scene.clients(1));
}
