//! Trials and their ends.

use std::thread;
use std::time::{Duration, Instant};

use fleet::{Connects, Instance, InstanceState, On, TextHash};
use testkit::{Behaviour, Port, Target, connect, wait_until};

use super::fixture::{Fleet, LONG, READ, Running, forward, refuses, serves};
use crate::support::{forwarder, messages, ping, served_client};

/// A fleet whose instance runs a stable text with the forward `old`, as revision 1.
struct Stable {
    fleet: Fleet,
    instance: Running,
    listen: Port,
    target: Target,
    text: String,
}

impl Stable {
    fn start() -> Self {
        let (fleet, listen) = (Fleet::start(), Port::v4());
        let target = Target::start(Behaviour::Echo);
        let instance = fleet.instance();
        let text = forward("old", &listen, target.addr().tcp());
        fleet.records.publish(1, Some(&text), None);
        fleet.wait_for(1, InstanceState::Stable);
        Self { fleet, instance, listen, target, text }
    }

    /// Revision 2: tries a text with one forward more.
    fn try_more(&self, listen: &Port, hold: Duration) -> String {
        let more = self.text.clone() + &forward("new", listen, self.target.addr().tcp());
        self.fleet.records.publish(2, Some(&self.text), Some((&more, On::ALL, hold)));
        self.fleet.wait_for(2, InstanceState::Trying);
        more
    }
}

#[test]
fn a_trial_without_a_decision_ends_by_itself() {
    let (stable, new) = (Stable::start(), Port::v4());
    let client = served_client(&stable.listen);
    stable.try_more(&new, Duration::from_secs(1));
    assert!(serves(&new) && serves(&stable.listen));
    let status = stable.fleet.wait_for(2, InstanceState::FellBack);
    assert_eq!(status.runs, Some(TextHash::of(&stable.text)));
    assert!(!status.why.is_empty());
    assert_eq!(status.connects, Connects::default(), "those of the text before the trial");
    assert!(refuses(&new) && serves(&stable.listen));
    ping(&client);
    wait_until("a warning", READ, || {
        stable.instance.forwarder.count_lines(|line| line.contains("not confirmed: reverted")) > 0
    });
}

/// Its numbers change all the time, and each change is written.
#[test]
fn an_instance_with_clients_keeps_its_lease_through_a_trial() {
    const LEASE: Duration = Duration::from_secs(15);
    let (stable, new) = (Stable::start(), Port::v4());
    stable.try_more(&new, LONG);
    let begin = Instant::now();
    while begin.elapsed() < LEASE + Duration::from_secs(5) {
        assert!(serves(&new));
        let status = stable.fleet.status().expect("the status stays");
        assert_eq!(status.state, InstanceState::Trying);
        thread::sleep(Duration::from_millis(200));
    }
    assert!(stable.fleet.status().is_some_and(|it| it.connects.tried > 0));
}

#[test]
fn a_trial_that_its_publisher_takes_back_ends_at_once() {
    let (stable, new) = (Stable::start(), Port::v4());
    stable.try_more(&new, LONG);
    stable.fleet.records.publish(3, Some(&stable.text), None);
    let status = stable.fleet.wait_for(3, InstanceState::Stable);
    assert_eq!((status.runs, status.why.as_str()), (Some(TextHash::of(&stable.text)), ""));
    assert!(refuses(&new) && serves(&stable.listen));
}

#[test]
fn targets_that_fail_end_a_trial_with_their_numbers() {
    let stable = Stable::start();
    let nothing = Port::v4();
    let text = forward("old", &stable.listen, nothing.addr());
    stable.fleet.records.publish(2, Some(&stable.text), Some((&text, On::ALL, LONG)));
    stable.fleet.wait_for(2, InstanceState::Trying);
    let ended = || stable.fleet.status().is_some_and(|it| it.state == InstanceState::FellBack);
    wait_until("the trial to end", READ, || {
        // The verdict needs several failures; the number of connects to the target is not that of clients.
        (0..3).for_each(|_| drop(connect(&stable.listen)));
        thread::sleep(Duration::from_millis(100));
        ended()
    });
    let status = stable.fleet.status().unwrap();
    assert!(status.why.contains("connects to targets failed"), "{}", status.why);
    assert_eq!(status.runs, Some(TextHash::of(&stable.text)));
    assert!(serves(&stable.listen));
}

/// Each write of the key causes a reading, and each reading a step of the follower.
#[test]
fn a_key_that_is_written_all_the_time_does_not_postpone_the_end_of_a_trial() {
    let stable = Stable::start();
    let text = forward("old", &stable.listen, Port::v4().addr());
    let publish =
        || stable.fleet.records.publish(2, Some(&stable.text), Some((&text, On::ALL, LONG)));
    publish();
    stable.fleet.wait_for(2, InstanceState::Trying);
    let ended = || stable.fleet.status().is_some_and(|it| it.state == InstanceState::FellBack);
    wait_until("the trial to end", READ, || {
        (0..3).for_each(|_| drop(connect(&stable.listen)));
        publish();
        ended()
    });
    assert!(serves(&stable.listen));
}

/// Nine failures end no trial: six of them in the process image before, and so many after it.
#[test]
fn failures_before_and_after_an_upgrade_in_place_end_a_trial() {
    let stable = Stable::start();
    let text = forward("old", &stable.listen, Port::v4().addr());
    stable.fleet.records.publish(2, Some(&stable.text), Some((&text, On::ALL, LONG)));
    stable.fleet.wait_for(2, InstanceState::Trying);
    let fail = |times: u64| (0..times).for_each(|_| drop(connect(&stable.listen)));
    let failed = |at_least: u64| {
        let is_enough = |it: Instance| it.connects.failed >= at_least;
        wait_until("the failures in the status", READ, || {
            stable.fleet.status().is_some_and(is_enough)
        });
    };
    fail(6);
    failed(6);
    stable.instance.upgrade();
    fail(6);
    let status =
        stable.fleet.wait_within(READ, "the fall-back", |it| it.state == InstanceState::FellBack);
    assert!(status.why.starts_with("12 of 12 connects to targets failed"), "{}", status.why);
    assert_eq!(status.runs, Some(TextHash::of(&stable.text)));
    assert!(serves(&stable.listen));
}

#[test]
fn an_upgrade_in_place_goes_on_with_the_trial() {
    let (stable, new) = (Stable::start(), Port::v4());
    let more = stable.try_more(&new, LONG);
    let client = served_client(&new);
    stable.instance.upgrade();
    ping(&client);
    // A status that the next image has written.
    stable.fleet.records.publish(3, Some(&stable.text), Some((&more, On::ALL, LONG)));
    let status = stable.fleet.wait_for(3, InstanceState::Trying);
    assert_eq!(status.runs, Some(TextHash::of(&more)));
    stable.fleet.records.publish(4, Some(&more), None);
    stable.fleet.wait_for(4, InstanceState::Confirmed);
    assert!(serves(&new) && serves(&stable.listen));
    ping(&client);
    assert_eq!(messages(&stable.instance.forwarder, "upgraded").len(), 1);
}

#[test]
fn a_publisher_names_the_trial_of_an_operator_that_is_in_its_way() {
    let Stable { fleet, instance, listen, target, text } = Stable::start();
    instance.http.post("/v1/reload?confirm=60s").success();
    let new = forward("new", &Port::v4(), target.addr().tcp());
    let (file, url) = (fleet.file("new.toml", &new), fleet.url());
    let publisher = forwarder().args(["publish", &file, "--hold", "1s", "--from", &url]).run();
    assert_eq!(publisher.status.code(), Some(1), "{publisher}");
    let expected = "edge-1 does not run it within 6s; edge-1: generation ";
    assert!(publisher.stderr.contains(expected), "{publisher}");
    let reason = ", which an operator tries on this machine, has to be decided first";
    assert!(publisher.stderr.contains(reason), "{publisher}");
    let status = fleet.wait_for_text(&text, InstanceState::Stable);
    assert_eq!(status.revision, 3, "taken back");
    assert!(serves(&listen));
}
