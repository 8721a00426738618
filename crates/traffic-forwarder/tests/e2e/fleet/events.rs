//! Events of the fleet: each revision, each state and each silence of the store, in order.

use std::time::Duration;

use fleet::{InstanceState, On, TextHash};
use serde_json::{Value, json};
use testkit::{LIMIT, Port, ServerEvents, wait_until};

use super::fixture::{Fleet, LONG, READ, Running, forward};

/// The events of the fleet on a stream.
struct Watched(ServerEvents);

impl Watched {
    fn of(instance: &Running) -> Self {
        Self(instance.http.events("/v1/events?sessions=false", READ))
    }

    /// The next event of the fleet: its name, and its data.
    #[track_caller]
    fn next(&mut self) -> (String, Value) {
        loop {
            let event = self.0.next_event().expect("an open stream");
            if event.0.starts_with("fleet_") {
                return event;
            }
        }
    }

    #[track_caller]
    fn store(&mut self) -> Value {
        let (name, data) = self.next();
        assert_eq!(name, "fleet_store", "{data}");
        data
    }

    #[track_caller]
    fn revision(&mut self, before: u64, now: u64) {
        let before = if before == 0 { Value::Null } else { before.into() };
        let expected = json!({ "revision": now, "before": before });
        assert_eq!(self.next(), ("fleet_revision".to_owned(), expected));
    }

    /// The next event is another state. Returns its reason.
    #[track_caller]
    fn state(&mut self, before: &str, now: &str) -> String {
        let (name, data) = self.next();
        let states = (data["before"].as_str(), data["state"].as_str());
        assert_eq!((&*name, states), ("fleet_state", (Some(before), Some(now))), "{data}");
        data["why"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn each_revision_and_each_state_is_an_event_in_order() {
    let fleet = Fleet::start();
    let instance = fleet.instance();
    let mut events = Watched::of(&instance);
    let (listen, new) = (Port::v4(), Port::v4());
    let stable = forward("old", &listen, "127.0.0.1:1");
    let trial = stable.clone() + &forward("new", &new, "127.0.0.1:1");
    let taken = Port::v4();
    let holder = std::net::TcpListener::bind(taken.addr()).unwrap();
    let unfit = stable.clone() + &forward("taken", &taken, "127.0.0.1:1");

    fleet.records.publish(1, Some(&stable), None);
    // The instance may have read the empty store before or after the begin of the stream.
    let mut event = events.next();
    while event.0 != "fleet_revision" {
        event = events.next();
    }
    assert_eq!(event.1, json!({ "revision": 1, "before": null }));
    let (mut found, mut waits) = (events.next(), 0);
    while found.1["state"] == "waiting" {
        (found, waits) = (events.next(), waits + 1);
    }
    assert!(waits <= 1 && found.1["state"] == "stable", "{found:?}");

    fleet.records.publish(2, Some(&stable), Some((&trial, On::ALL, LONG)));
    events.revision(1, 2);
    assert_eq!(events.state("stable", "trying"), "");
    // Two at once: the trial ends, and the next one is refused.
    fleet.records.publish(3, Some(&stable), Some((&unfit, On::ALL, LONG)));
    events.revision(2, 3);
    assert_eq!(events.state("trying", "stable"), "");
    let why = events.state("stable", "refused");
    assert!(why.contains(&taken.addr().to_string()), "{why}");
    drop(holder);

    fleet.records.publish(4, Some(&stable), Some((&trial, On::ALL, Duration::from_secs(1))));
    events.revision(3, 4);
    assert_eq!(events.state("refused", "stable"), "");
    assert_eq!(events.state("stable", "trying"), "");
    fleet.records.publish(5, Some(&trial), None);
    events.revision(4, 5);
    assert_eq!(events.state("trying", "confirmed"), "");
    let status = fleet.wait_for(5, InstanceState::Confirmed);
    assert_eq!(status.runs, Some(TextHash::of(&trial)));
}

#[test]
fn a_silent_store_and_its_answer_are_events_and_so_is_a_reason_not_to_follow() {
    let mut fleet = Fleet::start();
    let instance = fleet.instance();
    let text = forward("old", &Port::v4(), "127.0.0.1:1");
    fleet.records.publish(7, Some(&text), None);
    fleet.wait_for(7, InstanceState::Stable);
    let mut events = Watched::of(&instance);
    fleet.cluster.kill_member(0);
    let silent = events.store();
    let (problem, view) = (silent["problem"].as_str().unwrap(), view(&instance));
    assert!(
        silent["up"] == false && problem.starts_with("no endpoint of the store answers"),
        "{silent}"
    );
    assert!(silent["read_at"].is_string() && silent["read_at"] == view["read_at"], "{view}");
    assert_eq!(view["store_up"], false, "the view is as new as the event");
    fleet.cluster.start_member(0);
    let again = events.store();
    assert!(again["up"] == true && again["problem"].is_null(), "{again}");
    assert!(again["read_at"].as_str() > silent["read_at"].as_str(), "{again}");

    fleet.records.publish(3, Some(&text), None);
    let why = events.state("stable", "stable");
    assert!(why.contains("the store went back to revision 3"), "{why}");
    wait_until("the status", LIMIT, || {
        let view = self::view(&instance);
        let revisions = ["revision", "current_revision", "running_revision"];
        revisions.map(|it| view[it].as_u64()) == [Some(7), Some(3), Some(7)]
    });
    fleet.records.publish(8, Some(&text), None);
    events.revision(7, 8);
    assert_eq!(events.state("stable", "stable"), "");
}

/// `fleet` of the status.
fn view(instance: &Running) -> Value {
    instance.http.json("/v1/status")["fleet"].clone()
}
