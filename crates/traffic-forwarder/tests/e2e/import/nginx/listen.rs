//! `listen`: addresses, families and keepalive.

use super::super::case::{Says, each};
use super::{server, stream};

#[test]
fn clients_of_the_same_families_are_served() {
    each(
        [
            ("LISTEN_PORT", "1x"),
            ("*:LISTEN_PORT", "1x"),
            ("0.0.0.0:LISTEN_PORT", "1x"),
            ("127.0.0.1:LISTEN_PORT", "1x"),
            ("[::]:LISTEN_PORT", "x1"),
            ("[::]:LISTEN_PORT ipv6only=on", "x1"),
            ("[::]:LISTEN_PORT ipv6only=off", "11"),
            ("[::0]:LISTEN_PORT ipv6only=off", "11"),
            ("[::1]:LISTEN_PORT", "x1"),
            ("LISTEN_PORT; listen [::]:LISTEN_PORT", "11"),
        ],
        |(listen, expected)| {
            let case = stream(&format!("server {{ listen {listen}; proxy_pass T1; }}"));
            case.alike(expected.to_owned(), |scene| scene.families());
        },
    );
}

#[test]
fn clients_are_probed_if_nginx_does() {
    let case = |parameter: &str| {
        stream(&format!("server {{ listen LISTEN {parameter}; proxy_pass T1; }}"))
    };
    let probed = |scene: &mut super::super::scene::Scene| {
        scene.held(1);
        scene.has_keepalive(0)
    };
    case("so_keepalive=off").alike(false, probed);
    case("so_keepalive=on").alike(true, probed);
    let times = case("so_keepalive=1m:10s:6");
    times
        .writes("keepalive = { idle = \"60s\", interval = \"10s\", count = 6 }")
        .alike(true, probed);
    // What the line leaves out is the kernel's.
    let parts = case("so_keepalive=30s::");
    parts
        .writes("keepalive = { idle = \"30s\", interval = \"75s\", count = 9 }")
        .alike(true, probed);
    let on = "keepalive = { idle = \"7200s\", interval = \"75s\", count = 9 }";
    case("so_keepalive=on").writes(on).is_imported();
    server("").differs(
        Says::Import("`so_keepalive` and `proxy_socket_keepalive` are off"),
        [false, true],
        probed,
    );
}
