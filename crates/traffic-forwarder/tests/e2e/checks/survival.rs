//! The state of checks over reloads and upgrades, and their end.

use std::thread;
use std::time::Duration;

use testkit::{Addr, Behaviour, LIMIT, Place, Port, Target, wait_until};

use super::{config, operated, targets, wait_for_states};
use crate::support::role::{PRIMARY, REPLICA, Role};
use crate::support::{BINARY, messages, served_client};

#[test]
fn a_state_survives_a_reload_and_an_upgrade() {
    let (port, at) = (Port::v4(), Port::v4());
    let (role, echo) = (Role::start(at.addr(), REPLICA), Target::start(Behaviour::Echo));
    let check = |rise: u32| {
        format!(
            "check = {{ http = '/', port = {}, every = '100ms', fall = 1, rise = {rise} }}\non_down = 'keep'",
            at.number()
        )
    };
    let addresses: [Addr; 1] = [(&echo).into()];
    let operated = operated(&port, &addresses, &check(1));
    wait_for_states(&operated, &["down"]);
    let before = targets(&operated)[0].clone();
    // From now on no result decides: the state can only be the old one.
    operated.reload(config(&port, &addresses, &check(100)));
    role.answer(PRIMARY);
    let asked = role.asked();
    wait_until("checks after the reload", LIMIT, || role.asked() > asked + 3);
    let after = targets(&operated)[0].clone();
    assert_eq!((&after["state"], &after["since"]), (&before["state"], &before["since"]));
    operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
    wait_until("the next image", LIMIT, || !messages(&operated, "upgraded").is_empty());
    let asked = role.asked();
    wait_until("checks after the upgrade", LIMIT, || role.asked() > asked + 3);
    let after = targets(&operated)[0].clone();
    assert_eq!(after["state"], "down", "{after}");
    assert_eq!((&after["since"], &after["why"]), (&before["since"], &before["why"]));
    let count = |target: &serde_json::Value| target["checks"]["failed"].as_u64().unwrap();
    assert!(count(&after) >= count(&before), "{after}");
    operated.reload(config(&port, &addresses, &check(1)));
    wait_for_states(&operated, &["up"]);
    served_client(&port);
}

#[test]
fn a_removed_forward_is_not_checked_any_more() {
    let (port, other, at) = (Port::v4(), Port::v4(), Port::v4());
    let (role, echo) = (Role::start(at.addr(), PRIMARY), Target::start(Behaviour::Echo));
    let check = "check = { http = '/', every = '100ms' }";
    let operated = operated(&port, &[at.addr().into()], check);
    wait_for_states(&operated, &["up"]);
    operated.reload(config(&other, &[(&echo).into()], ""));
    // One check may be on its way.
    thread::sleep(Duration::from_millis(200));
    let asked = role.asked();
    thread::sleep(Duration::from_millis(500));
    assert_eq!(role.asked(), asked);
    assert_eq!(targets(&operated)[0]["last_check"], serde_json::Value::Null);
}

#[test]
fn a_check_that_is_switched_off_leaves_its_target_in_use() {
    let (port, dead) = (Port::v4(), Port::v4());
    let refuse = "none_up = 'refuse'\non_refusal = 'fin'\n";
    let check = "check = { connect = true, every = '100ms', fall = 1 }";
    let operated = operated(&port, &[(&dead).into()], &format!("{refuse}{check}"));
    wait_for_states(&operated, &["down"]);
    operated.reload(config(&port, &[(&dead).into()], refuse));
    // A probe follows.
    wait_for_states(&operated, &["unreachable"]);
    assert_eq!(targets(&operated)[0]["why"], "connection refused", "of this state");
}

#[test]
fn a_target_and_a_check_that_a_reload_adds_are_followed() {
    let (port, at) = (Port::v4(), Port::v4());
    let (role, echo) = (Role::start(at.addr(), PRIMARY), Target::start(Behaviour::Echo));
    let check = "check = { http = '/', every = '100ms' }";
    let one: [Addr; 1] = [(&echo).into()];
    let operated = operated(&port, &one, "");
    assert_eq!(targets(&operated)[0]["last_check"], serde_json::Value::Null);
    let both: [Addr; 2] = [at.addr().into(), (&echo).into()];
    operated.reload(config(&port, &both, check));
    wait_until("checks of both", LIMIT, || {
        targets(&operated).iter().all(|target| target["last_check"].is_object())
    });
    assert!(role.asked() > 0);
}

/// Failed checks would need `fall`; the back-off would last an hour.
#[test]
fn good_checks_bring_back_a_target_that_clients_could_not_connect() {
    let (port, dead) = (Port::v4(), Port::v4());
    let echo = Target::start(Behaviour::Echo);
    let settings = "balance = 'first'\n\
         passive = { failures = 1, down = '1h', down_max = '1h' }\n\
         check = { connect = true, every = '100ms', fall = 100, rise = 2 }";
    let operated = operated(&port, &[(&dead).into(), (&echo).into()], settings);
    served_client(&port);
    wait_for_states(&operated, &["down", "up"]);
    let _back = Target::start_at(Place::At(dead.addr()), Behaviour::Echo);
    wait_for_states(&operated, &["up", "up"]);
}

/// A check that was not answered yet must not keep clients from a target that serves them.
#[test]
fn a_new_check_takes_no_target_from_its_clients() {
    let (port, at) = (Port::v4(), Port::v4());
    let (role, echo) = (Role::start(at.addr(), PRIMARY), Target::start(Behaviour::Echo));
    role.be_silent();
    let to: [Addr; 1] = [(&echo).into()];
    let operated = operated(&port, &to, "");
    served_client(&port);
    let check = format!(
        "check = {{ http = '/', port = {}, every = '100ms', timeout = '1s', fall = 100 }}",
        at.number()
    );
    operated.reload(config(&port, &to, &check));
    served_client(&port);
    wait_until("a check without an answer", LIMIT, || {
        targets(&operated)[0]["last_check"].is_object()
    });
    served_client(&port);
}
