//! `tcp-request`: clients that are rejected, and limits on one. Clients come from 127.0.0.1.

use std::fs;
use std::path::Path;

use super::super::case::{Case, each};
use super::super::scene::Scene;
use super::{DEFAULTS, listen, sections};

/// A proxy with these lines, separated by semicolons.
fn ruled(lines: &str) -> Case {
    listen(&format!("{lines};server a T1"))
}

#[test]
fn the_same_clients_are_served() {
    each(
        [
            ("tcp-request connection reject if { src 127.0.0.1 }", "-"),
            ("tcp-request connection reject if { src 10.0.0.0/8 }", "1"),
            ("tcp-request connection reject if { src 10.0.0.0/8 } or { src 127.0.0.0/8 }", "-"),
            ("tcp-request connection reject if !{ src 127.0.0.0/8 }", "1"),
            ("tcp-request connection reject unless { src 10.0.0.0/255.0.0.0 }", "-"),
            ("tcp-request session reject if { src 127.0.0.1 }", "-"),
            ("tcp-request content reject if { src 127.0.0.1 }", "-"),
            ("tcp-request connection reject", "-"),
            (
                "acl us src 10.0.0.0/8;acl us src 127.0.0.1;tcp-request connection reject if !us",
                "1",
            ),
            ("acl us src 10.0.0.0/8;acl us src 127.0.0.1;tcp-request connection reject if us", "-"),
        ],
        |(rules, expected)| ruled(rules).alike(expected.to_owned(), |scene| scene.clients(1)),
    );
}

#[test]
fn the_first_rule_decides() {
    let (reject, accept) = ("tcp-request connection reject", "tcp-request connection accept");
    each(
        [
            (format!("{accept} if {{ src 127.0.0.1 }};{reject} if {{ src 127.0.0.0/8 }}"), "1"),
            (format!("{reject} if {{ src 127.0.0.0/8 }};{accept} if {{ src 127.0.0.1 }}"), "-"),
            (format!("{accept} if {{ src 127.0.0.1 }};{reject}"), "1"),
            (format!("{accept} if {{ src 10.0.0.1 }};{reject}"), "-"),
            (format!("{reject} unless {{ src 127.0.0.0/8 }};{reject} if {{ src 127.0.0.1 }}"), "-"),
            (format!("{reject} unless {{ src 127.0.0.0/8 }};{reject} if {{ src 127.0.0.2 }}"), "1"),
            (format!("{reject} unless {{ src 127.0.0.1 }};{accept}"), "1"),
            (format!("{accept};{reject}"), "1"),
        ],
        |(rules, expected)| ruled(&rules).alike(expected.to_owned(), |scene| scene.clients(1)),
    );
}

#[test]
fn files_of_addresses_are_written_in() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("haproxy-clients");
    fs::write(&file, "# clients\n10.0.0.0/8\n\n127.0.0.1\n").unwrap();
    let file = file.display();
    each(
        [
            (format!("tcp-request connection reject if {{ src -f {file} }}"), "-"),
            (format!("acl us src -f {file};tcp-request connection reject unless us"), "1"),
        ],
        |(rules, expected)| ruled(&rules).alike(expected.to_owned(), |scene| scene.clients(1)),
    );
    let missing = "tcp-request connection reject if { src -f /path/missing }";
    ruled(missing).must_be_commented_out("rules decide about clients");
}

const TABLE: &str = "stick-table type ip size 1k expire 1m store conn_cur,conn_rate(1m)";
const TRACK: &str = "tcp-request connection track-sc0 src";

#[test]
fn a_client_has_as_many_sessions() {
    let reject = |test: &str| format!("tcp-request connection reject if {{ {test} }}");
    each(
        [
            (format!("{TRACK};{}", reject("src_conn_cur gt 2")), "11-11"),
            (format!("{TRACK};{}", reject("src_conn_cur ge 3")), "11-11"),
            (format!("{TRACK};{}", reject("sc0_conn_cur 3:")), "11-11"),
            (format!("{};{TRACK}", reject("src_conn_cur ge 2")), "11-11"),
            (reject("src_conn_cur ge 1"), "11111"),
            (format!("{TRACK};tcp-request content reject if {{ sc_conn_cur(0) gt 2 }}"), "11-11"),
        ],
        |(rules, expected)| {
            ruled(&format!("{TABLE};{rules}"))
                .alike(expected.to_owned(), Scene::held_of_two_addresses);
        },
    );
    let exempt = "tcp-request connection reject if { src_conn_cur gt 1 } !{ src 127.0.0.1 }";
    ruled(&format!("{TABLE};{TRACK};{exempt}")).alike("111".to_owned(), |scene| scene.held(3));
}

#[test]
fn a_client_comes_as_often() {
    let rate = "tcp-request connection reject if { src_conn_rate gt 3 }";
    let case = ruled(&format!("{TABLE};{TRACK};{rate}")).noted("conn_rate");
    case.writes("per_client = { new = \"3/m\", burst = 3, prefix = [32, 128] }")
        .alike("111--1".to_owned(), |scene| {
            scene.clients(5) + &scene.clients_from([127, 0, 0, 9].into(), 1)
        });
    let trusted = format!("tcp-request connection accept if {{ src 127.0.0.1 }};{TRACK};{rate}");
    ruled(&format!("{TABLE};{trusted}"))
        .noted("conn_rate")
        .alike("11111".to_owned(), |scene| scene.clients(5));
}

#[test]
fn a_table_of_another_section_is_found() {
    let text = format!(
        "{DEFAULTS}frontend web\n    bind LISTEN\n    {TRACK} table seen\n    tcp-request connection \
         reject if {{ src_conn_cur(seen) gt 1 }}\n    default_backend hosts\n\
         backend seen\n    {TABLE}\nbackend hosts\n    server a T1"
    );
    sections(&text).alike("1-".to_owned(), |scene| scene.held(2));
}

#[test]
fn rules_that_no_setting_can_say_are_commented_out() {
    let cases = [
        ("tcp-request connection reject if { dst_port 22 }", "rules decide about clients"),
        ("tcp-request connection silent-drop if { src 10.0.0.1 }", "rules decide about clients"),
        ("tcp-request content reject if !{ req_ssl_hello_type 1 }", "that do not begin with TLS"),
        (
            "tcp-request connection reject if { src 10.0.0.1 };tcp-request session reject if { src 10.0.0.2 }",
            "rules of two levels",
        ),
        (
            "bind unix@/run/x.sock;tcp-request connection reject unless { src 10.0.0.1 }",
            "here they are always allowed",
        ),
    ];
    for (rules, because) in cases {
        ruled(rules).must_be_commented_out(because);
    }
    let header = "listen web\n    bind LISTEN accept-proxy\n    server a T1\n    tcp-request connection reject if { src 10.0.0.1 }";
    sections(&format!("{DEFAULTS}{header}")).must_be_commented_out("it is about the proxy");
}
