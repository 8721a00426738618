//! Where HAProxy looks for a keyword: `defaults` of any kind, `frontend`, `backend`, `listen`.

use std::time::Duration;

use super::super::case::{Case, each};
use super::super::scene::{Kind, Scene};
use super::{DEFAULTS, sections, sides};

/// Whether a silent session ends after one second.
fn ends(scene: &mut Scene) -> String {
    scene.held(1) + " " + &scene.sees_in_time(0, Duration::from_secs(2))
}

fn connects(scene: &mut Scene) -> String {
    scene.client_in_time(Duration::from_secs(7))
}

#[test]
fn a_timeout_is_looked_up_at_its_end() {
    let long = "timeout client 1m;timeout server 1m";
    let short = "timeout client 1s;timeout server 1s";
    each(
        [
            // Those of the own section.
            (sides(long, "timeout client 1s", long, ""), "1 - after 1 s"),
            (sides(long, "", long, "timeout server 1s"), "1 - after 1 s"),
            (sides(long, "", long, "timeout tunnel 1s"), "1 - after 1 s"),
            (sides(short, "timeout client 1m", short, "timeout server 1m"), "1 kept"),
            // From the `defaults` before it.
            (sides(short, "", long, ""), "1 - after 1 s"),
            (sides(long, "", short, ""), "1 - after 1 s"),
            (sides(short, "timeout client 1m", long, ""), "1 kept"),
            (sides(long, "", short, "timeout server 1m"), "1 kept"),
            (sides(long, "", "timeout tunnel 1s", ""), "1 - after 1 s"),
            (sides("timeout tunnel 1s", "", long, ""), "1 kept"),
            // HAProxy ignores those of the other end.
            (sides(long, "timeout server 1s", long, "").noted("HAProxy ignores it"), "1 kept"),
            (sides(long, "timeout tunnel 1s", long, "").noted("HAProxy ignores it"), "1 kept"),
            (sides(long, "", long, "timeout client 1s").noted("HAProxy ignores it"), "1 kept"),
        ],
        |(case, expected): (Case, &str)| case.alike(expected.to_owned(), ends),
    );
}

#[test]
fn the_time_to_connect_is_that_of_the_backend() {
    let connect = "retries 0;timeout connect 4s";
    each(
        [
            (sides("", "", connect, ""), "- after 4 s"),
            (sides("", "", "", connect), "- after 4 s"),
            (sides("", "", connect, "timeout connect 1s"), "- after 1 s"),
            (sides(connect, "", "retries 0", ""), "- after 1 s"),
        ],
        |(case, expected): (Case, &str)| {
            case.target(1, Kind::Silent).alike(expected.to_owned(), connects);
        },
    );
}

#[test]
fn named_defaults_build_on_each_other() {
    let with = |listen: &str| {
        sections(&format!(
            "defaults base\n    mode tcp\n    timeout client 1s\n    timeout server 1s\n\
             defaults middle from base\n    timeout connect 1s\n\
             defaults top from middle\n    timeout queue 1s\n\
             defaults slow from top\n    timeout client 1m\n    timeout server 1m\n\
             {listen}\n    bind LISTEN\n    server a T1"
        ))
    };
    each(
        [
            ("listen web from base", "1 - after 1 s"),
            ("listen web from middle", "1 - after 1 s"),
            ("listen web from top", "1 - after 1 s"),
            ("listen web from slow", "1 kept"),
            ("listen web", "1 kept"),
            ("listen web from slow\n    timeout client 1s", "1 - after 1 s"),
        ],
        |(listen, expected)| with(listen).alike(expected.to_owned(), ends),
    );
}

#[test]
fn the_last_defaults_before_a_section_are_its_own() {
    let text = format!(
        "{DEFAULTS}listen web\n    bind LISTEN\n    server a T1\n\
         defaults\n    mode tcp\n    timeout client 1s\n    timeout server 1s"
    );
    sections(&text).alike("1 kept".to_owned(), ends);
}

#[test]
fn a_backend_without_a_condition_is_the_backend() {
    let text = format!(
        "{DEFAULTS}frontend web\n    bind LISTEN\n    use_backend b\n    default_backend a\n\
         backend a\n    server a T1\nbackend b\n    server b T2"
    );
    sections(&text).alike("22".to_owned(), |scene| scene.clients(2));
}
