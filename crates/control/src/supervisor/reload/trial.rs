//! Trials, carried out: reloads that fall back unless they are confirmed in time.
//!
//! Only a confirmation keeps the new configuration. Reloads during a trial do not change the
//! configuration to fall back to, and unattended ones do not change the deadline. Only the local file of a trial of the
//! fleet stays after a fall-back.

use super::restoring::Restoring;
use super::trials::{After, Before, NewTrial, NotConfirmed, Trial};
use super::{LastReload, ReloadError};
use crate::supervisor::Supervisor;
use engine::{ForwardState, ForwardView};
use plan::{Plan, Reading};
use std::collections::{BTreeSet, HashSet};
use std::time::{Instant, SystemTime};

/// Origin of a fall-back in logs and events: the time to confirm was over.
const UNCONFIRMED: &str = "unconfirmed";

impl Supervisor {
    /// Ends the trial and keeps the running configuration. `generation` may be `None` if the trial
    /// has had only one configuration.
    pub(crate) fn confirm(&mut self, generation: Option<u64>) -> Result<(), NotConfirmed> {
        self.trials.confirm(generation, self.generation)?;
        self.watch_names();
        tracing::info!(generation = self.generation, "configuration confirmed");
        Ok(())
    }

    /// Refuses a reload of an operator that a running trial excludes.
    pub(super) fn refuse_within_trial(&self, confirm: bool) -> Result<(), ReloadError> {
        self.trials.refuse_reload(confirm, self.generation, Instant::now())
    }

    /// Saves the running configuration for a trial.
    pub(super) fn before_reload(&self) -> Before<Plan> {
        let mut skipped = self.skipped();
        // A forward being restored must be retried after the next fall-back, too.
        let must_run = self.restoring.iter().flat_map(|restoring| &restoring.names);
        must_run.for_each(|name| _ = skipped.remove(name));
        let (drained, names) = (self.drained(), names_of(&self.plan));
        Before { plan: self.plan.clone(), skipped, drained, names }
    }

    /// Begins a trial or continues the current one, after `before` has been replaced. `back_to` is the configuration
    /// before the fleet's trial with the new local file.
    pub(super) fn follow_trial(
        &mut self,
        before: Before<Plan>,
        new: Option<NewTrial>,
        back_to: Option<Plan>,
    ) {
        let Before { plan, .. } = &before;
        let is_new = plan.text != self.plan.text || plan.published != self.plan.published;
        let after = After { generation: self.generation, is_new, back_to };
        self.trials.follow_reload(before, after, new, Instant::now());
    }

    /// The configuration to fall back to with the local file of `reading`, if a trial of the fleet runs: its end decides
    /// about the published text alone.
    ///
    /// # Errors
    ///
    /// The local file and the published text before the trial exclude each other.
    pub(super) async fn fall_back_with(
        &self,
        reading: &Reading,
    ) -> Result<Option<Plan>, ReloadError> {
        let (Some(trial), Some(new)) = (self.trials.of_fleet(), &reading.plan) else {
            return Ok(None);
        };
        let published = trial.back_to.published.clone();
        let input = plan::Input { published, ..self.input.clone() };
        let text = new.text.clone().unwrap_or_default();
        let reading = plan::read_text_and_files(&input, &text);
        let mut back_to = self.plan_of(reading, self.input.config.as_deref())?;
        self.resolve_listeners(&mut back_to, &trial.back_to).await?;
        Ok(Some(back_to))
    }

    /// Names of the drained forwards.
    fn drained(&self) -> BTreeSet<String> {
        let drained = |view: &ForwardView<'_>| view.state == ForwardState::Draining;
        self.engine.forwards().filter(drained).map(|view| view.plan.name.clone()).collect()
    }

    /// Falls back to the configuration before the trial, if the time to confirm is over. Skips and
    /// later retries forwards that cannot be bound. Does nothing during a shutdown: it would listen again.
    pub(crate) async fn fall_back_if_unconfirmed(&mut self, now: Instant) {
        if self.draining {
            return;
        }
        let Some(trial) = self.trials.take_unconfirmed(now) else { return };
        self.fall_back(trial, UNCONFIRMED, "no confirmation came in time").await;
    }

    /// Falls back to the configuration before `trial`.
    pub(super) async fn fall_back(&mut self, mut trial: Trial<Plan>, by: &str, why: &str) {
        let revision = trial.revision();
        let why = revision.map(|_| why);
        trial.note_drained(&names_of(&self.plan), self.drained());
        self.store.notifier.reloading();
        if revision.is_none() {
            // The file still has the unconfirmed configuration.
            self.watch.stop_retrying();
        }
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

fn names_of(plan: &Plan) -> HashSet<String> {
    plan.forwards.iter().map(|forward| forward.name.clone()).collect()
}
