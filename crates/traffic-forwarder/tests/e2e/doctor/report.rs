//! The report, as JSON and as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use doctor::Check;
use serde_json::Value;

use super::{Examined, to_closed_port};
use crate::support::{Console, forwarder, in_network_namespace, test_name};

#[test]
fn the_report_has_the_documented_shape() {
    let (_nobody, config) = to_closed_port();
    let Examined { report, .. } = Examined::by(forwarder(), &config);
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let set = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(keys(&report), set(&["verdict", "sessions", "first_limit", "wanted", "checks"]));
    let checks = report["checks"].as_array().unwrap();
    for check in checks {
        let expected = ["check", "verdict", "sessions", "found", "change", "details"];
        assert_eq!(keys(check), set(&expected));
        for detail in check["details"].as_array().unwrap() {
            assert_eq!(keys(detail), set(&["verdict", "of", "found", "seconds"]));
        }
    }
    let names: BTreeSet<_> = checks.iter().map(|it| it["check"].as_str().unwrap()).collect();
    assert_eq!(names, Check::ALL.iter().map(|check| check.as_str()).collect());
    let sessions = checks.iter().filter_map(|it| Some((it["sessions"].as_u64()?, &it["check"])));
    let (least, check) = sessions.min_by_key(|(sessions, _)| *sessions).unwrap();
    assert_eq!((&report["sessions"], &report["first_limit"]), (&least.into(), check));
}

#[test]
fn the_text_ends_with_the_summary_and_has_advice() {
    let (_nobody, config) = to_closed_port();
    let program = forwarder().open_files(100).args(["doctor", "--no-connect"]);
    let finished = program.config(config.text()).run();
    assert_eq!(finished.status.code(), Some(0), "{finished}");
    let text = finished.text();
    assert!(text.starts_with("warn  open_files: "), "{text}");
    assert!(text.contains("\n        to change it: LimitNOFILE="), "{text}");
    let summary = text.lines().last().unwrap();
    assert!(summary.starts_with("this host can hold "), "{text}");
    assert!(summary.ends_with(" (1000 wanted); the first limit is open_files"), "{text}");
}

#[test]
fn an_invalid_configuration_is_reported_as_by_check() {
    let console = Console::new();
    let file = console.file("forwarder.conf", "[[forward]]\nlisten = ':0'\n");
    let explanation = |command: &str| {
        let finished = forwarder().args([command, "-c", &file]).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        assert!(finished.stdout.is_empty(), "{finished}");
        finished.stderr
    };
    assert_eq!(explanation("doctor"), explanation("check"));
}

#[test]
fn ten_thousand_forwards_are_examined_and_abridged_in_the_text() {
    let name = test_name!(ten_thousand_forwards_are_examined_and_abridged_in_the_text);
    // In a namespace where all of their ports are free.
    in_network_namespace(name, "true", || {
        let mut config = String::new();
        for number in 0..10_000 {
            let (listen, to) = (20_000 + number, 1 + number);
            writeln!(config, "[[forward]]\nlisten = '127.0.0.1:{listen}'\nto = '127.9.9.9:{to}'")
                .unwrap();
        }
        let finished = forwarder().arg("doctor").config(config).run();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        let text = finished.text();
        // A program that listens on all addresses of this machine answers.
        assert!(text.contains(" of 10000 targets are connected"), "{text}");
        assert_eq!(text.matches("        127.9.9.9:").count(), 10, "{text}");
        assert!(text.lines().any(|line| line.starts_with("        and 99")), "{text}");
        assert!(text.lines().count() < 80, "{text}");
    });
}
