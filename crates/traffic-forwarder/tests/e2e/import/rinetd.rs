//! Rules of rinetd, each with rinetd and imported.

use std::time::Duration;

use testkit::Behaviour;

use super::case::{Case, Program, Says, each};
use super::scene::Kind;

fn rule(rule: &str) -> Case {
    Case::new(Program::Rinetd, format!("{rule}\npidlogfile DIR/pid\n"))
}

const RULE: &str = "127.0.0.1 LISTEN_PORT 127.0.0.1 T1_PORT";

#[test]
fn clients_of_the_same_families_are_served() {
    each(
        [
            (RULE, "1x"),
            ("0.0.0.0 LISTEN_PORT 127.0.0.1 T1_PORT", "1x"),
            ("127.0.0.1 LISTEN_PORT/tcp 127.0.0.1 T1_PORT/tcp", "1x"),
            ("::1 LISTEN_PORT 127.0.0.1 T1_PORT", "x1"),
            (":: LISTEN_PORT 127.0.0.1 T1_PORT", "11"),
        ],
        |(line, expected)| rule(line).alike(expected.to_owned(), |scene| scene.families()),
    );
}

#[test]
fn sessions_end_as_in_rinetd_unless_the_document_says_otherwise() {
    rule(RULE).alike("1 kept".to_owned(), |scene| {
        scene.held(1) + " " + &scene.sees_in_time(0, Duration::from_secs(2))
    });
    rule(RULE).target(1, Kind::Down).alike("--".to_owned(), |scene| scene.clients(2));
    let case = rule(RULE).target(1, Kind::Does(Behaviour::AnswerAtEof(1)));
    let says = Says::Import("rinetd ends both directions at the first FIN");
    case.differs(says, [true, false], |scene| {
        scene.opens();
        scene.half_close(0);
        scene.sees(0) == '-'
    });
}

#[test]
fn the_defaults_are_rinetd_s() {
    let case = rule(RULE).writes("idle_timeout = \"off\"").writes("connect_timeout = \"130s\"");
    case.is_imported();
}

/// Clients from 127.0.0.1: the digit is that of the target.
#[test]
fn the_same_clients_are_served() {
    let around = |before: &str, after: &str| format!("{before}\n{RULE}\n{after}");
    each(
        [
            (around("", "allow 127.0.0.1"), "1"),
            (around("", "allow 127.0.0.2"), "-"),
            (around("", "allow 127.*"), "1"),
            (around("", "allow 10.*\nallow 127.0.*.*"), "1"),
            (around("", "allow 127.0.1.*"), "-"),
            (around("", "deny 127.0.0.1"), "-"),
            (around("", "deny 127.0.0.*"), "-"),
            (around("", "deny 10.*"), "1"),
            (around("", "allow 127.0.0.1\ndeny 127.*"), "-"),
            (around("", "allow 127.*\ndeny 127.0.0.2"), "1"),
            (around("", "allow *"), "1"),
            (around("", "deny *"), "-"),
            (around("deny 127.*", ""), "-"),
            (around("allow 127.*", "allow 127.0.0.1"), "1"),
            (around("allow 127.*", "allow 10.*"), "-"),
            (around("allow 10.*", "allow *"), "-"),
            (around("allow 127.0.0.1", "deny 127.*"), "-"),
        ],
        |(lines, expected)| rule(&lines).alike(expected.to_owned(), |scene| scene.clients(1)),
    );
}

#[test]
fn rules_without_a_counterpart_are_commented_out() {
    for (line, because) in [
        (format!("{RULE}\nallow 12*"), "allow 12*"),
        (format!("{RULE}\ndeny 127.0.0.?"), "deny 127.0.0.?"),
        (format!("deny *.1\n{RULE}"), "deny *.1"),
        (format!("{RULE} [src=localhost]"), "src=localhost"),
        ("127.0.0.1 LISTEN_PORT/udp 127.0.0.1 T1_PORT/udp".to_owned(), "TCP only"),
    ] {
        rule(&line).must_be_commented_out(because);
    }
}

#[test]
fn a_source_becomes_the_local_address() {
    let line = "local_address = \"127.0.0.2\"";
    rule(&format!("{RULE} [src=127.0.0.2]")).writes(line).is_imported();
}

#[test]
fn clients_are_probed_though_rinetd_does_not() {
    rule(RULE).differs(Says::Import("rinetd probes no silent peer"), [false, true], |scene| {
        scene.held(1);
        scene.has_keepalive(0)
    });
}
