//! `proxy_timeout`, `proxy_connect_timeout` and `proxy_half_close`, at each level.

use std::time::Duration;

use testkit::Behaviour;

use super::super::case::{Says, each};
use super::super::scene::{Kind, Scene};
use super::{server, stream, upstream};

const LONG: Duration = Duration::from_secs(7);

fn silent(scene: &mut Scene) -> String {
    scene.held(1) + " " + &scene.sees_in_time(0, LONG)
}

/// A client that ends its direction before the target does anything.
fn half_closed(scene: &mut Scene) -> String {
    let greeting = scene.held(1);
    scene.half_close(0);
    greeting + " " + &scene.sees_in_time(0, LONG)
}

#[test]
fn a_silent_session_ends_after_the_same_time() {
    let of_server = "server { listen LISTEN; proxy_pass T1; ";
    each(
        [
            (format!("{of_server} proxy_timeout 1s; }}"), "1 - after 1 s"),
            (format!("{of_server} proxy_timeout 1000ms; }}"), "1 - after 1 s"),
            (format!("proxy_timeout 1s; {of_server} }}"), "1 - after 1 s"),
            (format!("{of_server} }} proxy_timeout 1s;"), "1 - after 1 s"),
            (format!("proxy_timeout 1s; {of_server} proxy_timeout 4s; }}"), "1 - after 4 s"),
            (format!("proxy_timeout 4s; {of_server} proxy_timeout 1s; }}"), "1 - after 1 s"),
        ],
        |(contents, expected)| stream(&contents).alike(expected.to_owned(), silent),
    );
}

#[test]
fn bytes_of_one_peer_keep_a_session() {
    server("proxy_timeout 1s;").target(1, Kind::Does(Behaviour::Sink)).alike('.', |scene| {
        scene.opens();
        scene.writes_for_a_while(0)
    });
}

#[test]
fn a_target_without_an_answer_is_waited_for_as_long() {
    let of_server = "server { listen LISTEN; proxy_pass T1; ";
    each(
        [
            format!("{of_server} proxy_connect_timeout 1s; }}"),
            format!("proxy_connect_timeout 1s; {of_server} }}"),
            format!("proxy_connect_timeout 4s; {of_server} proxy_connect_timeout 1s; }}"),
        ],
        |contents| {
            let case = stream(&contents).target(1, Kind::Silent);
            case.alike("- after 1 s".to_owned(), |scene| scene.client_in_time(LONG));
        },
    );
}

#[test]
fn clients_of_a_target_without_an_answer_reach_the_next() {
    let case = upstream("server T1; server T2;", "proxy_connect_timeout 1s;");
    case.target(1, Kind::Silent).alike("22".to_owned(), |scene| scene.clients(2));
}

/// nginx waits for each server in turn.
#[test]
fn silent_targets_share_the_time_to_connect() {
    let case = upstream("server T1; server T2;server T3;server T4;", "proxy_connect_timeout 1s;");
    let case = (1..=4).fold(case, |case, number| case.target(number, Kind::Silent));
    let says = Says::Import("`proxy_connect_timeout`: nginx waits this long for each server");
    let expected = ["- after 4 s", "- after 1 s"].map(str::to_owned);
    case.differs(says, expected, |scene| scene.client_in_time(LONG));
}

#[test]
fn the_defaults_are_nginx_s() {
    server("").writes("connect_timeout = \"1m\"").writes("idle_timeout = \"10m\"").is_imported();
}

#[test]
fn a_half_closed_session_ends_when_silent_only_if_nginx_lets_it_be() {
    let case =
        |directives| server(directives).target(1, Kind::Does(Behaviour::GreetAndStall(b'1')));
    let on = case("proxy_half_close on; proxy_timeout 1s;").writes("half_close_timeout = \"off\"");
    on.alike("1 - after 1 s".to_owned(), half_closed);
    for directives in ["proxy_timeout 1s;", "proxy_half_close off; proxy_timeout 1s;"] {
        let says = Says::Import("`proxy_half_close` is off");
        let expected = ["1 - after 0 s", "1 - after 1 s"].map(str::to_owned);
        case(directives).differs(says, expected, half_closed);
    }
}
