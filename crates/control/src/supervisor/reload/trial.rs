//! Trials: reloads that fall back unless they are confirmed in time.
//!
//! Only a confirmation keeps the new configuration. Reloads during a trial do not change the
//! configuration to fall back to, and unattended ones do not change the deadline.

use super::published::{EndedTrial, TrialEnd};
use super::state::{NewTrial, Restoring, Trial, TrialOwner};
use super::{LastReload, ReloadError};
use crate::supervisor::Supervisor;
use engine::{ForwardState, ForwardView};
use plan::Plan;
use std::collections::{BTreeSet, HashSet};
use std::time::{Instant, SystemTime};

/// Origin of a fall-back in logs and events: the time to confirm was over.
const UNCONFIRMED: &str = "unconfirmed";

/// The running configuration when a reload begins.
pub(super) struct Before {
    plan: Plan,
    skipped: HashSet<String>,
    drained: BTreeSet<String>,
}

/// Why a configuration was not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotConfirmed {
    /// No configuration is on trial.
    Nothing,
    /// This revision of the fleet is on trial, which its publisher confirms.
    OfFleet(u64),
    /// The named generation is not on trial; this one is.
    Other(u64),
    /// No generation was named, and the trial has had several. The last is this one.
    Several(u64),
}

impl Supervisor {
    /// Ends the trial and keeps the running configuration. `generation` may be `None` if the trial
    /// has had only one configuration.
    pub(crate) fn confirm(&mut self, generation: Option<u64>) -> Result<(), NotConfirmed> {
        let Some(trial) = &self.trial else { return Err(NotConfirmed::Nothing) };
        if let TrialOwner::Fleet { revision } = trial.owner {
            return Err(NotConfirmed::OfFleet(revision));
        }
        match generation {
            Some(named) if !(trial.first..=self.generation).contains(&named) => {
                return Err(NotConfirmed::Other(self.generation));
            }
            None if trial.replaced => return Err(NotConfirmed::Several(self.generation)),
            _ => {}
        }
        self.trial = None;
        self.watch_names();
        tracing::info!(generation = self.generation, "configuration confirmed");
        Ok(())
    }

    /// Refuses a reload without `confirm` during a trial: the end of the trial would be undefined. A trial of the
    /// fleet takes no reload of an operator at all: its end would decide on both.
    pub(super) fn refuse_within_trial(&self, confirm: bool) -> Result<(), ReloadError> {
        let Some(trial) = &self.trial else { return Ok(()) };
        let left = trial.left();
        match trial.owner {
            TrialOwner::Fleet { revision } => Err(ReloadError::FleetTrial { revision, left }),
            TrialOwner::Operator if confirm => Ok(()),
            TrialOwner::Operator => Err(ReloadError::OnTrial { generation: self.generation, left }),
        }
    }

    /// Saves the running configuration for a trial.
    pub(super) fn before_reload(&self) -> Before {
        let mut skipped = self.skipped();
        // A forward being restored must be retried after the next fall-back, too.
        let must_run = self.restoring.iter().flat_map(|restoring| &restoring.names);
        must_run.for_each(|name| _ = skipped.remove(name));
        Before { plan: self.plan.clone(), skipped, drained: self.drained() }
    }

    /// Begins a trial or continues the current one, after `before` has been replaced.
    pub(super) fn follow_trial(&mut self, before: Before, new: Option<NewTrial>) {
        let Before { plan, skipped, drained } = before;
        let until = new.map(|new| Instant::now() + new.within);
        let first = self.generation;
        let Some(mut trial) = self.trial.take() else {
            let owner = new.map(|new| new.owner);
            self.trial = until.zip(owner).map(|(until, owner)| Trial {
                back_to: plan,
                skipped,
                drained,
                owner,
                until,
                first,
                replaced: false,
                begin: None,
            });
            return;
        };
        trial.note_drained(&plan, drained);
        trial.until = until.unwrap_or(trial.until);
        if plan.text != self.plan.text || plan.published != self.plan.published {
            (trial.first, trial.replaced) = (first, true);
        }
        self.trial = Some(trial);
    }

    /// Names of the drained forwards.
    fn drained(&self) -> BTreeSet<String> {
        let drained = |view: &ForwardView<'_>| view.state == ForwardState::Draining;
        self.engine.forwards().filter(drained).map(|view| view.plan.name.clone()).collect()
    }

    /// Falls back to the configuration before the trial, if the time to confirm is over. Skips and
    /// later retries forwards that cannot be bound.
    pub(crate) async fn fall_back_if_unconfirmed(&mut self, now: Instant) {
        let Some(trial) = self.trial.take_if(|trial| trial.until <= now) else { return };
        if let TrialOwner::Fleet { revision } = trial.owner {
            self.fleet.ended = Some(EndedTrial { revision, how: TrialEnd::Deadline });
        }
        self.fall_back(trial, UNCONFIRMED, "no confirmation came in time").await;
    }

    /// Falls back to the configuration before `trial`.
    pub(super) async fn fall_back(&mut self, mut trial: Trial, by: &str, why: &str) {
        let revision = match trial.owner {
            TrialOwner::Operator => None,
            TrialOwner::Fleet { revision } => Some(revision),
        };
        let why = revision.map(|_| why);
        trial.note_drained(&self.plan, self.drained());
        self.store.notifier.reloading();
        // The file still has the unconfirmed configuration.
        self.watch.stop_retrying();
        let taken_back = self.generation;
        let unbound = self.go_back_to(trial.back_to, &trial.drained).await;
        self.watch_names();
        sys::release_free_memory();
        let missing =
            unbound.iter().map(|(name, _)| name).filter(|it| !trial.skipped.contains(*it));
        self.restoring = Restoring::new(missing.cloned().collect());
        let missing = self.restoring.as_ref().map_or(0, |restoring| restoring.names.len());
        let error = unbound.iter().find(|(name, _)| !trial.skipped.contains(name));
        let error = error.map(|(_, error)| match missing {
            1 => format!("1 forward cannot be bound yet: {error}"),
            more => format!("{more} forwards cannot be bound yet; the first: {error}"),
        });
        match &error {
            None => tracing::warn!(
                generation = self.generation,
                taken_back,
                revision,
                why,
                "the new configuration was not confirmed: reverted to the previous one"
            ),
            Some(error) => tracing::error!(
                generation = self.generation,
                taken_back,
                revision,
                why,
                error,
                "the new configuration was not confirmed: reverted to the previous one, except forwards that cannot be bound; they are tried again"
            ),
        }
        self.last_reload = Some(LastReload { at: SystemTime::now(), by: by.to_owned(), error });
        self.publish_reload(by);
    }
}
