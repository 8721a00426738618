//! `use_backend` by what TLS ClientHellos say.

use crate::hello_routes::{hello, message};

use super::super::case::{Case, Says, each};
use super::super::scene::Scene;
use super::{DEFAULTS, sections};

const AWAITED: &str = "tcp-request inspect-delay 1s\n    \
                       tcp-request content accept if { req_ssl_hello_type 1 }";

/// A frontend with these rules, separated by semicolons, whose default is the third backend.
fn ruled(rules: &str) -> Case {
    with_lines(AWAITED, &format!("{rules};default_backend three"))
}

fn with_lines(awaited: &str, rules: &str) -> Case {
    let rules = rules.replace(';', "\n    ");
    let backends = "backend one\n    server a T1\nbackend two\n    server a T2\n\
                    backend three\n    server a T3";
    let frontend = format!("frontend web\n    bind LISTEN\n    {awaited}\n    {rules}");
    sections(&format!("{DEFAULTS}{frontend}\n{backends}"))
}

/// The targets that serve clients with hellos for these names.
fn names<const N: usize>(scene: &Scene, names: [&str; N]) -> String {
    names.into_iter().map(|name| scene.writing(hello(name, &[]))).collect()
}

#[test]
fn names_choose_the_same_target() {
    let one = "use_backend one if { req.ssl_sni -i a.test b.test }";
    let two = "use_backend two if { req_ssl_sni -i c.test }";
    each(
        [
            format!("{one};{two}"),
            format!(
                "acl one req.ssl_sni -i a.test;acl one req.ssl_sni -i b.test;use_backend one if one;{two}"
            ),
            "use_backend one if { req.ssl_sni -i a.test } or { req.ssl_sni -i b.test };\
             use_backend two if { req.ssl_hello_type 1 } { req.ssl_sni,lower c.test }"
                .to_owned(),
        ],
        |rules| {
            ruled(&rules).alike("112331".to_owned(), |scene| {
                names(scene, ["a.test", "b.test", "c.test", "d.test", "", "A.TEST"])
            });
        },
    );
    let ends = "use_backend one if { req.ssl_sni -i -m end .a.test };\
                use_backend two if { req.ssl_sni -i -m end a.test }";
    let says = "`*.` stands for one label";
    ruled(ends)
        .noted(says)
        .alike("123".to_owned(), |scene| names(scene, ["x.a.test", "a.test", "b.test"]));
}

#[test]
fn the_first_rule_decides() {
    let rules = "use_backend one if { req.ssl_sni -i a.test };\
                 use_backend two if { req.ssl_sni -i b.test a.test }";
    ruled(rules).alike("12".to_owned(), |scene| names(scene, ["a.test", "b.test"]));
    let always = "use_backend one if { req.ssl_sni -i a.test };use_backend two;\
                  use_backend three if { req.ssl_sni -i b.test }";
    ruled(always).alike("122".to_owned(), |scene| names(scene, ["a.test", "b.test", ""]));
}

#[test]
fn protocols_choose_the_same_target() {
    let rules = "use_backend one if { req.ssl_alpn h2 };\
                 use_backend two if { req.ssl_alpn postgresql } { req.ssl_sni -i a.test }";
    let clients = |scene: &mut Scene| -> String {
        let of = |name, protocols: &[&str]| scene.writing(hello(name, protocols));
        [of("", &["h2"]), of("a.test", &["postgresql"]), of("b.test", &["postgresql"]), of("", &[])]
            .iter()
            .collect()
    };
    ruled(rules).alike("1233".to_owned(), clients);
    ruled("use_backend one if { req.ssl_alpn h2 }").alike("13".to_owned(), |scene| {
        let of = |protocols: &[&str]| scene.writing(hello("", protocols));
        [of(&["http/1.1", "h2"]), of(&["h2c"])].iter().collect()
    });
}

#[test]
fn clients_without_a_hello_get_the_default() {
    let rule = "use_backend one if { req.ssl_sni -i a.test }";
    ruled(rule).alike("333".to_owned(), |scene| {
        let plain = ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n"].map(|text| scene.writing(text));
        plain.iter().collect::<String>() + &scene.clients(1)
    });
    with_lines(AWAITED, rule).alike("1--".to_owned(), |scene| {
        names(scene, ["a.test", "b.test"]) + &scene.writing("GET / HTTP/1.1\r\n\r\n").to_string()
    });
}

#[test]
fn a_long_hello_chooses_the_same_target() {
    ruled("use_backend one if { req.ssl_sni -i a.test }").alike('1', |scene| {
        let message = message("a.test", &["h2"], 3000);
        scene.writing(crate::hello_routes::in_records(&message, 1 << 14))
    });
}

#[test]
fn what_differs_is_named() {
    let rule = "use_backend one if { req.ssl_sni -i a.test }";
    let part = |scene: &mut Scene| scene.writing(&hello("a.test", &[])[..30]);
    ruled(rule).differs(Says::Document("stays incomplete is cut"), ['3', '-'], part);
    let upper = |scene: &mut Scene| scene.writing(hello("A.test", &[]));
    let says = Says::Import("compared without case");
    ruled("use_backend one if { req.ssl_sni a.test }").differs(says, ['3', '1'], upper);
    let deep = |scene: &mut Scene| scene.writing(hello("x.y.a.test", &[]));
    let says = Says::Import("`*.` stands for one label");
    ruled("use_backend one if { req.ssl_sni -i -m end .a.test }").differs(says, ['1', '3'], deep);
    let refused = format!("{AWAITED}\n    tcp-request content reject");
    let plain = |scene: &mut Scene| scene.writing("GET / HTTP/1.1\r\n\r\n");
    let says = Says::Import("a client without a hello gets the default target");
    with_lines(&refused, &format!("{rule};default_backend three")).differs(says, ['-', '3'], plain);
    with_lines("", &format!("{rule};default_backend three"))
        .noted("HAProxy chooses without it if it comes late")
        .is_imported();
}

#[test]
fn backends_keep_their_servers() {
    let text = format!(
        "{DEFAULTS}    timeout queue 1m\nfrontend web\n    bind LISTEN\n    {AWAITED}\n    \
         use_backend one if {{ req.ssl_sni -i a.test }}\n    use_backend two if {{ req.ssl_sni -i b.test }}\n\
         backend one\n    balance roundrobin\n    server a T1\n    server b T2\n\
         backend two\n    server a T3 maxconn 1"
    );
    sections(&text).noted("`timeout queue`").alike("123".to_owned(), |scene| {
        let mut both = [hello("a.test", &[]), hello("a.test", &[])].map(|it| scene.writing(it));
        both.sort_unstable();
        both.iter().collect::<String>() + &names(scene, ["b.test"])
    });
}

#[test]
fn a_listen_serves_the_others_itself() {
    let lines = format!(
        "{DEFAULTS}listen web\n    bind LISTEN\n    {AWAITED}\n    \
         use_backend one if {{ req.ssl_sni -i a.test }}\n    server a T2\nbackend one\n    server a T1"
    );
    sections(&lines).alike("12".to_owned(), |scene| names(scene, ["a.test", "b.test"]));
}

#[test]
fn what_no_route_can_say_is_commented_out() {
    let because = "rules decide about the target";
    for rule in [
        "use_backend one if { req.ssl_sni -m reg ^a }",
        "use_backend one if { req.ssl_sni -m beg a. }",
        "use_backend one if { src 10.0.0.0/8 }",
        "use_backend one unless { req.ssl_sni -i a.test }",
        "use_backend one if { req.ssl_sni -i a.test } { src 10.0.0.0/8 }",
        "use_backend %[req.ssl_sni,lower] if { req.ssl_hello_type 1 }",
        "use_backend one if { req.ssl_hello_type 1 }",
    ] {
        ruled(rule).must_be_commented_out(because);
    }
}
