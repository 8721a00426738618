//! Views of a fleet on a terminal of 80 columns, with texts of 1 MiB and long names in its store.

use fleet::{InstanceState, TextHash};
use serde_json::json;
use testkit::{Forwarder, Http, Port, Terminal, wait_until};

use super::fixture::{Fleet, READ, forward};
use crate::support::{BINARY, forwarder};

const WIDTH: u16 = 80;
const LONG: &str = "edge-of-the-other-team-in-the-data-centre-of-the-south-1";
/// Bytes of a document, escaped as JSON, below the limit of a request to etcd.
const BYTES: usize = 1 << 20;
/// Controls and a text that turns its surroundings, combining characters, characters of two columns, and one long word.
const TEXTS: [&str; 4] = ["\u{1b}[2J\u{202e}\r\n<b> ", "e\u{301}\u{301} ", "名 ", "x"];

fn filled(text: &str) -> String {
    text.repeat(BYTES / json!(text).to_string().len())
}

/// The output of a command on the terminal.
fn output(terminal: &Terminal, command: &str) -> String {
    terminal.run(&format!("clear; {BINARY} {command}; echo 'end of '\"the view\""));
    terminal.shows("end of the view");
    let shown = terminal.written_lines();
    let output = shown.lines().skip_while(|line| line.contains("; echo ")).collect::<Vec<_>>();
    output.join("\n")
}

/// No line is wider than the terminal, and nothing of a foreign text acts on it. A word that fits no line is left to the
/// terminal, so that it can be copied.
#[track_caller]
fn assert_harmless(place: &str, shown: &str, words_fit: bool) {
    let is_unsafe = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!shown.contains(is_unsafe), "{place}: {:?}", shown.escape_debug().to_string());
    let columns = |c: char| match c {
        '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'.. if c > '\u{2e80}' => 2,
        _ => 1,
    };
    for line in shown.lines() {
        let wide = line.trim_end().chars().map(columns).sum::<usize>();
        assert!(wide <= WIDTH.into() || !words_fit, "{place}: {wide} columns: {line}");
    }
}

struct Instance {
    forwarder: Forwarder,
    http: Http,
    admin: String,
}

/// An instance with a long name, which runs revision 1.
fn instance(fleet: &Fleet, listen: &Port) -> Instance {
    let (dir, from) = (fleet.dir().display(), fleet.url());
    let config = format!(
        "[process]\nworkers = 1\nadmin = 'unix:{dir}/admin.sock'\n\
         [fleet]\nfrom = '{from}'\nname = '{LONG}'\nkeep = '{dir}/keep'\n"
    );
    let forwarder = forwarder().config(config).start();
    forwarder.ready();
    fleet.records.publish(1, Some(&forward("db", listen, "127.0.0.1:1")), None);
    let http = Http::new(fleet.admin());
    wait_until("revision 1", READ, || http.json("/v1/status")["fleet"]["running_revision"] == 1);
    Instance { forwarder, http, admin: format!("unix:{}", fleet.admin().display()) }
}

#[test]
fn status_and_top_show_hostile_texts_in_80_columns() {
    let (fleet, listen) = (Fleet::start(), Port::v4());
    let instance = instance(&fleet, &listen);
    let (plain, top) = (Terminal::open(WIDTH, 300), Terminal::open(WIDTH, 24));
    plain.run("export NO_COLOR=1");
    top.run(&format!("NO_COLOR=1 {BINARY} top --admin {}", instance.admin));
    top.shows("fleet     edge-of-");
    let mut before = String::new();
    for text in TEXTS {
        let current = json!({ "format": 1, "revision": filled(text) });
        fleet.put("current", &current);
        let why = || {
            let status = instance.http.json("/v1/status");
            status["fleet"]["why"].as_str().unwrap_or_default().to_owned()
        };
        wait_until(&format!("{text:?}"), READ, || !why().is_empty() && why() != before);
        before = why();
        assert!(before.chars().count() <= 501, "{before}");
        let shown = output(&plain, &format!("status --admin {}", instance.admin));
        assert_harmless("status", &shown, text.contains(' '));
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("fleet {LONG}: stable, revision 1, store read ");
        assert!(words.contains(&line) && words.contains("keep, holds the text of"), "{shown}");
        let escaped = plan::escaped(&before);
        let begin: String = escaped.chars().take(40).collect();
        let screen = top.wait_for("the reason", |screen| screen.contains(&begin));
        assert_harmless("top", &screen, true);
        let lines: Vec<_> = screen.lines().collect();
        let of_fleet =
            "fleet     edge-of-the-other-te…ntre-of-the-south-1: stable, revision 1, store up";
        assert_eq!(lines[4], of_fleet, "{screen}");
        assert!(lines[22].ends_with('…') && lines[23].starts_with("F1Help"), "{screen}");
    }
    assert!(instance.forwarder.stderr().iter().all(|line| !line.contains("panicked")));
}

#[test]
fn rollout_shows_hostile_texts_in_80_columns() {
    let fleet = Fleet::start();
    let hash = TextHash::of("").to_string();
    let current = |text: &str| {
        json!({ "format": 1, "revision": 7, "stable": hash, "trial": null, "by": text,
                "note": text, "at": "2026-12-03T00:00:00Z", "earlier": [] })
    };
    let terminal = Terminal::open(WIDTH, 300);
    terminal.run("export NO_COLOR=1");
    for (number, text) in TEXTS.into_iter().enumerate() {
        // Two of the texts fill one document.
        let half: String = filled(text).chars().take(filled(text).chars().count() / 2).collect();
        fleet.put("current", &current(&half));
        let state = InstanceState::FellBack.to_string();
        let status = json!({ "revision": 7, "runs": hash, "state": state, "why": filled(text),
            "version": "0.2.0", "generation": 1, "sessions": 1,
            "connects": { "tried": 1, "failed": 0 }, "since": "2026-12-03T00:00:00Z" });
        let name = text.repeat(100);
        fleet.put(&format!("instances/{number}{name}"), &status);
        fleet.put(&format!("instances/unreadable {name}"), &serde_json::Value::Null);
        let shown = output(&terminal, &format!("rollout --from '{}'", fleet.url()));
        assert_harmless("rollout", &shown, text.contains(' '));
        let rows: Vec<_> = shown.lines().filter(|line| line.contains("fell_back")).collect();
        assert_eq!(rows.len(), number + 1, "{shown}");
        assert!(
            rows.iter().all(|row| row.trim_end().ends_with('…')),
            "a cut reason has a mark: {shown}"
        );
        let lines = shown.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines < 100, "{lines} lines: {shown}");
    }
}
