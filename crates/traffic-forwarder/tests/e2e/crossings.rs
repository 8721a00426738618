//! Each setting and each state at run time, over a reload, its fall-back, an upgrade, and a
//! fall-back after an upgrade: the tables of `docs/reload.md`, cell by cell.

mod settings;
mod states;
mod trials;
mod values;
mod watching;

use testkit::crossings::Crossing;
use testkit::{LIMIT, wait_until};

use crate::support::{Config, Operated};

/// A trial long enough for an upgrade on a busy machine.
const TRIAL: &str = "/v1/reload?confirm=3s";

impl Operated {
    /// Makes this transition to `config` and waits for its completion.
    #[track_caller]
    pub(super) fn cross(&self, crossing: Crossing, to: Config) {
        self.write(to);
        self.cross_to_file(crossing, || ());
    }

    /// Makes this transition to the file's current content. Calls `midway` after the reload.
    #[track_caller]
    pub(super) fn cross_to_file(&self, crossing: Crossing, midway: impl FnOnce()) {
        let falls_back = matches!(crossing, Crossing::FallBack | Crossing::FallBackAfterUpgrade);
        let report = self.http.post(if falls_back { TRIAL } else { "/v1/reload" }).success();
        midway();
        if matches!(crossing, Crossing::Upgrade | Crossing::FallBackAfterUpgrade) {
            self.upgrade();
        }
        if falls_back {
            self.wait_for_fall_back(report.json()["generation"].as_u64().unwrap());
        }
    }

    /// Waits until the trial of this generation is over.
    #[track_caller]
    pub(super) fn wait_for_fall_back(&self, generation: u64) {
        wait_until("the fall-back", LIMIT, || {
            let status = self.status();
            let is_over = status["confirm_within"].is_null();
            is_over && status["generation"].as_u64().unwrap() > generation
        });
        assert_eq!(self.status()["last_reload"]["by"], "unconfirmed");
    }
}
