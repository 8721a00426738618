//! Very long files: the time grows linearly with their length, and a mistake repeated in every line
//! does not hide the other problems.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write as _;
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
    // An address of 10/8 for each, the same port for all.
    let rules = (0..most + 10).map(|nth| {
        let [_, a, b, c] = u32::try_from(nth).unwrap().to_be_bytes();
        format!("10.{a}.{b}.{c} 80 192.0.2.1 80\n")
    });
    let converted = convert(Dialect::Rinetd, rules.collect());
    assert_eq!((converted.forwards, converted.left_out()), (most, 10));
}

/// A text of this many lines: all equal, or all different.
type Text = fn(usize) -> String;

/// Statements in one section or in many, noted one by one or together.
const TEXTS: [(Dialect, Text); 13] = [
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
];

fn numbered(begin: &str, line: &str, lines: usize) -> String {
    (0..lines).fold(begin.to_owned(), |mut text, nth| {
        writeln!(text, "{line}{nth}").unwrap();
        text
    })
}

/// Eight times the lines take eight times as long if the import is linear, 64 times if quadratic.
#[test]
fn time_grows_with_the_lines() {
    const LINES: usize = 1_000;
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
