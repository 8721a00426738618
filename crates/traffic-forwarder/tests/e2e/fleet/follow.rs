//! Revisions that an instance follows, and stores that it does not.

use fleet::{InstanceState, On, TextHash};
use rustix::process::Signal;
use testkit::{Behaviour, LIMIT, Port, Target, wait_until};

use super::fixture::{Fleet, LONG, NAME, READ, forward, refuses, serves};
use crate::support::{ping, served_client};

#[test]
fn the_first_text_is_tried_and_confirmed_and_its_successor_cuts_no_session() {
    let fleet = Fleet::start();
    let (first, second) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let instance = fleet.instance();
    instance.http.get("/readyz").status(503);
    let text = forward("first", &first, target.addr().tcp());
    fleet.records.publish(1, None, Some((&text, On::ALL, LONG)));
    let status = fleet.wait_for(1, InstanceState::Trying);
    assert_eq!((status.runs, status.why.as_str()), (Some(TextHash::of(&text)), ""));
    let client = served_client(&first);
    fleet.records.publish(2, Some(&text), None);
    fleet.wait_for(2, InstanceState::Confirmed);
    instance.http.get("/readyz").status(200);
    let more = text.clone() + &forward("second", &second, target.addr().tcp());
    fleet.records.publish(3, Some(&more), None);
    let status = fleet.wait_for(3, InstanceState::Stable);
    assert_eq!(status.runs, Some(TextHash::of(&more)));
    assert!(serves(&first) && serves(&second));
    ping(&client);
    // A canary elsewhere concerns this instance only by its revision.
    let other = On::Named(vec!["edge-2".to_owned()]);
    fleet.records.publish(4, Some(&more), Some((&text, other, LONG)));
    let status = fleet.wait_for(4, InstanceState::Stable);
    assert_eq!(status.runs, Some(TextHash::of(&more)));
    assert!(serves(&second));
    ping(&client);
}

#[test]
fn a_port_that_is_taken_refuses_the_text_until_it_is_free() {
    let fleet = Fleet::start();
    let (old, taken) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let _instance = fleet.instance();
    let text = forward("old", &old, target.addr().tcp());
    fleet.records.publish(1, Some(&text), None);
    fleet.wait_for(1, InstanceState::Stable);
    let other = std::net::TcpListener::bind(taken.addr()).unwrap();
    let more = text.clone() + &forward("taken", &taken, target.addr().tcp());
    fleet.records.publish(2, Some(&text), Some((&more, On::ALL, LONG)));
    let status = fleet.wait_for(2, InstanceState::Refused);
    assert_eq!(status.runs, Some(TextHash::of(&text)));
    assert!(status.why.contains(&taken.addr().to_string()), "{}", status.why);
    assert!(serves(&old));
    // A stable text is tried again at each reading.
    fleet.records.publish(3, Some(&more), None);
    let status = fleet.wait_for(3, InstanceState::Refused);
    assert_eq!(status.runs, Some(TextHash::of(&text)));
    drop(other);
    fleet.wait_for(3, InstanceState::Stable);
    assert!(serves(&old) && serves(&taken));
}

#[test]
fn a_store_that_went_back_changes_nothing_until_a_new_revision() {
    let fleet = Fleet::start();
    let (old, new) = (Port::v4(), Port::v4());
    let target = Target::start(Behaviour::Echo);
    let _instance = fleet.instance();
    let [old_text, new_text] =
        [("old", &old), ("new", &new)].map(|it| forward(it.0, it.1, target.addr().tcp()));
    fleet.records.publish(5, Some(&new_text), None);
    fleet.wait_for(5, InstanceState::Stable);
    fleet.records.publish(3, Some(&old_text), None);
    let status = fleet.wait_within(READ, "the report", |it| !it.why.is_empty());
    assert!(status.why.contains("went back to revision 3"), "{}", status.why);
    assert_eq!((status.revision, status.runs), (5, Some(TextHash::of(&new_text))));
    assert!(serves(&new) && refuses(&old));
    fleet.records.publish(6, Some(&old_text), None);
    let status = fleet.wait_for(6, InstanceState::Stable);
    assert_eq!(status.why, "");
    assert!(serves(&old) && refuses(&new));
}

#[test]
fn an_orderly_shutdown_removes_the_status() {
    let fleet = Fleet::start();
    let instance = fleet.instance();
    wait_until("the first status", READ, || fleet.status().is_some());
    instance.forwarder.signal(Signal::TERM);
    let exit = instance.forwarder.wait_exit(LIMIT);
    assert!(exit.success(), "{exit}");
    // Sooner than the lease ends.
    assert!(fleet.status().is_none(), "{NAME}");
}
