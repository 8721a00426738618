//! Help in every form, errors for wrong usage with a clear meaning, and output for programs.

use std::fs;

use tempfile::TempDir;
use testkit::Forwarder;

use crate::support::{BINARY, Config, forwarder};

#[test]
fn check_has_json_output_for_editors() {
    let text = "1 | h | 80\nx | h | 80\n";
    let finished = forwarder().args(["check", "--json"]).config(text).run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert!(finished.stderr.is_empty(), "{finished}");
    let json: serde_json::Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!((&json["ok"], &json["total"]), (&false.into(), &1.into()), "{finished}");
    let problem = &json["problems"][0];
    let place = (&problem["level"], &problem["line"], &problem["column"]);
    assert_eq!(place, (&"warning".into(), &2.into(), &1.into()), "{finished}");
    assert!(problem["file"].as_str().unwrap().ends_with("forwarder.conf"), "{finished}");
    assert!(problem["message"].as_str().unwrap().contains("`x` is not a port"), "{finished}");
    let good = forwarder().args(["check", "--json", "7000-7001=h:1-2"]).run().success();
    let json: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    let expected = serde_json::json!({
        "ok": true, "file": null, "forwards": 1, "listeners": 2, "store": null, "total": 0,
        "problems": [], "warnings": []
    });
    assert_eq!(json, expected);
}

#[test]
fn every_form_of_help_for_a_command_works() {
    let help = |arguments: &[&str]| forwarder().args(arguments.iter().copied()).run();
    assert_eq!(help(&["help"]).success().text(), help(&["--help"]).text());
    assert_eq!(help(&["help", "status"]).success().text(), help(&["status", "--help"]).text());
    let none = help(&["help", "stauts"]);
    assert_eq!(none.status.code(), Some(2), "{none}");
    assert!(none.stderr.contains("did you mean `status`?"), "{none}");
}

/// Each command of a fleet has examples and its exit codes, which a terminal of 80 columns shows as they are written.
#[test]
fn the_help_of_a_roll_out_fits_a_terminal() {
    let help = |words: &[&str], columns: &str| {
        let help = forwarder().args(words.iter().copied()).arg("--help").env("COLUMNS", columns);
        help.run().success().text()
    };
    let actions = ["status", "continue", "back", "show"];
    let commands = actions.map(|action| vec!["rollout", action]);
    for words in commands.into_iter().chain([vec!["rollout"], vec!["publish"]]) {
        let shown = help(&words, "80");
        let wide = shown.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{words:?}");
        assert!(shown.contains("\nUsage: ") && shown.contains("--from <URL>"), "{shown}");
        let end = shown.find("\nExample").unwrap_or_else(|| panic!("no example: {shown}"));
        let example = format!("\n  traffic-forwarder {}", words.join(" "));
        assert!(shown[end..].contains(&example), "{shown}");
        assert!(shown[end..].contains("\nExit status: 0 "), "{shown}");
        assert!(help(&words, "10000").ends_with(&shown[end..]), "{shown}");
    }
    let listed = help(&["rollout"], "80");
    for action in actions {
        assert!(listed.contains(&format!("\n  {action} ")), "{action}: {listed}");
    }
    for (wrong, part) in [
        (&["rollout", "bakc"][..], "a similar subcommand exists: 'back'"),
        (&["rollout", "back", "3"], "rollout back [OPTIONS]"),
        (&["rollout", "--json", "back"], "tip: write the options after `back`"),
        (&["rollout", "-c", "a.conf", "show"], "tip: write the options after `show`"),
    ] {
        let refused = forwarder().args(wrong.iter().copied()).run();
        assert_eq!(refused.status.code(), Some(2), "{refused}");
        assert!(refused.stderr.contains(part), "{refused}");
    }
}

#[test]
fn every_form_of_version_works() {
    let version = forwarder().arg("-version").run().success();
    let expected = format!("traffic-forwarder {}\n", crate::support::version());
    assert_eq!(version.text(), expected);
    let other = forwarder().arg("-v").run();
    assert_eq!(other.status.code(), Some(2), "{other}");
    assert!(other.stderr.contains("traffic-forwarder -V prints the version"), "{other}");
}

#[test]
fn a_misplaced_command_is_recognized() {
    let finished = forwarder().args(["-conf", "a.conf", "check"]).run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    let corrected = "the command `check` must come first\n\n  \
                     help: traffic-forwarder check -conf a.conf\n";
    assert!(finished.stderr.ends_with(corrected), "{finished}");
}

#[test]
fn invalid_numbers_and_addresses_get_plain_errors() {
    let cases: [(&[&str], &[&str]); 8] = [
        (&["kill", "abc"], &["expected a session number, as `sessions` lists them"]),
        (&["kill"], &["required"]),
        (
            &["kill", "--client", "10.0.0.7/8"],
            &["bits are set behind the prefix; write 10.0.0.0/8"],
        ),
        (&["demo", "--port", "99999"], &["expected a port from 1 to 65535"]),
        (&["1=http://foo:80/"], &["is a URL", "leave out `http://`: write `foo:80`"]),
        (&["1:http://foo:80"], &["is a URL", "leave out `http://`: write `foo:80`"]),
        (&["--timeout", "0", "1=h:1"], &["`0` is shorter than 1ms", "such as \"30s\""]),
        (&["status", "--admin", "localhost:1"], &["write unix:/PATH, /PATH or 127.0.0.1:PORT"]),
    ];
    for (arguments, words) in cases {
        let finished = forwarder().args(arguments.iter().copied()).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        for word in words {
            assert!(finished.stderr.contains(word), "{word}: {finished}");
        }
    }
    let line = forwarder().arg("check").config("1 | http://foo/ | 80\n").run();
    assert!(line.stderr.contains("leave out `http://`: write `foo`"), "{line}");
}

#[test]
fn an_unwritable_output_is_a_failure_except_a_closed_pipe() {
    let config = Config::new().forward(":1", "h:1", "");
    for command in ["completions bash", "check -c \"$1\"", "man", "help", "--help", "--version"] {
        let run = |end: &str| {
            let script = format!("set -o pipefail; {BINARY} {command} {end}");
            let shell = Forwarder::binary("bash").args(["-c", &script, "bash"]);
            let file = TempDir::new().unwrap();
            let path = file.path().join("one.toml");
            fs::write(&path, config.text()).unwrap();
            shell.arg(path).run()
        };
        let full = run("> /dev/full");
        assert_eq!(full.status.code(), Some(1), "{command}: {full}");
        assert!(full.stderr.contains("write to standard output: no space left"), "{full}");
        let closed = run("| exec true");
        assert_eq!((closed.status.code(), &*closed.stderr), (Some(0), ""), "{command}: {closed}");
    }
}
