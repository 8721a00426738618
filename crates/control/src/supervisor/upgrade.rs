//! Upgrade in place: the process executes another program, and keeps its process id, every listener
//! and every session.
//!
//! ```text
//!   begin   open the program, save configuration and listeners              (supervisor)
//!   check   run it as a child that validates this state                     (a thread)
//!   become  park the workers, save the whole state, execve(2)               (supervisor)
//!   resume  read the state, restore sessions and listeners, serve           (the next image)
//! ```
//!
//! Until execve(2) has succeeded, any failure leaves the process as it was.

mod become_image;

mod candidate;
pub(crate) use candidate::UpgradeOptions;

mod handover_check;
pub use handover_check::{HandoverRefusal, check_handover};

mod failure;
use failure::StepError;
pub(crate) use failure::UpgradeError;

mod outcome;
pub(crate) use outcome::{Arrival, LastUpgrade, Upgrades};

mod protocol;

mod resume;
pub use resume::Handover;
pub(crate) use resume::resume;

mod retry;
pub(crate) use retry::RetryPolicy;

mod state;
mod trial_begin;

#[cfg(test)]
pub(crate) use resume::next_image;

use crate::supervisor::{Supervisor, SupervisorHandle};
use api::{EventName, Word};
use candidate::{Candidate, CandidateCheck};
use observe::Version;
use std::time::{Duration, SystemTime};
use sys::exec::BlockedSignals;
use tokio::sync::oneshot;

/// Time between the answer to the caller and the end of all admin connections, in which watchers
/// receive the `upgrade` event. A slow watcher sees a closed connection only, and finds the result
/// in the status.
const ANSWER_GRACE: Duration = Duration::from_millis(30);

/// Checks the program, and replaces the process image a moment later. Returns the new version.
pub(crate) async fn upgrade(
    handle: SupervisorHandle,
    options: UpgradeOptions,
    by: &'static str,
) -> Result<Version, UpgradeError> {
    let check = handle.ask(move |supervisor| supervisor.begin_upgrade(&options, by));
    let check = check.await.map_err(|_| UpgradeError::Draining)??;
    match run(check).await {
        Ok(candidate) => {
            let version = candidate.version.clone();
            let to = version.clone();
            let publish = handle.ask(move |supervisor| supervisor.publish_upgrade(by, to));
            publish.await.map_err(|_| UpgradeError::Draining)?;
            tokio::spawn(async move {
                // Signals from now on stay pending for the next image, or for this one if it stays.
                // Earlier ones are handled during the grace time.
                let _held = BlockedSignals::hold();
                tokio::time::sleep(ANSWER_GRACE).await;
                // Fails only if the process is about to end.
                let _ = handle.ask(move |supervisor| supervisor.become_image(&candidate, by)).await;
            });
            Ok(version)
        }
        Err(error) => {
            let text = error.to_string();
            // Fails only if the process is about to end.
            let _ = handle.ask(move |supervisor| supervisor.upgrade_failed(by, text)).await;
            Err(error)
        }
    }
}

/// Runs the check in a new thread, because it waits for a child.
async fn run(check: CandidateCheck) -> Result<Candidate, UpgradeError> {
    let (sender, result) = oneshot::channel();
    let work = move || _ = sender.send(check.run());
    std::thread::Builder::new()
        .name("upgrade".into())
        .spawn(work)
        .map_err(|error| UpgradeError::failed("start a thread", error))?;
    let no_result = || UpgradeError::failed("check the program", StepError::NoResult);
    result.await.unwrap_or_else(|_| Err(no_result()))
}

impl Supervisor {
    /// Upgrades in place since the start.
    pub(crate) fn upgrades(&self) -> u64 {
        self.upgrades.count
    }

    /// Whether a program is being checked, or is about to replace this one.
    #[cfg(feature = "profile")]
    pub(crate) fn is_upgrading(&self) -> bool {
        self.upgrades.is_running
    }

    /// Logs and publishes the begin of an upgrade to a checked program.
    fn publish_upgrade(&self, by: &str, to: Version) {
        tracing::info!(by, from = %Version::of_program(), %to, "upgrading");
        self.reporting.events.publish(EventName::Upgrade, || api::Upgraded {
            by: Word::of(by),
            version: Some(to.number),
            build: to.build,
            error: None,
        });
    }

    /// Records, logs and publishes that the process image stays.
    fn upgrade_failed(&mut self, by: &str, error: String) {
        self.keep_journal();
        tracing::error!(by, error, "upgrade failed; nothing was changed");
        self.reporting.events.publish(EventName::Upgrade, || api::Upgraded {
            by: Word::of(by),
            version: None,
            build: None,
            error: Some(error.clone()),
        });
        self.upgrades.is_running = false;
        let by = by.to_owned();
        self.upgrades.last = Some(LastUpgrade { at: SystemTime::now(), by, result: Err(error) });
    }
}
