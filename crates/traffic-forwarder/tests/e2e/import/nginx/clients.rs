//! `allow` and `deny`: the first rule that matches decides. Clients come from 127.0.0.1.

use super::super::case::each;
use super::{server, stream};

#[test]
fn the_same_clients_are_served() {
    each(
        [
            ("allow 127.0.0.1; deny all;", "1"),
            ("deny 127.0.0.1; allow all;", "-"),
            ("deny 127.0.0.1;", "-"),
            ("deny 127.0.0.0/8;", "-"),
            ("deny 10.0.0.0/8;", "1"),
            ("allow 10.0.0.0/8;", "1"),
            ("allow 10.0.0.0/8; deny all;", "-"),
            ("allow 127.0.0.1; deny 127.0.0.0/8;", "1"),
            ("deny 127.0.0.0/8; allow 127.0.0.1;", "-"),
            ("allow 127.0.0.0/8; deny 127.0.0.1;", "1"),
            ("allow 127.0.0.1; deny 127.0.0.1;", "1"),
            ("deny 127.0.0.1; allow 127.0.0.1;", "-"),
            ("deny all; allow 127.0.0.1;", "-"),
            ("allow all; deny 127.0.0.1;", "1"),
            ("deny 127.0.0.7/8;", "-"),
            ("deny ::/0; deny unix:;", "1"),
            ("allow ::1; deny all;", "-"),
            ("allow unix:; deny 10.0.0.1;", "1"),
        ],
        |(rules, expected)| server(rules).alike(expected.to_owned(), |scene| scene.clients(1)),
    );
}

#[test]
fn rules_of_the_server_replace_those_of_the_stream() {
    each(
        [("", "-"), ("allow all;", "1"), ("deny 10.0.0.1;", "1"), ("allow 10.0.0.1;", "1")],
        |(own, expected)| {
            let case = stream(&format!(
                "deny 127.0.0.0/8; allow all;\nserver {{ listen LISTEN; proxy_pass T1; {own} }}"
            ));
            case.alike(expected.to_owned(), |scene| scene.clients(1));
        },
    );
}
