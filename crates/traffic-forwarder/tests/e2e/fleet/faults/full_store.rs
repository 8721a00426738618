//! A store that has reached its quota: it answers reads, and takes no writes until its alarm is disarmed.

use std::fs;
use std::path::Path;
use std::time::Instant;

use testkit::{Etcd, LIMIT, wait_until};

use super::super::fixture::{Fleet, PREFIX};
use super::fixture::{Faults, Local};
use crate::support::forwarder;

/// The alarm, and the commands that end it.
const FULL: &str = "the store is full and takes no writes: compact and defragment it, then disarm its alarm \
                    (`etcdctl alarm disarm`)";

/// Writes a key of another user of the store until it is full.
fn fill(cluster: &Etcd) {
    // etcd takes some MiB more than its quota before it raises the alarm.
    let value = "x".repeat(100_000);
    let is_full =
        (0..1000).any(|_| !cluster.try_ctl(["put", "/path/key", &value]).status.success());
    assert!(is_full && cluster.ctl(["alarm", "list"]).contains("NOSPACE"));
}

/// Removes old values, as docs/fleet-repair.md says.
fn make_room(cluster: &Etcd) {
    let answer = cluster.ctl(["get", "/none", "-w", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    cluster.ctl(["compaction", &answer["header"]["revision"].to_string()]);
    cluster.ctl(["defrag"]);
    cluster.ctl(["alarm", "disarm"]);
}

/// The end of a command that cannot write.
#[track_caller]
fn is_refused(arguments: &[&str], from: &str) {
    let finished = forwarder().args(arguments).args(["--from", from]).run();
    assert_eq!(finished.status.code(), Some(1), "{arguments:?}: {finished}");
    assert_eq!(finished.stderr, format!("error: {FULL}: nothing was changed\n"), "{arguments:?}");
}

fn publish(dir: &Path, text: &str) -> [String; 2] {
    let file = dir.join("refused.toml");
    fs::write(&file, text).unwrap();
    ["publish".to_owned(), file.display().to_string()]
}

#[test]
fn a_full_store_takes_no_revision_and_no_new_status_until_its_alarm_is_disarmed() {
    let cluster = Etcd::start_with(3, None, &["--quota-backend-bytes=4194304"]);
    let local = Local::of(&cluster);
    let mut faults = Faults::start_with(Fleet::on(cluster), &local);
    // A stable text before the present one, for `rollout back`.
    faults.publish_by_command();
    faults.publish_by_command();
    fill(&faults.fleet.cluster);

    let from = faults.fleet.cluster.url(PREFIX);
    let command = publish(faults.fleet.dir(), &faults.text(99));
    is_refused(&command.each_ref().map(String::as_str), &from);
    is_refused(&["rollout", "back"], &from);
    let status = forwarder().args(["rollout", "--from", &from]).run().success().text();
    assert!(status.contains("store: 0 of 3\n"), "{status}");
    assert_eq!(status.matches(FULL).count(), 1, "{status}");
    // Its lease is renewed, and it has nothing to write.
    faults.is_healthy();

    // A new lease is a write.
    let runs = faults.view()["runs"].clone();
    faults.restart(&local);
    faults.is_not_followed(Instant::now(), FULL);
    assert!(faults.shown().contains("publishers do not see the status of this instance"));
    assert_eq!(faults.view()["runs"], runs);

    make_room(&faults.fleet.cluster);
    faults.is_healthy();
    wait_until("a line about the end", LIMIT, || {
        let is_end = |line: &str| line.contains("publishers see the status of this instance again");
        faults.instance.forwarder.count_lines(is_end) == 1
    });
    faults.publish_by_command();
    faults.finish();
}
