//! `ssl_preread` with a `map`: targets by what TLS ClientHellos say.

use crate::hello_routes::{hello, in_records, message};

use super::super::case::{Case, Says, each};
use super::super::scene::Scene;
use super::stream;

/// A server whose target is what a `map` with these lines says.
fn mapped(source: &str, lines: &str) -> Case {
    let server =
        "server { listen LISTEN; ssl_preread on; preread_timeout 5s; proxy_pass $target; }";
    stream(&format!("map {source} $target {{ {lines} }}\n{server}"))
}

fn by_name(lines: &str) -> Case {
    mapped("$ssl_preread_server_name", lines)
}

/// The targets that serve clients with hellos for these names.
fn names<const N: usize>(scene: &Scene, names: [&str; N]) -> String {
    names.into_iter().map(|name| scene.writing(hello(name, &[]))).collect()
}

#[test]
fn names_choose_the_same_target() {
    let exact = "a.test T1; B.test T2; default T3;";
    by_name(exact).alike("12332".to_owned(), |scene| {
        names(scene, ["a.test", "b.test", "c.test", "", "B.TEST"])
    });
    let hostnames = "hostnames; *.test T2; a.test T1; *.b.test T3; .c.test T1; default T3;";
    by_name(hostnames).alike("1233112".to_owned(), |scene| {
        names(scene, ["a.test", "x.test", "x.b.test", "b.tes", "c.test", "x.c.test", "b.test"])
    });
    let literal = "*.a.test T1; default T2;";
    each([(literal, "T2"), (exact, "T3")], |(lines, default)| {
        let expected = default.chars().nth(1).unwrap();
        by_name(lines).alike(expected, |scene| scene.writing(hello("x.a.test", &[])));
    });
}

#[test]
fn clients_without_a_target_are_ended() {
    by_name("a.test T1;").alike("1--".to_owned(), |scene| names(scene, ["a.test", "b.test", ""]));
    by_name("a.test T1; default \"\";")
        .alike("1-".to_owned(), |scene| names(scene, ["a.test", "b.test"]));
}

#[test]
fn clients_without_tls_get_the_default() {
    let lines = "a.test T1; \"\" T2; default T2;";
    by_name(lines).alike("122".to_owned(), |scene| {
        let plain = ["GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n"].map(|text| scene.writing(text));
        format!("{}{}", scene.writing(hello("a.test", &[])), plain.iter().collect::<String>())
    });
}

#[test]
fn long_hellos_choose_the_same_target() {
    by_name("a.test T1; default T2;").alike("11".to_owned(), |scene| {
        let long = message("a.test", &["h2"], 3000);
        [1 << 14, 1000].map(|size| scene.writing(in_records(&long, size))).iter().collect()
    });
}

#[test]
fn protocols_choose_the_same_target() {
    let source = "$ssl_preread_alpn_protocols";
    let lines = "~\\bh2\\b T1; postgresql T2; ~\\bhttp/1.1\\b T2; default T3;";
    let clients: [&[&str]; 6] =
        [&["h2"], &["http/1.1", "h2"], &["postgresql"], &["http/1.1"], &["h2c"], &[]];
    mapped(source, lines).alike("112233".to_owned(), |scene| {
        clients.iter().map(|protocols| scene.writing(hello("a.test", protocols))).collect()
    });
    let says = Says::Import("also beside others");
    let beside = |scene: &mut Scene| scene.writing(hello("", &["h2", "postgresql"]));
    mapped(source, "postgresql T1; default T2;").differs(says, ['2', '1'], beside);
}

#[test]
fn a_wildcard_is_one_label_here() {
    let says = Says::Import("in nginx for several");
    let deep = |scene: &mut Scene| scene.writing(hello("x.y.a.test", &[]));
    by_name("hostnames; *.a.test T1; default T2;").differs(says, ['1', '2'], deep);
}

#[test]
fn a_silent_client_gets_the_default_here() {
    let case = by_name("a.test T1; default T1;");
    let says = Says::Import("goes to `to` after hello_timeout");
    case.differs(says, ['-', '1'], |scene| scene.clients(1).chars().next().unwrap());
}

#[test]
fn servers_of_an_upstream_share_the_clients_of_a_name() {
    let case = stream(
        "upstream u { server T1; server T2; }
         upstream v { server T3 max_conns=1; }
         map $ssl_preread_server_name $target { a.test u; b.test v; default T4; }
         server { listen LISTEN; ssl_preread on; proxy_pass $target; }",
    );
    case.alike("12344".to_owned(), |scene| {
        let mut both = [hello("a.test", &[]), hello("a.test", &[])].map(|it| scene.writing(it));
        both.sort_unstable();
        both.iter().collect::<String>() + &names(scene, ["b.test", "c.test", ""])
    });
}

#[test]
fn what_no_route_can_say_is_commented_out() {
    let cases = [
        ("~^www T1; default T2;", "it is a regular expression"),
        ("hostnames; www.* T1; default T2;", "the end of the name is open"),
        ("a.test T1; \"\" T2; default T3;", "clients without it get the default"),
        ("a.test $other; default T1;", "its value is no target"),
    ];
    for (lines, because) in cases {
        by_name(lines).must_be_commented_out(because);
    }
    let list = "h2,http/1.1 T1; default T2;";
    mapped("$ssl_preread_alpn_protocols", list).must_be_commented_out("it is a list of protocols");
    let protocol = "TLSv1.2 T1; default T2;";
    let because = "the target depends on a variable";
    mapped("$ssl_preread_protocol", protocol).must_be_commented_out(because);
}
