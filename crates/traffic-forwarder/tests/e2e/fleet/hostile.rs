//! Texts that another writer of the store has chosen, in every view.

use fleet::InstanceState;
use serde_json::{Value, json};
use testkit::{Port, Terminal, wait_until};

use super::fixture::{Fleet, READ, forward};
use crate::support::{BINARY, forwarder};

/// Moves the cursor, hides text, ends lines, and is markup.
const HOSTILE: &str = "\u{1b}[2J\u{202e}\r\n<img src=x onerror=alert(1)>\u{7}";
/// The most columns of a line that quotes a text of the store without bounds of a terminal.
const BOUND: usize = 10_000;

/// A document of the store whose texts are all hostile and long.
fn hostile() -> String {
    HOSTILE.repeat(4000)
}

#[track_caller]
fn assert_harmless(place: &str, text: &str) {
    let is_unsafe = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(is_unsafe), "{place}: {:.2000}", text.escape_debug().to_string());
    assert!(!text.lines().any(|line| line.starts_with("<img")), "{place}: {text:.2000}");
    let longest = text.lines().map(str::len).max().unwrap_or_default();
    assert!(longest < BOUND, "{place}: a line of {longest} bytes");
}

#[test]
fn a_damaged_document_is_shown_bounded_and_escaped() {
    let fleet = Fleet::start();
    let instance = fleet.instance();
    let listen = Port::v4();
    fleet.records.publish(1, Some(&forward("db", &listen, "127.0.0.1:1")), None);
    fleet.wait_for(1, InstanceState::Stable);
    let current = json!({ "format": 1, "revision": hostile() });
    fleet.put("current", &current);
    let status = || instance.http.get("/v1/status").success().json();
    let why = || status()["fleet"]["why"].as_str().unwrap_or_default().to_owned();
    wait_until("the reason", READ, || why().contains("publish again") || why().ends_with('…'));
    assert!(why().chars().count() <= 501, "{}", why());
    let admin = format!("unix:{}", fleet.admin().display());
    for arguments in [&["status"] as &[_], &["status", "--json"]] {
        let shown = forwarder().args(arguments).args(["--admin", &admin]).run().success();
        assert_harmless(arguments[0], &(shown.text() + &shown.stderr));
        let words: Vec<_> = shown.text().split_whitespace().map(str::to_owned).collect();
        assert!(words.join(" ").contains("the key `current` is not what"), "{shown}");
    }
    let doctor = forwarder().args(["doctor", "--admin", &admin]).run();
    assert_harmless("doctor", &(doctor.text() + &doctor.stderr));
    let of_log = instance.forwarder.stderr();
    let logged = of_log.iter().filter(|line| line.contains("is not followed"));
    let logged: Vec<_> = logged.collect();
    assert!(!logged.is_empty());
    for line in logged {
        assert_harmless("the log", line);
    }
    assert_harmless("/metrics", &instance.http.get("/metrics").success().body);
    assert!(fleet.status().is_some_and(|it| it.why.chars().count() <= 501));
}

/// Every text of `current` and of an instance, in `rollout` at a pipe and on terminals.
#[test]
fn texts_of_others_are_shown_bounded_and_escaped() {
    let fleet = Fleet::start();
    let hash = fleet::TextHash::of("").to_string();
    let long = hostile();
    fleet.put(
        "current",
        &json!({ "format": 1, "revision": 7, "stable": hash, "trial": null, "by": long,
                 "note": long, "at": long, "earlier": [] }),
    );
    let instance = |why: &str, version: &str| {
        json!({ "revision": 7, "runs": hash, "state": "fell_back", "why": why, "version": version,
                "generation": 1, "sessions": 1, "connects": { "tried": 1, "failed": 0 },
                "since": long })
    };
    fleet.put("instances/edge-1", &instance(&long, &long));
    let name = HOSTILE.repeat(100);
    fleet.put(&format!("instances/{name}"), &instance("", "0.2.0"));
    fleet.put(&format!("instances/unreadable {name}"), &Value::Null);
    for number in 2..20 {
        fleet
            .put(&format!("instances/edge-{number}"), &instance("名".repeat(50).as_str(), "0.2.0"));
    }
    let from = ["--from", &fleet.url()];
    let piped = forwarder().args(["rollout"]).args(from).run();
    assert_harmless("rollout", &piped.text());
    let json = forwarder().args(["rollout", "--json"]).args(from).run();
    assert_harmless_json(&json.text());
    let value: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((value["note"].as_str(), value["by"].as_str()), (Some(&*long), Some(&*long)));
    assert_eq!(value["instances"].as_array().map(Vec::len), Some(20));
    let text = fleet.file("text.toml", "[[forward]]\nlisten = '127.0.0.1:1'\nto = 'a:1'\n");
    let publish = forwarder().args(["publish", &text, "--hold", "1s"]).args(from).run();
    assert_harmless("publish", &(publish.text() + &publish.stderr));
    for width in [40, 80, 120] {
        let terminal = Terminal::open(width, 200);
        terminal.run(&format!(
            "clear; {BINARY} rollout --from '{}'; echo 'end of '\"it\"",
            fleet.url()
        ));
        terminal.shows("end of it");
        let shown = terminal.written_lines();
        let row = shown.lines().find(|line| line.starts_with("edge-7 ")).expect(&shown);
        assert!(row.contains("fell_back"), "{row}");
    }
}

/// JSON keeps the texts whole.
#[track_caller]
fn assert_harmless_json(text: &str) {
    let is_unsafe = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(is_unsafe), "{:.2000}", text.escape_debug().to_string());
}
