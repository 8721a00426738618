//! `publish` and `rollout`, against a cluster of etcd and an instance.

use std::net::TcpListener;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{
    Behaviour, Etcd, Finished, Forwarder, LIMIT, Port, Signal, Target, connect, wait_until,
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

    /// Starts a publication whose steps take five seconds, and waits until the instance runs it.
    fn publish_in_background(&self, file: &str) -> Forwarder {
        let arguments = ["publish", file, "--hold", "5s", "--from", &self.url];
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
    drop(other);
    fleet.run(&["publish", &file, "--hold", "2s"], 0);
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
    let publisher = fleet.publish_in_background(&file);
    let refused = fleet.run(&["publish", &file], 1);
    assert!(refused.stderr.contains("is on trial (edge-1)"), "{refused}");
    publisher.signal(Signal::KILL);
    fleet.run(&["rollout", "continue"], 0);
    ping(&connect(&listen).unwrap());

    let next = text(&listen, &target) + "max_sessions = 7\n";
    let publisher = fleet.publish_in_background(&fleet.file("b.toml", &next));
    publisher.signal(Signal::INT);
    assert_eq!(publisher.wait_exit(ROLLOUT).code(), Some(1));
    let lines = publisher.stderr().join("\n");
    assert!(lines.contains("stays on trial"), "{lines}");
    fleet.run(&["rollout", "back"], 0);
    assert!(!fleet.run(&["rollout", "show"], 0).text().contains("max_sessions"));
}
