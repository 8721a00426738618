//! Which server of an upstream gets a client.

use super::super::case::{Says, each};
use super::super::scene::{Kind, is_even, sorted};
use super::{server, stream, upstream};

#[test]
fn servers_take_turns_by_their_weights() {
    each(
        [
            ("server T1; server T2;", "111111222222"),
            ("server T1 weight=3; server T2;", "111111111222"),
            ("server T1; server T2 weight=2; server T3;", "111222222333"),
            ("server T1 weight=2; server T2 down; server T3;", "111111113333"),
            ("server T1 down; server T2;", "222222222222"),
            ("server T1; server T2 backup;", "111111111111"),
            ("server T1;", "111111111111"),
            ("zone z 64k; server T1 weight=2; server T2;", "111111112222"),
        ],
        |(servers, expected)| upstream(servers, "").alike(expected.to_owned(), |s| s.shares(12)),
    );
    server("").alike("111".to_owned(), |scene| scene.clients(3));
}

#[test]
fn a_server_that_refuses_costs_no_client() {
    each(
        [
            ("server T1; server T2;", "2222"),
            ("server T1; server T2 backup;", "2222"),
            ("server T1; server T2 backup; server T3 backup;", "2233"),
            ("least_conn; server T1; server T2;", "2222"),
            ("least_conn; server T1; server T2 backup;", "2222"),
            ("random two; server T1; server T2;", "2222"),
            ("zone z 64k; server T1; server T2;", "2222"),
            ("hash $remote_addr; server T1; server T2;", "2222"),
            ("hash $remote_addr consistent; server T1; server T2;", "2222"),
        ],
        |(servers, expected)| {
            let case = upstream(servers, "").target(1, Kind::Down);
            case.alike(expected.to_owned(), |scene| scene.shares(4));
        },
    );
}

#[test]
fn a_failed_server_is_out_of_use_as_long() {
    each(
        [
            ("server T1 fail_timeout=4s; server T2 fail_timeout=4s;", "2222 4 s"),
            ("server T1 fail_timeout=4s; server T2 backup fail_timeout=4s;", "2222 4 s"),
            ("server T1 max_fails=0; server T2 max_fails=0;", "2222 0 s"),
            ("server T1 max_fails=9; server T2 max_fails=9;", "2222 0 s"),
        ],
        |(servers, expected)| {
            let case = upstream(servers, "").target(1, Kind::Down);
            case.alike(expected.to_owned(), |scene| {
                let before = scene.clients(4);
                scene.start(1);
                before + " " + &scene.returns_after(1)
            });
        },
    );
    let default = "passive = { failures = 1, down = \"10s\", down_max = \"10s\" }";
    upstream("server T1; server T2;", "").writes(default).is_imported();
    let different = upstream("server T1; server T2 max_fails=2;", "");
    different.noted("all targets have those of the first").is_imported();
}

/// nginx has no live server then for as long as `fail_timeout`.
#[test]
fn servers_that_have_all_failed_are_tried() {
    let case = upstream("server T1; server T2;", "");
    let case = case.target(1, Kind::Down).target(2, Kind::Down);
    let says = Says::Import("while all servers have failed");
    case.differs(says, ["- --".to_owned(), "- 11".to_owned()], |scene| {
        let before = scene.clients(1);
        scene.start(1);
        before + " " + &scene.clients(2)
    });
}

#[test]
fn the_only_server_is_always_tried() {
    upstream("server T1;", "").target(1, Kind::Down).alike("- 11".to_owned(), |scene| {
        let before = scene.clients(1);
        scene.start(1);
        before + " " + &scene.clients(2)
    });
}

#[test]
fn the_server_with_the_fewest_sessions_gets_the_next() {
    each(
        [
            ("least_conn; server T1; server T2;", 4, "1122"),
            ("least_conn; server T1 weight=2; server T2;", 9, "111111222"),
            ("random two; server T1; server T2;", 4, "1122"),
            ("random two least_conn; server T1; server T2;", 4, "1122"),
        ],
        |(servers, clients, expected)| {
            let case = upstream(servers, "");
            case.alike(expected.to_owned(), |scene| sorted(&scene.held(clients)));
        },
    );
    // Of three, two are compared.
    let case = upstream("least_conn; server T1; server T2; server T3;", "");
    case.noted("`least_conn`").alike(true, |scene| is_even(&scene.held(60), 3));
    let case = upstream("random two; server T1; server T2; server T3;", "");
    case.alike(true, |scene| is_even(&scene.held(60), 3));
}

#[test]
fn random_servers_get_their_shares() {
    let case = upstream("random; server T1; server T2;", "").noted("`random`");
    case.alike(true, |scene| is_even(&scene.clients(60), 2));
}

#[test]
fn a_client_keeps_its_server() {
    each(
        [
            "hash $remote_addr; server T1; server T2;",
            "hash $binary_remote_addr; server T1; server T2;",
            "hash $remote_addr consistent; server T1; server T2;",
            "hash $remote_addr; server T1 weight=2; server T2;",
            "zone z 64k; hash $remote_addr consistent; server T1; server T2 down; server T3;",
        ],
        |servers| {
            let case = upstream(servers, "").noted("`hash`");
            case.alike((true, true), |scene| scene.sticks());
        },
    );
    upstream("hash $remote_port; server T1; server T2;", "").must_be_commented_out("`hash`");
    upstream("hash $remote_addr; server T1;", "").alike("11".to_owned(), |s| s.clients(2));
}

#[test]
fn without_next_upstream_a_client_is_lost_in_nginx_only() {
    each(
        [
            ("", "proxy_next_upstream off;"),
            ("proxy_next_upstream off;", ""),
            ("", "proxy_next_upstream_tries 1;"),
        ],
        |(of_stream, of_server)| {
            let servers = "server T1 max_fails=0; server T2 max_fails=0;";
            let case = stream(&format!(
                "{of_stream} upstream u {{ {servers} }}
                 server {{ listen LISTEN; proxy_pass u; {of_server} }}"
            ));
            let says = Says::Import("`proxy_next_upstream");
            let expected = ["--22".to_owned(), "2222".to_owned()];
            case.target(1, Kind::Down).differs(says, expected, |scene| scene.shares(4));
        },
    );
    let tries = upstream(
        "server T1 max_fails=0; server T2 max_fails=0; server T3 backup;",
        "proxy_next_upstream_tries 2;",
    );
    let tries = tries.target(1, Kind::Down).target(2, Kind::Down);
    let says = Says::Import("`proxy_next_upstream_tries`");
    tries.differs(says, ["--", "33"].map(str::to_owned), |scene| scene.clients(2));
    let on = upstream("server T1; server T2;", "proxy_next_upstream on;");
    on.target(1, Kind::Down).alike("2222".to_owned(), |scene| scene.clients(4));
}
