//! Upgrades of a process, and waits for their results.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use testkit::{Forwarder, ForwarderBuilder, LIMIT, run, wait_for};

use crate::support::{BINARY, Config, Operated, messages};

/// Log message of a failed upgrade.
pub(super) const FAILED: &str = "upgrade failed; nothing was changed";

/// Path of an earlier version to upgrade from.
const OLD_BINARY: &str = "TRAFFIC_FORWARDER_OLD_BINARY";

/// The program to upgrade from: an earlier version if one is set, else the one under test.
pub(super) fn old_binary() -> PathBuf {
    env::var_os(OLD_BINARY).map_or_else(|| BINARY.into(), PathBuf::from)
}

pub(super) fn old_forwarder() -> ForwarderBuilder {
    Forwarder::binary(old_binary())
}

/// The version that the old program prints, with its build if it has one: `0.2.0 (abc1234)`.
#[track_caller]
pub(super) fn old_version() -> String {
    let printed = run(Command::new(old_binary()).arg("--version"), LIMIT).success().text();
    let version = printed.trim_end().strip_prefix("traffic-forwarder ");
    version.expect("the name of the program in front of its version").to_owned()
}

/// A process of the program to upgrade from.
#[track_caller]
pub(super) fn start(config: Config) -> Operated {
    Operated::start_from(old_forwarder(), config)
}

impl Operated {
    /// Upgrades to the program under test. Returns the log line about it.
    #[track_caller]
    pub(crate) fn upgrade(&self) -> Value {
        self.upgrade_to(BINARY)
    }

    /// Upgrades to this program.
    #[track_caller]
    pub(crate) fn upgrade_to(&self, binary: &str) -> Value {
        let before = arrivals(self).len();
        self.http.post(&format!("/v1/upgrade?binary={binary}")).status(202);
        wait_for_arrival(self, before)
    }

    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        self.http.json("/v1/status")
    }
}

/// The log lines about the upgrades so far.
pub(super) fn arrivals(forwarder: &Forwarder) -> Vec<Value> {
    messages(forwarder, "upgraded")
}

/// Waits for one more than `before`.
#[track_caller]
pub(super) fn wait_for_arrival(forwarder: &Forwarder, before: usize) -> Value {
    let arrived = || arrivals(forwarder).get(before).cloned();
    wait_for("the next image", LIMIT, || {
        let arrival = arrived();
        let ended = forwarder.exit_status();
        assert!(arrival.is_some() || ended.is_none(), "it ended instead: {ended:?}");
        arrival
    })
}
