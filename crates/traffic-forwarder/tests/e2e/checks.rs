//! Active checks: targets that fail them get no new sessions, and come back.

mod programs;
mod roles;
mod survival;

use serde_json::Value;
use testkit::{Addr, LIMIT, Port, wait_until};

use crate::support::{Config, Operated};

/// A forwarder with these targets and settings, whose checks come often.
fn operated(port: &Port, targets: &[Addr], settings: &str) -> Operated {
    Operated::start(config(port, targets, settings))
}

fn config(port: &Port, targets: &[Addr], settings: &str) -> Config {
    Config::new().forward_to_several(port.addr(), targets, format!("name = 'f'\n{settings}"))
}

/// The targets of the forward, as the admin interface shows them.
fn targets(operated: &Operated) -> Vec<Value> {
    operated.http.json("/v1/forwards/f")["targets"].as_array().cloned().unwrap()
}

/// Waits until the targets have these states.
#[track_caller]
fn wait_for_states(operated: &Operated, expected: &[&str]) {
    wait_until(&format!("the states {expected:?}"), LIMIT, || {
        targets(operated)
            .iter()
            .map(|target| target["state"].as_str().unwrap())
            .eq(expected.iter().copied())
    });
}
