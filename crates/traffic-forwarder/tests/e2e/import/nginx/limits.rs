//! `max_conns`.

use super::super::case::{Says, each};
use super::super::scene::sorted;
use super::{stream, upstream};

#[test]
fn one_session_too_many_is_refused() {
    each(
        [
            ("server T1 max_conns=1;", "-1"),
            ("server T1 max_conns=1; server T2 max_conns=1;", "-12"),
            ("server T1 max_conns=1; server T2;", "1222"),
            ("server T1 max_conns=0; server T2 max_conns=0;", "1122"),
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
        scene.wait_for_sessions(0);
        before + &scene.held(1)
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
