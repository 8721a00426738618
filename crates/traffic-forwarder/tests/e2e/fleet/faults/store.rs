//! Clusters that go away, in part or as a whole, and come back.

use std::time::Instant;

use fleet::TextHash;
use testkit::{socket_connected_to, wait_until};

use super::super::fixture::PREFIX;
use super::fixture::{Faults, RECOVERY};
use crate::support::forwarder;

#[test]
fn the_whole_store_goes_away_and_comes_back() {
    let mut faults = Faults::start(3);
    let begin = Instant::now();
    (0..3).for_each(|member| faults.fleet.cluster.freeze_member(member));
    faults.is_away(begin, "no answer within");
    (0..3).for_each(|member| faults.fleet.cluster.thaw_member(member));
    faults.is_healthy();
    faults.publish_reaches_it();

    let begin = Instant::now();
    (0..3).for_each(|member| faults.fleet.cluster.kill_member(member));
    faults.is_away(begin, "connection refused");
    (0..3).for_each(|member| faults.fleet.cluster.start_member(member));
    faults.fleet.cluster.wait_until_healthy();
    faults.is_healthy();
    faults.publish_reaches_it();
    faults.finish();
}

#[test]
fn a_member_that_freezes_and_a_leader_that_ends_are_not_noticed_and_a_lost_quorum_is() {
    let mut faults = Faults::start(3);
    let process = faults.instance.forwarder.pid();
    let endpoints = faults.fleet.cluster.endpoints();
    let is_connected = |member: &usize| {
        socket_connected_to(process, endpoints[*member].parse().unwrap()).is_some()
    };
    let member = (0..3).find(is_connected).expect("the instance is connected to a member");
    faults.fleet.cluster.freeze_member(member);
    faults.publish_reaches_it();
    faults.fleet.cluster.thaw_member(member);
    faults.fleet.cluster.wait_until_healthy();
    let leader = faults.fleet.cluster.leader();
    faults.fleet.cluster.kill_member(leader);
    faults.fleet.cluster.wait_until_healthy();
    faults.publish_reaches_it();

    let begin = Instant::now();
    let second = (leader + 1) % 3;
    faults.fleet.cluster.kill_member(second);
    faults.is_away(begin, "no quorum");
    faults.fleet.cluster.start_member(leader);
    faults.fleet.cluster.start_member(second);
    faults.fleet.cluster.wait_until_healthy();
    faults.is_healthy();
    faults.publish_reaches_it();
    faults.finish();
}

/// A restored cluster has its old identity or a new one, depending on `--initial-cluster-token`.
#[test]
fn a_restored_or_wiped_store_is_followed_after_the_next_publication() {
    let mut faults = Faults::start(3);
    let snapshot = faults.fleet.dir().join("snapshot");
    faults.fleet.cluster.save_snapshot(&snapshot);
    faults.publish_reaches_it();
    let begin = Instant::now();
    faults.fleet.cluster.restore_same_cluster(&snapshot);
    faults.is_not_followed(
        begin,
        "the store went back to revision 1, and this instance has followed revision 2",
    );
    faults.publish_reaches_it();

    let begin = Instant::now();
    faults.fleet.cluster.restore_snapshot(&snapshot);
    faults.is_not_followed(
        begin,
        "the store is another cluster, at revision 1, than that of revision 3",
    );
    faults.publish_reaches_it();

    let begin = Instant::now();
    faults.fleet.cluster.wipe();
    faults.is_not_followed(begin, "the store has no configuration");
    // Its status shows the publisher which revision is the next.
    faults.publish_by_command();
    faults.finish();
}

/// The text of the backup is stable in the store, and runs nowhere.
#[test]
fn the_text_of_a_restored_store_is_followed_after_it_is_published_again() {
    let mut faults = Faults::start(1);
    let snapshot = faults.fleet.dir().join("snapshot");
    faults.fleet.cluster.save_snapshot(&snapshot);
    faults.publish_reaches_it();
    for same_cluster in [true, false] {
        let begin = Instant::now();
        if same_cluster {
            faults.fleet.cluster.restore_same_cluster(&snapshot);
        } else {
            faults.fleet.cluster.restore_snapshot(&snapshot);
        }
        let words = if same_cluster { "the store went back" } else { "another cluster" };
        faults.is_not_followed(begin, words);
        let file = faults.fleet.file("old.toml", &faults.text(1));
        let from = faults.fleet.cluster.url(PREFIX);
        let publish = forwarder().args(["publish", &file, "--from", &from]).run().success();
        let warning = "the stable revision is not followed by edge-1: its text is published again";
        assert!(publish.stderr.contains(warning), "{publish}");
        let hash = TextHash::of(&faults.text(1)).to_string();
        wait_until("the old text", RECOVERY, || faults.view()["runs"] == hash.as_str());
        faults.is_healthy();
    }
    faults.finish();
}
