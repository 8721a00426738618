//! Upgrade in place: the running process becomes another program, with the same number, every
//! listener and every session.
//!
//! ```text
//!   begin   open the program, write down configuration and listeners        (supervisor)
//!   check   run it as a child on that: can it go on with this?              (a thread)
//!   become  park the workers, write down everything, execve(2)              (supervisor)
//!   arrive  read it, take sessions and listeners over, serve                (the next image)
//! ```
//!
//! Until execve(2) has succeeded, whatever fails leaves the process as it was.

mod arrive;
pub(crate) use arrive::go_on;
pub use arrive::{Handover, check_handover};

mod become_image;

mod candidate;
pub(crate) use candidate::Wanted;

mod failure;
pub(crate) use failure::UpgradeError;

mod insist;
pub(crate) use insist::Insistence;

mod outcome;
pub(crate) use outcome::{Arrival, LastUpgrade};

mod protocol;

mod state;

use crate::supervisor::{Supervisor, SupervisorHandle};
use api::{EventName, Word};
use candidate::{Candidate, Check};
use observe::Version;
use std::time::{Duration, SystemTime};
use sys::exec::BlockedSignals;
use tokio::sync::oneshot;

/// Between the answer to whoever asked, and the end of all connections to the admin interface: who
/// watches is told in the meantime. Should it be too short, they see a closed connection, and the status of the next image tells.
const ANSWER_GRACE: Duration = Duration::from_millis(30);

/// Checks the program that is wanted, and has the process become it a moment later. Returns its
/// version.
pub(crate) async fn upgrade(
    handle: SupervisorHandle,
    wanted: Wanted,
    by: &'static str,
) -> Result<Version, UpgradeError> {
    let check = handle.ask(move |supervisor| supervisor.begin_upgrade(&wanted, by));
    let check = check.await.map_err(|_| UpgradeError::Draining)??;
    match run(check).await {
        Ok(candidate) => {
            let version = candidate.version.clone();
            let told = version.clone();
            let announce = handle.ask(move |supervisor| supervisor.announce_upgrade(by, told));
            announce.await.map_err(|_| UpgradeError::Draining)?;
            tokio::spawn(async move {
                // Whoever signals from now on is served by the next image, or by this one if it
                // stays. What came before is seen to in the time that follows.
                let _held = BlockedSignals::hold();
                tokio::time::sleep(ANSWER_GRACE).await;
                // If no task is taken, the process is about to end anyway.
                let _ = handle.ask(move |supervisor| supervisor.become_image(&candidate, by)).await;
            });
            Ok(version)
        }
        Err(error) => {
            let text = error.to_string();
            let tell = handle.ask(move |supervisor| supervisor.upgrade_failed(by, text));
            // Likewise.
            let _ = tell.await;
            Err(error)
        }
    }
}

/// In a thread of its own: it waits for a child.
async fn run(check: Check) -> Result<Candidate, UpgradeError> {
    let (sender, result) = oneshot::channel();
    let work = move || _ = sender.send(check.run());
    std::thread::Builder::new()
        .name("upgrade".into())
        .spawn(work)
        .map_err(|error| UpgradeError::Failed(format!("start a thread: {error}")))?;
    result.await.unwrap_or_else(|_| Err(UpgradeError::Failed("the check broke off".to_owned())))
}

impl Supervisor {
    /// Upgrades since the start.
    pub(crate) fn upgrades(&self) -> u64 {
        self.upgrades
    }

    /// Whether a program is being checked, or is about to replace this one.
    #[cfg(feature = "profile")]
    pub(crate) fn is_upgrading(&self) -> bool {
        self.upgrading
    }

    fn announce_upgrade(&self, by: &str, to: Version) {
        tracing::info!(by, from = %Version::of_program(), %to, "upgrading");
        self.events.tell(EventName::Upgrade, || api::Upgraded {
            by: Word::of(by),
            version: Some(to.number),
            build: to.build,
            error: None,
        });
    }

    /// The process stays what it is.
    fn upgrade_failed(&mut self, by: &str, error: String) {
        self.keep_journal();
        tracing::error!(by, error, "upgrade failed; nothing was changed");
        self.events.tell(EventName::Upgrade, || api::Upgraded {
            by: Word::of(by),
            version: None,
            build: None,
            error: Some(error.clone()),
        });
        self.upgrading = false;
        let by = by.to_owned();
        self.last_upgrade = Some(LastUpgrade { at: SystemTime::now(), by, result: Err(error) });
    }
}
