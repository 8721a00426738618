//! Very long files: the time grows linearly with their length, and a mistake repeated in every line
//! does not hide the other problems.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use import::{Converted, Dialect, Source};

fn convert(from: Dialect, text: String) -> Converted {
    let source = Source { name: "file".to_owned(), text };
    import::convert(from, &source, &mut |_| Err("none".into()))
}

/// More mistakes than one reading reports, and more than as many rounds of a thousand.
#[test]
fn equal_rules_leave_the_first_and_all_others() {
    const EQUAL: usize = 25_000;
    let text = "0.0.0.0 8080 10.0.0.1 80\n".repeat(EQUAL) + "0.0.0.0 8081 10.0.0.1 80\n";
    let converted = convert(Dialect::Rinetd, text);
    assert_eq!(converted.forwards, 2);
    assert_eq!(converted.left_out(), EQUAL - 1);
    let input = plan::Input { config: Some("file".into()), ..plan::Input::default() };
    let reading = plan::read_text(&input, &converted.toml);
    assert_eq!(reading.plan.unwrap().forwards.len(), 2);
    assert!(reading.problems.is_empty());
}

#[test]
fn rules_beyond_the_most_are_commented_out_and_the_rest_is_kept() {
    let most = plan::LISTENERS_MAX;
    let rules = each(0..most + 10, |nth| format!("{} 80 192.0.2.1 80\n", address(nth)));
    let converted = convert(Dialect::Rinetd, rules);
    assert_eq!((converted.forwards, converted.left_out()), (most, 10));
}

/// A text of this many lines: all equal, or all different.
type Text = fn(usize) -> String;

/// Statements in one section or in many, noted one by one or together.
const TEXTS: [(Dialect, Text); 20] = [
    (Dialect::Rinetd, |lines| "0.0.0.0 8080 10.0.0.1 80\n".repeat(lines)),
    (Dialect::Rinetd, |lines| {
        "0.0.0.0 8080 10.0.0.1 80\n".to_owned() + &"deny 10.*\n".repeat(lines)
    }),
    (Dialect::Rinetd, |lines| "nonsense\n".repeat(lines)),
    (Dialect::Haproxy, |lines| "listen a\n bind :80\n server s 10.0.0.1:80\n".repeat(lines / 3)),
    (Dialect::Haproxy, |lines| {
        let pair = "frontend f\n bind :80\n default_backend b\nbackend b\n server s 10.0.0.1:80\n";
        pair.repeat(lines / 5)
    }),
    (Dialect::Haproxy, |lines| {
        numbered("listen a\n bind :80\n server s 10.0.0.1:80\n", " option x", lines)
    }),
    (Dialect::Haproxy, |lines| {
        let begin = "listen a\n bind :80\n server s 10.0.0.1:80\n".to_owned();
        begin + &" unknown\n".repeat(lines / 2) + &" tcp-request content reject\n".repeat(lines / 2)
    }),
    (Dialect::Haproxy, |lines| {
        let rule = " tcp-request connection reject if { src ::";
        (0..lines).fold("listen a\n bind :80\n server s a:80\n".to_owned(), |mut text, nth| {
            writeln!(text, "{rule}{nth} }}").unwrap();
            text
        })
    }),
    (Dialect::Haproxy, |lines| {
        let begin = numbered("listen a\n bind :80\n server s a:80\n", " acl x src ::", lines / 2);
        begin + &" tcp-request connection reject unless x\n".repeat(lines / 2)
    }),
    (Dialect::Haproxy, |lines| {
        let begin = "listen a\n bind :80\n server s a:80\n acl x src_conn_cur gt 3\n".to_owned();
        let begin = numbered(&begin, " tcp-request connection accept if { src ::1 } # ", lines / 2);
        begin + &" tcp-request connection reject if x\n".repeat(lines / 2)
    }),
    (Dialect::Haproxy, |lines| {
        let begin = numbered("frontend a\n bind :80\n", " acl x req.ssl_sni a", lines / 2);
        begin + &" use_backend b if x\n".repeat(lines / 2) + "backend b\n server s a:80\n"
    }),
    (Dialect::Nginx, |lines| {
        format!("stream {{\n{}}}\n", "server { listen 80; proxy_pass a:80; }\n".repeat(lines))
    }),
    (Dialect::Realm, |lines| {
        "[[endpoints]]\nlisten = '0.0.0.0:80'\nremote = 'a:80'\n".repeat(lines / 3)
    }),
    (Dialect::Nginx, |lines| {
        let entries = each(0..lines, |nth| format!("n{nth}.test h{nth}:80;\n"));
        let server = "server { listen 80; ssl_preread on; proxy_pass $t; }";
        format!("stream {{\nmap $ssl_preread_server_name $t {{\n{entries}}}\n{server}\n}}\n")
    }),
    (Dialect::Nginx, |lines| {
        let map = "map $ssl_preread_server_name $t { a.test a:80; }";
        let passes = "proxy_pass $t;\n".repeat(lines);
        format!("stream {{\n{map}\nserver {{ listen 80;\n{passes}ssl_preread on; }}\n}}\n")
    }),
    (Dialect::Nginx, |lines| {
        let own = "proxy_timeout 1s;\n".repeat(lines / 2);
        let around = "allow 10.0.0.1;\n".repeat(lines / 2);
        format!("stream {{\n{around}server {{ listen 80; proxy_pass a:80;\n{own}}}\n}}\n")
    }),
    (Dialect::Haproxy, |lines| {
        let defaults = each(0..lines / 2, |nth| format!(" default-server inter {}\n", nth + 1));
        let servers = each(0..lines / 2, |nth| format!(" server s{nth} 10.0.0.1:80 check\n"));
        format!("listen a\n bind :80\n{defaults}{servers}")
    }),
    (Dialect::Haproxy, |lines| {
        let chain = each(1..lines, |nth| format!("defaults d{nth} from d{}\n", nth - 1));
        format!("defaults d0\n{chain}listen a\n bind :80\n server s 10.0.0.1:80\n")
    }),
    (Dialect::Haproxy, |lines| {
        let proxies = "listen a\n bind :80\n server s 10.0.0.1:80\n".repeat(lines / 6);
        format!("defaults\n{}{proxies}", " timeout client 1m\n".repeat(lines / 2))
    }),
    (Dialect::Realm, |lines| {
        let keys = each(0..lines / 2, |nth| format!("k{nth} = 1\n"));
        let endpoints = "[[endpoints]]\nlisten = '0.0.0.0:80'\nremote = 'a:80'\n".repeat(lines / 6);
        format!("[network]\n{keys}{endpoints}")
    }),
];

/// Texts that say in few lines that many forwards have many statements.
const PRODUCTS: [(Dialect, Text); 7] = [
    (Dialect::Nginx, |lines| {
        let rules = each(0..lines / 2, |nth| format!("allow {};\n", address(nth)));
        format!("stream {{\n{rules}{}}}\n", servers(lines / 2, "proxy_pass a:80;"))
    }),
    (Dialect::Nginx, |lines| {
        let group = each(0..lines / 2, |nth| format!("server {}:80;\n", target(nth)));
        let servers = servers(lines / 2, "proxy_pass u;");
        format!("stream {{\nupstream u {{\n{group}}}\n{servers}}}\n")
    }),
    (Dialect::Nginx, |lines| {
        let entries = each(0..lines / 2, |nth| format!("n{nth}.test h{nth}:80;\n"));
        let servers = servers(lines / 2, "ssl_preread on; proxy_pass $t;");
        format!("stream {{\nmap $ssl_preread_server_name $t {{\n{entries}}}\n{servers}}}\n")
    }),
    (Dialect::Nginx, |lines| {
        let rules = each(0..lines / 2, |nth| format!("allow {};\n", address(nth)));
        let listens = each(0..lines / 2, |nth| format!("listen {}:80;\n", address(nth)));
        format!("stream {{ server {{ proxy_pass a:$server_port;\n{rules}{listens}}} }}\n")
    }),
    (Dialect::Nginx, |lines| {
        let listens = each(0..lines, |nth| format!("listen {}:80-335;\n", address(nth)));
        format!("stream {{ server {{ proxy_pass a:80;\n{listens}}} }}\n")
    }),
    (Dialect::Haproxy, |lines| {
        let front =
            |nth| format!("frontend f{nth}\n bind {}:80\n default_backend b\n", address(nth));
        let group = each(0..lines / 2, |nth| format!(" server s{nth} {}:80\n", target(nth)));
        format!("{}backend b\n{group}", each(0..lines / 6, front))
    }),
    (Dialect::Haproxy, |lines| {
        let rule = |nth| format!(" use_backend b if {{ req.ssl_sni n{nth}.test }}\n");
        let group = each(0..lines / 2, |nth| format!(" server s{nth} {}:80\n", target(nth)));
        format!("frontend a\n bind :80\n{}backend b\n{group}", each(0..lines / 2, rule))
    }),
];

fn each(numbers: Range<usize>, line: impl Fn(usize) -> String) -> String {
    numbers.map(line).collect()
}

/// An address of 10/8.
fn address(nth: usize) -> String {
    let [_, a, b, c] = u32::try_from(nth).unwrap().to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

/// An address of 11/8.
fn target(nth: usize) -> String {
    address(nth).replacen("10", "11", 1)
}

/// So many servers of nginx, each on an address.
fn servers(count: usize, directives: &str) -> String {
    each(0..count, |nth| format!("server {{ listen {}:80; {directives} }}\n", address(nth)))
}

/// A forward that has no room for its part of the product is a comment, with the reason.
#[test]
fn a_product_of_the_lines_is_bounded() {
    for (nth, (from, text)) in PRODUCTS.into_iter().enumerate() {
        let converted = convert(from, text(3_000));
        let says = "the forwards would repeat more than";
        assert!(converted.notes.iter().any(|note| note.message.contains(says)), "text {nth}");
        assert!(converted.commented_out > 0);
        let few = convert(from, text(60));
        assert_eq!((few.commented_out, few.left_out()), (0, 0), "text {nth}: {}", few.toml);
    }
}

fn numbered(begin: &str, line: &str, lines: usize) -> String {
    (0..lines).fold(begin.to_owned(), |mut text, nth| {
        writeln!(text, "{line}{nth}").unwrap();
        text
    })
}

/// Eight times the lines take eight times as long if the import is linear, 64 times if quadratic.
#[test]
fn time_grows_with_the_lines() {
    const LINES: usize = 500;
    const TIMES: u32 = 8;
    // Below this, noise of the machine outweighs the text.
    const LEAST: Duration = Duration::from_millis(20);
    for (nth, (from, text)) in TEXTS.into_iter().enumerate() {
        let took = |lines: usize| {
            let text = text(lines);
            let took = || {
                let began = Instant::now();
                let converted = convert(from, text.clone());
                assert!(converted.toml.len() > lines / 100);
                began.elapsed()
            };
            // The fastest of three: the machine may be busy.
            (0..3).map(|_| took()).min().unwrap()
        };
        let (few, many) = (took(LINES), took(LINES * TIMES as usize));
        let most = few.max(LEAST) * TIMES * 3;
        assert!(many < most, "text {nth}, {from:?}: {few:?} for few, {many:?} for many");
    }
}
