//! Timeouts: silent sessions, half-closed ones, and those that never connect.

use std::time::Duration;

use testkit::Behaviour;

use super::super::case::{Case, Says, each};
use super::super::scene::{Kind, Scene};
use super::{listen, sections};

const LONG: Duration = Duration::from_secs(7);

/// Keeps its connection, whatever the client does.
const STALLS: Kind = Kind::Does(Behaviour::GreetAndStall(b'1'));

fn silent(scene: &mut Scene) -> String {
    scene.held(1) + " " + &scene.sees_in_time(0, LONG)
}

/// A client that ends its direction before the target does anything.
fn client_ends(scene: &mut Scene) -> String {
    let greeting = scene.held(1);
    scene.half_close(0);
    greeting + " " + &scene.sees_in_time(0, LONG)
}

/// A target that ends its direction at once, and a client that does nothing about it.
fn target_ends(scene: &mut Scene) -> String {
    scene.opens();
    assert_eq!(scene.sees(0), '-', "the target's FIN");
    scene.targets_are_left(LONG)
}

/// Only these times.
fn times(timeouts: &str) -> Case {
    let timeouts = timeouts.replace(';', "\n    timeout ");
    sections(&format!(
        "defaults\n    mode tcp\n    timeout connect 1s\n    timeout {timeouts}\n\
         listen web\n    bind LISTEN\n    server a T1"
    ))
}

#[test]
fn a_silent_session_ends_after_the_same_time() {
    each(
        [
            ("client 1s;server 1s", "1 - after 1 s"),
            ("client 1000;server 1000", "1 - after 1 s"),
            ("client 1s;server 4s", "1 - after 1 s"),
            ("client 4s;server 1s", "1 - after 1 s"),
            ("client 1s", "1 - after 1 s"),
            ("server 1s", "1 - after 1 s"),
            ("client 4s;server 4s;tunnel 1s", "1 - after 1 s"),
            ("client 1s;server 1s;tunnel 4s", "1 - after 4 s"),
            ("client 4s;server 4s;client-fin 1s;server-fin 1s", "1 - after 4 s"),
            ("http-request 1s", "1 kept"),
        ],
        |(timeouts, expected)| times(timeouts).alike(expected.to_owned(), silent),
    );
}

#[test]
fn bytes_of_one_peer_keep_a_session() {
    let case = times("client 1s;server 1s").target(1, Kind::Does(Behaviour::Sink));
    case.alike('.', |scene| {
        scene.opens();
        scene.writes_for_a_while(0)
    });
}

/// HAProxy then passes a FIN to the other end, and waits for that one's time.
#[test]
fn a_silent_session_that_the_target_does_not_end_is_over_earlier() {
    let case = times("client 1s;server 4s").target(1, STALLS);
    let expected = ["1 - after 4 s", "1 - after 1 s"].map(str::to_owned);
    case.differs(Says::Import("`timeout client` and `timeout server`"), expected, silent);
}

#[test]
fn an_answer_to_a_half_closed_request_is_waited_for_as_long() {
    let case = |timeouts| times(timeouts).target(1, STALLS);
    each(
        [
            ("client 1s;server 1s", "1 - after 1 s"),
            ("client 4s;server 1s", "1 - after 1 s"),
            ("client 4s;server 4s;server-fin 1s;client-fin 1s", "1 - after 1 s"),
            ("client 1s;server 1s;tunnel 4s", "1 - after 4 s"),
            ("client 4s;server 4s;tunnel 1s", "1 - after 1 s"),
            ("client 1s;server 1s;tunnel 4s;client-fin 1s;server-fin 1s", "1 - after 1 s"),
            ("client 4s;server 4s;client-fin 1s", "1 - after 4 s"),
            ("client 1s;server 1s;tunnel 4s;client-fin 1s", "1 - after 4 s"),
        ],
        |(timeouts, expected)| case(timeouts).alike(expected.to_owned(), client_ends),
    );
    each(
        [
            ("client 1s;server 4s", "`timeout client` and `timeout server`", ["4", "1"]),
            ("client 4s;server 4s;server-fin 1s", "`timeout server-fin`", ["1", "4"]),
            ("client 1s;server 1s;server-fin 4s;client-fin 4s", "`timeout server-fin`", ["4", "1"]),
        ],
        |(timeouts, note, after)| {
            let expected = after.map(|seconds| format!("1 - after {seconds} s"));
            case(timeouts).differs(Says::Import(note), expected, client_ends);
        },
    );
}

#[test]
fn a_client_of_a_half_closed_session_has_as_long() {
    let case = |timeouts| times(timeouts).target(1, Kind::Does(Behaviour::Source(0)));
    each(
        [
            ("client 1s;server 1s", "1 s"),
            ("client 1s;server 4s", "1 s"),
            ("client 4s;server 4s;client-fin 1s;server-fin 1s", "1 s"),
            ("client 1s;server 1s;tunnel 4s", "4 s"),
            ("client 4s;server 4s;server-fin 1s", "4 s"),
        ],
        |(timeouts, expected)| case(timeouts).alike(expected.to_owned(), target_ends),
    );
    let says = Says::Import("`timeout client-fin`");
    let expected = ["1 s", "4 s"].map(str::to_owned);
    case("client 4s;server 4s;client-fin 1s").differs(says, expected, target_ends);
}

#[test]
fn a_target_without_an_answer_is_waited_for_as_long() {
    each(
        [
            ("server a T1", "- after 4 s"),
            ("retries 3;server a T1", "- after 4 s"),
            ("retries 0;server a T1", "- after 1 s"),
            ("timeout connect 4s;retries 0;server a T1", "- after 4 s"),
            ("timeout connect 500ms;retries 1;server a T1", "- after 1 s"),
        ],
        |(lines, expected)| {
            let case = listen(lines).target(1, Kind::Silent);
            case.alike(expected.to_owned(), |scene| scene.client_in_time(LONG));
        },
    );
}

#[test]
fn no_time_is_no_end() {
    let text = "listen web\n    bind LISTEN\n    server a T1";
    let case = sections(text).target(1, STALLS);
    each(
        [(silent as fn(&mut Scene) -> String, "1 kept"), (client_ends, "1 kept")],
        |(plays, expected)| {
            case.alike(expected.to_owned(), plays);
        },
    );
    let case = sections(text).writes("idle_timeout = \"off\"");
    let case = case.writes("half_close_timeout = \"off\"");
    // As long as the kernel sends SYNs by default.
    case.writes("connect_timeout = \"130s\"").is_imported();
}
