//! Checks of servers: which get clients, and the sessions of one that goes down.

use testkit::Behaviour;

use super::super::case::each;
use super::super::scene::Kind;
use super::listen;

const SOON: &str = "inter 200ms fall 1 rise 1";

/// The first target greets with its number, which is no HTTP; the other with `H` of an HTTP answer.
#[test]
fn a_server_whose_check_fails_gets_no_clients() {
    let cases = [
        ("option httpchk;", "HHHHHHHH"),
        ("option httpchk GET /health;http-check expect status 204;", "HHHHHHHH"),
        ("option tcp-check;tcp-check expect string HTTP/1.1;", "HHHHHHHH"),
        ("option tcp-check;tcp-check send x\\r\\n;tcp-check expect string 1x\\r\\n;", "11111111"),
    ];
    each(cases, |(check, expected)| {
        let servers = format!("default-server check {SOON};server a T1;server b T2");
        let case = listen(&format!("{check}{servers}"))
            .target(2, Kind::Does(Behaviour::GreetHttp))
            .writes("none_up = \"refuse\"");
        case.alike(expected.to_owned(), |scene| {
            scene.wait_for_clients(expected);
            scene.clients(expected.len())
        });
    });
    // An answer with another status than the expected one.
    let check = "option httpchk;http-check expect status 200";
    let case = listen(&format!("{check};server a T1 check {SOON}"))
        .target(1, Kind::Does(Behaviour::GreetHttp))
        .noted("`retries`");
    case.alike("--".to_owned(), |scene| {
        scene.wait_for_clients("--");
        scene.clients(2)
    });
}

/// The check connects to another port than the clients, so that the session itself could go on.
#[test]
fn sessions_of_a_server_that_goes_down_end_with_shutdown_sessions_only() {
    let cases = [
        ("", "", '.'),
        ("", "on-marked-down shutdown-sessions", '-'),
        ("option tcp-check;tcp-check expect string 2;", "", '.'),
        ("option tcp-check;tcp-check expect string 2;", "on-marked-down shutdown-sessions", '-'),
    ];
    each(cases, |(check, parameters, expected)| {
        let server = format!("server a T1 check port T2_PORT {SOON} {parameters}");
        let case = listen(&format!("{check}{server}")).noted("`retries`");
        case.alike(('1', expected, "--".to_owned()), |scene| {
            scene.wait_for_clients("1");
            let before = scene.held_or_waits();
            scene.stop(2);
            scene.wait_for_clients("--");
            (before, scene.sees_soon(0), scene.clients(2))
        });
    });
}

#[test]
fn while_all_servers_are_down_clients_are_refused_until_one_is_back() {
    let servers = format!("default-server check {SOON} port T3_PORT;server a T1;server b T2");
    listen(&servers).alike("-- 1122".to_owned(), |scene| {
        scene.wait_for_clients("1");
        scene.stop(3);
        scene.wait_for_clients("----");
        let down = scene.clients(2);
        scene.start(3);
        // Both are back after the second one's check.
        scene.wait_for_share("1122");
        down + " " + &scene.shares(4)
    });
}
