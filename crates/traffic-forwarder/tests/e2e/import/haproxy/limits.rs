//! `maxconn` at each level, and its relatives.

use super::super::case::{Case, Says, each};
use super::super::scene::{Scene, sorted};
use super::{DEFAULTS, listen, sections, sides};

/// Two clients, and what the second one sees when the first has left.
fn second_waits(scene: &mut Scene) -> String {
    let mut marks = scene.held(1);
    marks.push(scene.held_or_waits());
    scene.release(0);
    marks.push(scene.sees(0));
    marks
}

#[test]
fn clients_beyond_the_limit_wait_in_the_kernel() {
    let long = "timeout client 1m;timeout server 1m";
    let limited = "timeout client 1m;timeout server 1m;maxconn 1";
    let wide = "timeout client 1m;timeout server 1m;maxconn 9";
    let global = |number: &str, listen: &str| {
        sections(&format!(
            "global\n    maxconn {number}\n{DEFAULTS}listen web\n    bind LISTEN\n    server a T1\n    {listen}"
        ))
    };
    each(
        [
            global("1", ""),
            global("9", "maxconn 1"),
            global("1", "maxconn 9"),
            listen("maxconn 1;server a T1"),
            sides(limited, "", long, ""),
            sides(long, "maxconn 1", long, ""),
            sides(wide, "maxconn 1", long, ""),
            sides(limited, "", wide, ""),
        ],
        |case: Case| case.alike("1.1".to_owned(), second_waits),
    );
    each(
        [
            global("9", ""),
            sides(limited, "maxconn 9", long, ""),
            sides(long, "", limited, ""),
            sides(long, "", long, "maxconn 1").noted("HAProxy ignores it"),
            listen("fullconn 1;server a T1"),
            listen("server a T1 maxconn 0"),
        ],
        |case: Case| case.alike("11".to_owned(), |scene| scene.held(2)),
    );
}

#[test]
fn clients_beyond_the_limit_of_a_server_wait() {
    each(
        [
            ("server a T1 maxconn 1", "1.1"),
            ("default-server maxconn 1;server a T1", "1.1"),
            ("maxconn 9;server a T1 maxconn 1", "1.1"),
        ],
        |(lines, expected)| {
            let case = listen(&format!("timeout queue 1m;{lines}"));
            case.noted("`timeout queue`").alike(expected.to_owned(), second_waits);
        },
    );
    let two = "timeout queue 1m;server a T1 maxconn 1;server b T2 maxconn 1";
    listen(two).noted("`timeout queue`").alike("12.".to_owned(), |scene| {
        let two = sorted(&scene.held(2));
        two + &scene.held_or_waits().to_string()
    });
}

/// HAProxy ends them after `timeout queue`, which is `timeout connect` by default.
#[test]
fn clients_wait_longer_for_a_server() {
    for queue in ["", "timeout queue 1s;"] {
        let case = listen(&format!("{queue}server a T1 maxconn 1"));
        let says = Says::Import("`timeout queue");
        case.differs(says, ["1-", "1."].map(str::to_owned), |scene| {
            let first = scene.held(1);
            first + &scene.held_or_waits().to_string()
        });
    }
}

#[test]
fn limits_without_a_counterpart_are_named() {
    let case = listen("timeout queue 1m;server a T1 maxconn 1 maxqueue 1").noted("maxqueue");
    case.noted("as many clients wait").is_imported();
    listen("fullconn 9;server a T1 minconn 1 maxconn 9").noted("minconn").is_imported();
    let bind = "listen web\n    bind LISTEN maxconn 1\n    server a T1";
    sections(&format!("{DEFAULTS}{bind}")).noted("bind … maxconn").is_imported();
    listen("rate-limit sessions 1;server a T1").noted("rate-limit").is_imported();
}

/// HAProxy counts the sessions of a server, not of a frontend that leads to it.
#[test]
fn frontends_with_one_backend_have_a_limit_each() {
    let text = format!(
        "{DEFAULTS}    timeout queue 1m\n\
         frontend web\n    bind LISTEN\n    default_backend hosts\n\
         frontend other\n    bind 127.0.0.2:LISTEN_PORT\n    default_backend hosts\n\
         backend hosts\n    server a T1 maxconn 1"
    );
    sections(&text).noted("several frontends").is_imported();
}
