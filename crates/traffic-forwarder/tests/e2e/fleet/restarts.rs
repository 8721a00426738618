//! Processes that are killed and started again.

use fleet::{InstanceState, On, TextHash};
use testkit::{Behaviour, Port, Target, wait_until};

use super::fixture::{Fleet, LONG, READ, forward, refuses, serves};

#[test]
fn the_last_good_text_serves_without_a_store_and_the_store_is_followed_again() {
    let mut fleet = Fleet::start();
    let (first, second) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let instance = fleet.instance();
    let text = forward("first", &first, target.addr().tcp());
    fleet.records.publish(1, Some(&text), None);
    fleet.wait_for(1, InstanceState::Stable);
    fleet.cluster.kill_member(0);
    assert!(serves(&first));
    drop(instance);
    assert!(refuses(&first));
    let instance = fleet.instance();
    assert!(serves(&first));
    instance.http.get("/readyz").status(200);
    fleet.cluster.start_member(0);
    fleet.cluster.wait_until_healthy();
    let text = forward("second", &second, target.addr().tcp());
    fleet.records.publish(2, Some(&text), None);
    fleet.wait_for(2, InstanceState::Stable);
    assert!(serves(&second) && refuses(&first));
}

#[test]
fn a_trial_ends_with_its_process() {
    let fleet = Fleet::start();
    let (old, new) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let instance = fleet.instance();
    let [old_text, new_text] =
        [("old", &old), ("new", &new)].map(|it| forward(it.0, it.1, target.addr().tcp()));
    fleet.records.publish(1, Some(&old_text), None);
    fleet.wait_for(1, InstanceState::Stable);
    fleet.records.publish(2, Some(&old_text), Some((&new_text, On::ALL, LONG)));
    fleet.wait_for(2, InstanceState::Trying);
    assert!(serves(&new) && refuses(&old));
    drop(instance);
    let instance = fleet.instance();
    assert!(serves(&old) && refuses(&new));
    let status = fleet.wait_within(READ, "the report", |it| it.state == InstanceState::FellBack);
    assert!(status.why.contains("restarted during the trial"), "{}", status.why);
    let is_logged = |line: &str| {
        line.contains("is not followed") && line.contains("restarted during the trial")
    };
    wait_until("a line", READ, || instance.forwarder.count_lines(is_logged) == 1);
    assert_eq!((status.revision, status.runs), (2, Some(TextHash::of(&old_text))));
    // A later step of the same trial is not tried either.
    fleet.records.publish(3, Some(&old_text), Some((&new_text, On::ALL, LONG)));
    fleet.wait_for(3, InstanceState::FellBack);
    assert!(serves(&old) && refuses(&new));
}

/// Its publisher may be gone, and the other machines may have fallen back.
#[test]
fn a_machine_takes_no_part_in_a_trial_that_began_before_it_came() {
    let fleet = Fleet::start();
    let (old, new) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let [old_text, new_text] =
        [("old", &old), ("new", &new)].map(|it| forward(it.0, it.1, target.addr().tcp()));
    fleet.records.publish(1, Some(&old_text), Some((&new_text, On::ALL, LONG)));
    let instance = fleet.instance();
    let status = fleet.wait_for_text(&old_text, InstanceState::Stable);
    assert!(status.why.contains("was on trial before this machine came back"), "{}", status.why);
    assert!(serves(&old) && refuses(&new));
    // An upgrade is no absence.
    instance.upgrade();
    fleet.records.publish(2, Some(&old_text), Some((&new_text, On::ALL, LONG)));
    fleet.wait_for(2, InstanceState::Trying);
    fleet.records.publish(3, Some(&new_text), None);
    let status = fleet.wait_for_text(&new_text, InstanceState::Confirmed);
    assert_eq!(status.why, "");
}
