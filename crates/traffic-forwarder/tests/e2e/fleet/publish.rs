//! `publish` and `rollout`, against a cluster of etcd and an instance.

use std::net::TcpListener;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{
    Behaviour, Etcd, Finished, Forwarder, LIMIT, Port, Signal, Target, Tool, connect, wait_until,
};

use crate::support::{forwarder, ping};

/// Longer than two holds and the end of a trial.
const ROLLOUT: Duration = Duration::from_secs(60);

struct Fleet {
    cluster: Etcd,
    url: String,
    dir: TempDir,
}

impl Fleet {
    fn start() -> Self {
        let cluster = Etcd::start(1);
        let url = cluster.url("/path");
        Self { cluster, url, dir: TempDir::new().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str], code: i32) -> Finished {
        let finished = forwarder().args(arguments).args(["--from", &self.url]).run();
        assert_eq!(finished.status.code(), Some(code), "{finished}");
        finished
    }

    /// Starts a publication, and waits until the instance runs it. The steps of the test must fit into the hold.
    fn publish_in_background(&self, file: &str, hold: &str) -> Forwarder {
        let arguments = ["publish", file, "--hold", hold, "--from", &self.url];
        let publisher = forwarder().args(arguments).start();
        wait_until("the instance to try it", LIMIT, || {
            publisher.stdout().iter().any(|line| line.starts_with("edge-1 runs revision"))
        });
        publisher
    }

    /// Starts the instance `edge-1`, and waits until it has read the store.
    fn instance(&self) -> Forwarder {
        let (url, dir) = (&self.url, self.dir.path().display());
        let config = format!(
            "[process]\nworkers = 1\nadmin = 'off'\n[log]\nformat = 'json'\n\
             [fleet]\nfrom = '{url}'\nname = 'edge-1'\nkeep = '{dir}/keep'\n"
        );
        let instance = forwarder().config(config).start();
        wait_until("the instance in the store", LIMIT, || {
            self.cluster.ctl(["get", "--prefix", "/path/instances/"]).contains("edge-1")
        });
        instance
    }
}

fn text(listen: &Port, target: &Target) -> String {
    let (listen, to) = (listen.addr(), target.addr().tcp());
    format!("[[forward]]\nname = 'db'\nlisten = '{listen}'\nto = '{to}'\n")
}

#[test]
fn without_an_instance_a_text_is_stable_at_once_shown_and_taken_back() {
    let fleet = Fleet::start();
    let (listen, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let first = text(&listen, &target);
    let file = fleet.file("first.toml", &first);
    for nothing in [&["rollout", "continue"][..], &["rollout", "back"], &["rollout", "show"]] {
        fleet.run(nothing, 1);
    }
    let dry = fleet.run(&["publish", &file, "--dry-run"], 0);
    assert!(dry.text().contains("+ db"), "{dry}");
    assert_eq!(fleet.cluster.ctl(["get", "--prefix", "/path", "--keys-only"]).trim(), "");
    fleet.run(&["publish", &file, "--note", "the first"], 0);
    assert_eq!(fleet.run(&["rollout", "show"], 0).text(), first);

    let second = first.clone() + "max_sessions = 7\n";
    let changes = fleet.run(&["publish", &fleet.file("second.toml", &second)], 0);
    assert!(changes.text().contains("~ db  max_sessions:"), "{changes}");
    assert_eq!(fleet.run(&["rollout", "show"], 0).text(), second);
    assert_eq!(fleet.run(&["rollout", "show", "1"], 0).text(), first);
    fleet.run(&["rollout", "show", "9"], 2);

    fleet.run(&["rollout", "back"], 0);
    assert_eq!(fleet.run(&["rollout", "show"], 0).text(), first);
    let status = fleet.run(&["rollout", "--json"], 0);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&status["revision"], &status["trial"]), (&3.into(), &serde_json::Value::Null));
}

#[test]
fn a_publisher_without_names_in_its_environment_has_that_of_its_user() {
    let fleet = Fleet::start();
    let file = fleet.file("first.toml", "[[forward]]\nlisten = ':1'\nto = '127.0.0.1:9'\n");
    let by = |name: Option<&str>| {
        let mut publish = forwarder().args(["publish", &file, "--from", &fleet.url]);
        for unset in ["SUDO_USER", "USER", "LOGNAME"] {
            publish = publish.env(unset, "");
        }
        if let Some(name) = name {
            publish = publish.env("USER", name);
        }
        let finished = publish.run();
        assert_eq!(finished.status.code(), Some(0), "{finished}");
        let shown = fleet.run(&["rollout", "--json"], 0);
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
        shown["by"].as_str().unwrap().split('@').next().unwrap().to_owned()
    };
    let own = Tool::find("id").run(["-un"], LIMIT).text();
    assert_eq!(by(None), own.trim());
    fleet.file("first.toml", "[[forward]]\nlisten = ':2'\nto = '127.0.0.1:9'\n");
    assert_eq!(by(Some("alice")), "alice");
}

#[test]
fn a_wrong_text_is_refused_with_every_problem_before_the_store_is_asked() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("wrong.toml");
    std::fs::write(&file, "[process]\nworkers = 1\n[[forward]]\nlisten = 'x'\nto = 'a:1'\n")
        .unwrap();
    let nowhere = ["--from", "etcd://127.0.0.1:1/path"];
    let refused = forwarder().arg("publish").arg(&file).args(nowhere).run();
    assert_eq!(refused.status.code(), Some(2), "{refused}");
    for place in ["wrong.toml:1:2", "wrong.toml:4:"] {
        assert!(refused.stderr.contains(place), "{refused}");
    }
    std::fs::write(&file, b"[[forward]]\nlisten = ':1' # \xff\nto = 'a:1'\n").unwrap();
    let undecoded = forwarder().arg("publish").arg(&file).args(nowhere).run();
    assert_eq!(undecoded.status.code(), Some(2), "{undecoded}");
    assert!(undecoded.stderr.contains("is not UTF-8 text"), "{undecoded}");
    assert!(undecoded.stderr.contains("wrong.toml:2:17"), "{undecoded}");
    std::fs::write(&file, "[[forward]]\nlisten = ':1'\nto = 'a:1'\n").unwrap();
    let away = forwarder().arg("publish").arg(&file).args(nowhere).run();
    assert_eq!(away.status.code(), Some(1), "{away}");
    assert!(away.stderr.contains("127.0.0.1:1: connection refused"), "{away}");
}

#[test]
fn an_instance_confirms_a_text_and_its_refusal_takes_one_back() {
    let fleet = Fleet::start();
    let _instance = fleet.instance();
    let (listen, taken) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let good = text(&listen, &target);
    let file = fleet.file("good.toml", &good);
    let done = fleet.run(&["publish", &file, "--canary", "edge-1", "--hold", "2s"], 0);
    assert!(done.text().contains("edge-1 runs revision 1"), "{done}");
    ping(&connect(&listen).unwrap());

    let other = TcpListener::bind(taken.addr().to_string()).unwrap();
    let bad = good.clone() + &text(&taken, &target).replace("'db'", "'taken'");
    let file = fleet.file("bad.toml", &bad);
    let back = fleet.run(&["publish", &file, "--hold", "2s"], 1);
    assert!(back.stderr.contains("edge-1 refused it: "), "{back}");
    assert_eq!(fleet.run(&["rollout", "show"], 0).text(), good);
    // Revision 4 has ended the trial of revision 3: the stable text is still that of revision 2.
    assert!(back.text().contains("the text of revision 2 stays stable"), "{back}");
    let shown = fleet.run(&["rollout", "show", "--json"], 0);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["revision"], 2);
    let table = fleet.run(&["rollout"], 0).text();
    assert!(
        table.contains("revision 4 by") && table.contains("the text of revision 2 is stable on")
    );
    drop(other);
    let again = fleet.run(&["publish", &file, "--hold", "2s"], 0);
    assert!(again.text().contains("the stable text of revision 2:"), "{again}");
    ping(&connect(&taken).unwrap());
    let table = fleet.run(&["rollout"], 0).text();
    assert!(table.contains("stable on 1 of 1") && table.contains("edge-1"), "{table}");
}

#[test]
fn a_trial_goes_on_without_its_publisher_and_another_one_decides_it() {
    let fleet = Fleet::start();
    let _instance = fleet.instance();
    let (listen, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let file = fleet.file("a.toml", &text(&listen, &target));
    let publisher = fleet.publish_in_background(&file, "15s");
    let refused = fleet.run(&["publish", &file], 1);
    assert!(refused.stderr.contains("is on trial (edge-1)"), "{refused}");
    publisher.signal(Signal::KILL);
    let decided = forwarder().args(["rollout", "continue", "--from", &fleet.url]).start();
    assert_eq!(decided.wait_exit(ROLLOUT).code(), Some(0), "{:?}", decided.stderr());
    let lines = decided.stdout().join("\n");
    assert!(lines.contains("is on trial on the 1 live instance"), "{lines}");
    ping(&connect(&listen).unwrap());

    let next = text(&listen, &target) + "max_sessions = 7\n";
    for signal in [Signal::INT, Signal::TERM] {
        let publisher = fleet.publish_in_background(&fleet.file("b.toml", &next), "1h");
        publisher.signal(signal);
        assert_eq!(publisher.wait_exit(ROLLOUT).code(), Some(1));
        let lines = publisher.stderr().join("\n");
        assert!(lines.contains("stays on trial"), "{signal:?}: {lines}");
        fleet.run(&["rollout", "back"], 0);
    }
    assert!(!fleet.run(&["rollout", "show"], 0).text().contains("max_sessions"));
}

/// A writer of the store, or an instance with a fault, sets the longest hold and the highest revision.
#[test]
fn values_that_would_overflow_end_no_instance_and_are_named() {
    let fleet = Fleet::start();
    let instance = fleet.instance();
    let (listen, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let file = fleet.file("a.toml", &text(&listen, &target));
    fleet.run(&["publish", &file, "--hold", "1s"], 0);

    let current = fleet.cluster.ctl(["get", "--print-value-only", "/path/current"]);
    let mut current: serde_json::Value = serde_json::from_str(&current).unwrap();
    let trial = serde_json::json!({ "text": current["stable"], "on": "all", "hold": "18446744073709551615s" });
    (current["trial"], current["revision"]) = (trial, 9.into());
    fleet.cluster.ctl(["put", "/path/current", &current.to_string()]);
    wait_until("the instance to report the key", LIMIT, || {
        fleet.cluster.ctl(["get", "/path/instances/edge-1"]).contains("longer than 24h")
    });
    ping(&connect(&listen).unwrap());
    fleet.run(&["publish", &file, "--hold", "25h"], 2);
    let replaced = fleet.run(&["publish", &file, "--hold", "1s"], 0);
    assert!(replaced.stderr.contains("this revision replaces it"), "{replaced}");

    let status = fleet.cluster.ctl(["get", "--print-value-only", "/path/instances/edge-1"]);
    let mut status: serde_json::Value = serde_json::from_str(&status).unwrap();
    for (revision, code) in [(u64::MAX, 0), ((1 << 53) - 1, 1)] {
        status["revision"] = revision.into();
        fleet.cluster.ctl(["put", "/path/instances/edge-2", &status.to_string()]);
        let file = fleet.file("b.toml", &format!("{}max_sessions = 7\n", text(&listen, &target)));
        let ended = fleet.run(&["publish", &file, "--hold", "1s"], code);
        assert!(ended.stderr.contains("the status of edge-2"), "{ended}");
    }
    ping(&connect(&listen).unwrap());
    drop(instance);
}
