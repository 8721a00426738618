//! `retries` and `option redispatch`: what follows a failed connect.

use std::time::Duration;

use super::super::case::{Says, each};
use super::super::scene::Kind;
use super::listen;

#[test]
fn with_redispatch_a_client_reaches_the_next_server() {
    for kind in [Kind::Down, Kind::Silent] {
        each(["", "balance leastconn;", "balance random;", "balance source;"], |balance| {
            let servers = "server a T1;server b T2";
            let case = listen(&format!("option redispatch;{balance}{servers}"));
            case.target(1, kind).alike("222".to_owned(), |scene| scene.clients(3));
        });
    }
}

#[test]
fn without_it_a_client_is_lost_in_haproxy_only() {
    each(
        [
            "retries 0;server a T1;server b T2",
            "option redispatch;retries 0;server a T1;server b T2",
            "no option redispatch;retries 0;server a T1;server b T2",
        ],
        |lines| {
            let case = listen(lines).target(1, Kind::Down);
            let expected = ["--22", "2222"].map(str::to_owned);
            case.differs(Says::Import("`retries`"), expected, |scene| scene.shares(4));
        },
    );
}

#[test]
fn haproxy_tries_the_only_server_again() {
    let expected = ["- after 1 s", "- after 0 s"].map(str::to_owned);
    let case = listen("retries 1;server a T1").target(1, Kind::Down);
    let says = Says::Import("`retries`");
    case.differs(says, expected, |scene| scene.client_in_time(Duration::from_secs(7)));
    listen("server a T1").noted("`retries`").is_imported();
    let case = listen("retries 0;server a T1").target(1, Kind::Down);
    case.alike("- after 0 s".to_owned(), |scene| scene.client_in_time(Duration::from_secs(7)));
}

/// Without a check, no server is taken out of use.
#[test]
fn a_server_that_is_back_is_used_at_once() {
    let case = listen("option redispatch;server a T1;server b T2").target(1, Kind::Down);
    case.alike("2222 0 s".to_owned(), |scene| {
        let before = scene.clients(4);
        scene.start(1);
        before + " " + &scene.returns_after(1)
    });
}
