//! Changes of `[fleet]` in the local file of a running instance.

use std::time::{Duration, Instant};

use fleet::{InstanceState, On};
use testkit::{Etcd, LIMIT, Signal, wait_until};

use super::super::fixture::{Fleet, LONG, NAME, PREFIX, READ, forward, serves};
use super::fixture::{Faults, Local};

/// The instances that a store knows.
fn instances(cluster: &Etcd) -> String {
    cluster.ctl(["get", "--prefix", &format!("{PREFIX}/instances/"), "--keys-only"])
}

#[test]
fn another_store_is_followed_after_a_publication_there() {
    let faults = Faults::start(3);
    let other = Fleet::on(Etcd::start(1));
    let (first, second) = (Local::of(&faults.fleet.cluster), Local::of(&other.cluster));
    faults.publish_reaches_it();
    other.records.publish(1, Some(&faults.text(1)), None);
    let begin = Instant::now();
    faults.reload(&second);
    faults.is_not_followed(
        begin,
        "the store is another cluster, at revision 1, than that of revision 2",
    );
    // Publishers of the old store do not wait for it, and those of the new one see what it has followed.
    wait_until("its key to leave the old store", LIMIT, || {
        instances(&faults.fleet.cluster).is_empty()
    });
    let status = other.wait_within(READ, "its status in the other store", |_| true);
    assert_eq!((status.revision, status.state), (2, InstanceState::Stable));
    let revision = faults.next();
    other.records.publish(revision, Some(&faults.text(revision)), None);
    faults.runs(revision);

    // Back again by a signal in a trial, whose end leaves the local file in force.
    let text = faults.text(revision) + &forward("new", &faults.spare, faults.target.addr());
    let trial = (&*text, On::ALL, Duration::from_secs(5));
    other.records.publish(revision + 1, Some(&faults.text(revision)), Some(trial));
    other.wait_for(revision + 1, InstanceState::Trying);
    let begin = Instant::now();
    faults.write(&first);
    faults.instance.forwarder.signal(Signal::HUP);
    faults.is_not_followed(
        begin,
        "the store is another cluster, at revision 2, than that of revision 4",
    );
    wait_until("the fall-back", READ, || {
        let view = faults.view();
        view["state"] == "fell_back" && view["store"] == first.from.as_str()
    });
    faults.fleet.wait_for(revision + 1, InstanceState::FellBack);
    faults.serves();
    faults.finish();
}

/// The status of the instance in the store: the revision of the store that created its key.
fn created_by(cluster: &Etcd) -> u64 {
    let key = format!("{PREFIX}/instances/{NAME}");
    let found = cluster.ctl(["get", &key, "--write-out", "json"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    found["kvs"][0]["create_revision"].as_u64().expect("the status")
}

/// A publisher that finds no status in a trial takes the text back.
#[test]
fn another_login_in_a_trial_leaves_no_time_without_a_status() {
    let faults = Faults::start(1);
    let cluster = &faults.fleet.cluster;
    let revision = faults.revision();
    let text = faults.text(revision) + &forward("new", &faults.spare, faults.target.addr());
    let (revision, stable) = (faults.next(), faults.text(revision));
    faults.fleet.records.publish(revision, Some(&stable), Some((&text, On::ALL, LONG)));
    faults.fleet.wait_for(revision, InstanceState::Trying);
    let created = created_by(cluster);
    let leases = || cluster.ctl(["lease", "list"]);
    let before = leases();
    let password = faults.fleet.file("password", "unused");
    let login = format!("user = 'edge-1'\npassword_file = '{password}'\n");
    faults.write(&Local::of(cluster).fleet(&login));
    faults.instance.forwarder.signal(Signal::HUP);
    wait_until("another lease alone", READ, || {
        let now = leases();
        now.contains("found 1 leases") && now != before
    });
    assert_eq!(created_by(cluster), created, "the status was away");
    faults.fleet.records.publish(revision + 1, Some(&text), None);
    faults.fleet.wait_for(revision + 1, InstanceState::Confirmed);
    assert!(serves(&faults.spare));
    faults.finish();
}

#[test]
fn the_other_keys_wait_for_a_restart() {
    let faults = Faults::start(1);
    let cluster = &faults.fleet.cluster;
    let elsewhere = faults.fleet.dir().join("elsewhere");
    let keep = format!("keep = '{}'\n", elsewhere.display());
    let waits = |what: &str| {
        let waiting = faults.instance.http.json("/v1/status")["waiting"].to_string();
        assert!(waiting.contains(what), "{what}: {waiting}");
        assert!(faults.shown().contains("for a restart"), "{what}");
        faults.serves();
    };
    faults.reload(&Local::of(cluster).fleet(&keep));
    waits("keep");
    assert!(!elsewhere.exists());
    let mut named = Local::of(cluster);
    named.name = "edge-2".to_owned();
    faults.reload(&named);
    waits("name");
    faults.reload(&Local { from: String::new(), ..Local::of(cluster) });
    waits("from");
    // The process follows its fleet all the same.
    let revision = faults.publish();
    wait_until("the next revision", READ, || faults.view()["revision"] == revision);
    faults.reload(&Local::of(cluster));
    assert_eq!(
        faults.instance.http.json("/v1/status")["waiting"].as_array().map(Vec::len),
        Some(0)
    );
    faults.runs(revision);
    faults.publish_reaches_it();
    faults.finish();
}
