//! The state of checks over reloads and upgrades, and their end.

use std::thread;
use std::time::Duration;

use testkit::{Addr, Behaviour, LIMIT, Port, Target, wait_until};

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
fn a_check_that_is_switched_off_leaves_its_target_up() {
    let (port, dead) = (Port::v4(), Port::v4());
    let refuse = "none_up = 'refuse'\non_refusal = 'fin'\n";
    let check = "check = { connect = true, every = '100ms', fall = 1 }";
    let operated = operated(&port, &[(&dead).into()], &format!("{refuse}{check}"));
    wait_for_states(&operated, &["down"]);
    operated.reload(config(&port, &[(&dead).into()], refuse));
    wait_for_states(&operated, &["up"]);
}
