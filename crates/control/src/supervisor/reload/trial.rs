//! A reload that is taken back unless it is confirmed.
//!
//! Only a confirmation ends a trial in favour of the new configuration. Reloads within it keep the
//! configuration to fall back to and, if they are unattended, the deadline.

use super::state::{Restoring, Trial};
use super::{LastReload, ReloadError};
use crate::supervisor::Supervisor;
use engine::{ForwardState, ForwardView};
use plan::Plan;
use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant, SystemTime};

/// The origin of a fall-back, which no request started: the time to confirm was over.
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
    /// None is on trial.
    Nothing,
    /// Another generation is on trial than the one that was named.
    Other(u64),
    /// No generation was named, and there was more than one in this trial.
    Several(u64),
}

impl Supervisor {
    /// Keeps the configuration on trial: this generation, or the only one that there was.
    pub(crate) fn confirm(&mut self, generation: Option<u64>) -> Result<(), NotConfirmed> {
        let Some(trial) = &self.trial else { return Err(NotConfirmed::Nothing) };
        match generation {
            Some(named) if !(trial.first..=self.generation).contains(&named) => {
                return Err(NotConfirmed::Other(self.generation));
            }
            None if trial.replaced => return Err(NotConfirmed::Several(self.generation)),
            _ => {}
        }
        self.trial = None;
        tracing::info!(generation = self.generation, "configuration confirmed");
        Ok(())
    }

    /// Refuses a reload without `confirm`: it would leave the end of the trial undefined.
    pub(super) fn refuse_within_trial(&self) -> Result<(), ReloadError> {
        self.trial.as_ref().map_or(Ok(()), |trial| {
            Err(ReloadError::OnTrial { generation: self.generation, left: trial.left() })
        })
    }

    pub(super) fn before_reload(&self) -> Before {
        let mut skipped = self.skipped();
        // Forwards still to be restored are also missing after another fall-back.
        let must_run = self.restoring.iter().flat_map(|restoring| &restoring.names);
        must_run.for_each(|name| _ = skipped.remove(name));
        Before { plan: self.plan.clone(), skipped, drained: self.drained() }
    }

    /// Begins a trial or continues the current one, after `before` has been replaced.
    pub(super) fn follow_trial(&mut self, before: Before, confirm: Option<Duration>) {
        let Before { plan, skipped, drained } = before;
        let (until, first) = (confirm.map(|within| Instant::now() + within), self.generation);
        let Some(mut trial) = self.trial.take() else {
            let trial =
                |until| Trial { back_to: plan, skipped, drained, until, first, replaced: false };
            self.trial = until.map(trial);
            return;
        };
        trial.note_drained(&plan, drained);
        trial.until = until.unwrap_or(trial.until);
        if plan.text != self.plan.text {
            (trial.first, trial.replaced) = (first, true);
        }
        self.trial = Some(trial);
    }

    /// The names of the forwards that an operator drains.
    fn drained(&self) -> BTreeSet<String> {
        let drained = |view: &ForwardView<'_>| view.state == ForwardState::Draining;
        self.engine.forwards().filter(drained).map(|view| view.plan.name.clone()).collect()
    }

    /// Falls back to the configuration before the trial, if the time to confirm is over. Forwards that
    /// cannot be bound are skipped and retried.
    pub(crate) async fn fall_back_if_unconfirmed(&mut self, now: Instant) {
        let Some(mut trial) = self.trial.take_if(|trial| trial.until <= now) else { return };
        trial.note_drained(&self.plan, self.drained());
        self.store.notifier.reloading();
        // The file still holds the unconfirmed configuration.
        self.watch.give_up_retrying();
        let taken_back = self.generation;
        let unbound = self.go_back_to(trial.back_to, &trial.drained).await;
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
                "the new configuration was not confirmed: the one before it runs again"
            ),
            Some(error) => tracing::error!(
                generation = self.generation,
                taken_back,
                error,
                "the new configuration was not confirmed: the one before it runs again, without what cannot be bound; that is tried again"
            ),
        }
        self.last_reload =
            Some(LastReload { at: SystemTime::now(), by: UNCONFIRMED.to_owned(), error });
        self.tell_of_reload(UNCONFIRMED);
    }
}
