//! `max_conns` and `limit_conn`.

use testkit::Behaviour;

use super::super::case::{Says, each};
use super::super::scene::{Kind, Scene, sorted};
use super::{server, stream, upstream};

#[test]
fn one_session_too_many_is_refused() {
    each(
        [
            ("server T1 max_conns=1;", "-1"),
            ("server T1 max_conns=1; server T2 max_conns=1;", "-12"),
            ("server T1 max_conns=1; server T2;", "1222"),
            ("server T1 max_conns=0; server T2 max_conns=0;", "1122"),
            ("zone z 64k; server T1 max_conns=1; server T2 max_conns=1;", "-12"),
            ("least_conn; server T1 max_conns=1; server T2;", "1222"),
            ("random two; server T1 max_conns=1; server T2 max_conns=1;", "-12"),
            ("hash $remote_addr; server T1 max_conns=1; server T2 max_conns=1;", "-12"),
        ],
        |(servers, expected)| {
            let case = upstream(servers, "");
            case.alike(expected.to_owned(), |scene| sorted(&scene.held(expected.len())));
        },
    );
}

#[test]
fn a_place_that_is_free_again_is_used() {
    upstream("server T1 max_conns=1;", "").alike("1-1".to_owned(), |scene| {
        let before = scene.held(2);
        scene.release(0);
        before + &scene.held_again()
    });
}

/// nginx uses a backup also while the others are full.
#[test]
fn a_backup_does_not_stand_in_for_full_servers() {
    let case = upstream("server T1 max_conns=1; server T2 backup;", "");
    let says = Says::Import("`max_conns`");
    case.differs(says, ["122".to_owned(), "1--".to_owned()], |scene| scene.held(3));
}

/// nginx counts the sessions of an upstream, not of a server that passes to it.
#[test]
fn servers_with_one_upstream_have_a_limit_each() {
    for limit in ["max_conns=5", "max_conns=5; server T2"] {
        let case = stream(&format!(
            "upstream u {{ server T1 {limit}; }}
             server {{ listen LISTEN; proxy_pass u; }}
             server {{ listen 127.0.0.2:LISTEN_PORT; proxy_pass u; }}"
        ));
        case.noted("`max_conns`").is_imported();
    }
}

#[test]
fn a_client_has_as_many_sessions() {
    let zones = "limit_conn_zone $binary_remote_addr zone=addr:1m;
                 limit_conn_zone $remote_addr zone=text:1m;";
    each(
        [
            ("limit_conn addr 2;", "11-11"),
            ("limit_conn text 2;", "11-11"),
            ("limit_conn addr 3; limit_conn text 2;", "11-11"),
        ],
        |(limits, expected)| {
            let server = format!("server {{ listen LISTEN; proxy_pass T1; {limits} }}");
            stream(&format!("{zones}\n{server}"))
                .alike(expected.to_owned(), Scene::held_of_two_addresses);
        },
    );
    let case = |server: &str| {
        stream(&format!(
            "{zones} limit_conn addr 1;\nserver {{ listen LISTEN; proxy_pass T1; {server} }}"
        ))
    };
    case("").alike("1--".to_owned(), |scene| scene.held(3));
    case("limit_conn addr 2;").alike("11-".to_owned(), |scene| scene.held(3));
    case("limit_conn_dry_run on;").alike("111".to_owned(), |scene| scene.held(3));
}

#[test]
fn limits_by_something_else_are_named() {
    let server = "server { listen LISTEN; proxy_pass T1; limit_conn port 5; }";
    let case = stream(&format!("limit_conn_zone $server_port zone=port:1m;\n{server}"));
    case.noted("sessions are not counted by `$server_port`").is_imported();
    let two =
        "server { listen LISTEN; proxy_pass T1; } server { listen LISTEN_PORT; proxy_pass T1; }";
    let zone = "limit_conn_zone $binary_remote_addr zone=a:1m; limit_conn a 5;";
    stream(&format!("{zone}\n{two}")).noted("in each forward of the zone").is_imported();
}

/// nginx sends the bytes of a second at once, and this program paces all of them.
#[test]
fn a_stream_takes_as_long() {
    let case = |directive| server(directive).target(1, Kind::Does(Behaviour::Source(9 << 19)));
    case("proxy_download_rate 1m;").alike("4 s".to_owned(), |scene| scene.reads_all());
    case("proxy_download_rate 0;").alike("0 s".to_owned(), |scene| scene.reads_all());
}

#[test]
fn rates_are_those_of_nginx() {
    let cases = [
        ("proxy_download_rate 1m;", "rate = { down = \"1MiB/s\" }"),
        ("proxy_upload_rate 100k; proxy_download_rate 0;", "rate = { up = \"100KiB/s\" }"),
        (
            "proxy_upload_rate 65536; proxy_download_rate 2m;",
            "rate = { up = \"64KiB/s\", down = \"2MiB/s\" }",
        ),
    ];
    for (directives, line) in cases {
        server(directives).writes(line).is_imported();
    }
    server("proxy_download_rate 1k;").noted("below 64 KiB/s").is_imported();
    server("proxy_download_rate $rate;").noted("no bandwidth is limited").is_imported();
}
