//! Published texts of a fleet, which run beside the local file: applied as a reload, on a trial that the fleet owns.
//!
//! The local file is not read again: its running text is merged with the new published one, and a reload of the file
//! merges the new file with the running published text. So neither waits for the other to be right.

mod status;
pub(crate) use status::{FleetStatus, KeepStatus};

use super::outcome::{Requester, log_refusal, log_reload};
use super::restoring::Restoring;
use super::trials::{EndedTrial, NewTrial, TrialBegin};
use super::{ReloadError, ReloadReport};
use crate::supervisor::Supervisor;
use fleet::{PublishedText, Running, TextHash};
use plan::Published;
use std::time::{Duration, Instant};

/// Origin of published texts in logs and events.
const FLEET: &str = "fleet";

/// The fleet for views, and for the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct FleetViews {
    /// The fleet as the task that follows its store sees it.
    status: Option<FleetStatus>,
    /// Why the last text was refused; a refusal is logged once.
    refused: Option<(u64, String)>,
}

/// The published text as it runs.
#[derive(Clone, Debug)]
pub(crate) struct PublishedView {
    /// The running text.
    pub(crate) running: Option<PublishedText>,
    /// Time left of its trial, if it is on trial.
    pub(crate) on_trial: Option<Duration>,
    /// The published text before that trial.
    pub(crate) before: Option<PublishedText>,
    /// How the last trial ended, if it was not confirmed.
    pub(crate) ended: Option<EndedTrial>,
}

impl PublishedView {
    /// The text and its trial, as a [`Follower`](fleet::Follower) begins with them.
    pub(crate) fn standing(self) -> Running {
        match self.running {
            Some(text) if self.on_trial.is_some() => Running::OnTrial { text, before: self.before },
            text => {
                let ended = self.ended.map(|ended| (ended.revision, ended.how.to_string()));
                Running::Settled { text, ended }
            }
        }
    }
}

impl Supervisor {
    /// Runs the local forwards with those of `published`. With `hold`, the text is on trial, and falls back 10 s after
    /// that time. A trial of another text falls back first, so that only a text that was kept is fallen back to.
    ///
    /// # Errors
    ///
    /// The text is wrong on this machine or cannot run now, an operator's trial runs, or the process shuts down.
    /// Nothing has changed then.
    pub(crate) async fn apply_published(
        &mut self,
        published: Published,
        hold: Option<Duration>,
    ) -> Result<ReloadReport, ReloadError> {
        if self.draining {
            return Err(ReloadError::Draining);
        }
        let now = Instant::now();
        self.fall_back_if_unconfirmed(now).await;
        self.trials.refuse_published(self.generation, now)?;
        let why = format!("revision {} is another text", published.revision);
        self.fall_back_published(&why).await;
        self.store.notifier.reloading();
        let revision = published.revision;
        let result = self.try_published(published, hold).await;
        sys::release_free_memory();
        self.conclude_published(revision, &result);
        result
    }

    async fn try_published(
        &mut self,
        published: Published,
        hold: Option<Duration>,
    ) -> Result<ReloadReport, ReloadError> {
        let trial = hold.map(|hold| NewTrial::of_fleet(published.revision, hold));
        let text = self.plan.text.clone().unwrap_or_default();
        let input = plan::Input { published: Some(published), ..self.input.clone() };
        let reading = plan::read_text_and_files(&input, &text);
        let prefix_files = reading.prefix_files.clone();
        let report = self.apply_reading(reading, trial, None).await?;
        self.watch.were_read(prefix_files);
        self.trials.forget_end();
        Ok(report)
    }

    /// Logs and publishes the result. A text that is refused again for the same reason is not logged again: the
    /// fleet's next reading of its store tries it again.
    fn conclude_published(&mut self, revision: u64, result: &Result<ReloadReport, ReloadError>) {
        let refused = result.as_ref().err().map(|error| (revision, error.one_line()));
        if refused.is_some() && refused == self.fleet.refused {
            return self.notify_manager();
        }
        self.fleet.refused = refused;
        let by = Requester::new(FLEET);
        match result {
            Err(error) if error.is_refusal() => {
                log_refusal(by, error);
                self.notify_manager();
            }
            _ => {
                tracing::info!(revision, "published configuration");
                self.note_reload(FLEET, result);
                log_reload(by, result, self.confirm_within());
                self.publish_reload(FLEET);
            }
        }
    }

    /// Gives the fleet's trial another `hold`, and 10 s: it is that of `revision` now. Returns false if none runs. One
    /// whose time is over has fallen back then.
    pub(crate) async fn extend_published(&mut self, revision: u64, hold: Duration) -> bool {
        let now = Instant::now();
        self.fall_back_if_unconfirmed(now).await;
        self.trials.extend(revision, hold, now)
    }

    /// Keeps the text on trial. Returns false if none is.
    pub(crate) fn confirm_published(&mut self) -> bool {
        let Some(revision) = self.trials.confirm_published() else { return false };
        self.watch_names();
        tracing::info!(revision, generation = self.generation, "published configuration confirmed");
        true
    }

    /// Takes the text on trial back at once. Returns false if none is, or during a shutdown: it would listen again.
    pub(crate) async fn fall_back_published(&mut self, why: &str) -> bool {
        if self.draining {
            return false;
        }
        let Some(trial) = self.trials.take_back(why) else { return false };
        self.fall_back(trial, FLEET, why).await;
        true
    }

    /// The published text as it runs.
    pub(crate) fn published(&self) -> PublishedView {
        let of = |it: &Published| {
            let hash: TextHash = it.hash.parse().ok()?;
            Some(PublishedText { hash, revision: it.revision, text: it.text.clone() })
        };
        let running = self.plan.published.as_ref().and_then(of);
        let trial = self.trials.of_fleet();
        PublishedView {
            running,
            on_trial: trial.map(|trial| trial.left(Instant::now())),
            before: trial.and_then(|trial| trial.back_to.published.as_ref()).and_then(of),
            ended: self.trials.ended().cloned(),
        }
    }

    /// Listeners that do not accept although they should, in words.
    pub(crate) fn lost_listeners(&self) -> Vec<String> {
        let lost = self.lost_files().into_iter();
        let lost =
            lost.map(|(name, listen)| format!("the file of {listen} (forward {name}) is gone"));
        let unbound = self.restoring.iter().flat_map(|it| &it.names);
        let unbound = unbound.map(|name| format!("forward {name} cannot be bound"));
        let mut all: Vec<_> = lost.chain(unbound).collect();
        all.sort();
        all
    }

    /// A listener that has accepted since the begin of the fleet's trial, and does not now.
    pub(crate) fn lost_in_trial(&mut self) -> Option<String> {
        self.trials.of_fleet()?;
        let lost = self.lost_listeners();
        self.trials.lost_listener(&lost)
    }

    /// Records the begin of the fleet's trial, which an upgrade in place carries over.
    pub(crate) fn set_trial_begin(&mut self, begin: TrialBegin) {
        let lost = self.lost_listeners();
        self.trials.set_begin(begin, &lost);
    }

    /// The begin of the fleet's trial.
    pub(crate) fn trial_begin(&self) -> Option<TrialBegin> {
        self.trials.running().and_then(|trial| trial.begin.clone())
    }

    /// The fleet of this process: its name and directory are those of the start.
    pub(crate) fn fleet_settings(&self) -> Option<plan::Fleet> {
        self.in_force.fleet(&self.plan)
    }

    /// Whether the process has all its forwards: one of a fleet has none of them before its first published text.
    pub(crate) fn has_text(&self) -> bool {
        self.in_force.fleet.is_none() || self.plan.published.is_some()
    }

    /// Tries the published forwards again that a start could not bind.
    pub(crate) fn restore_published(&mut self) {
        let names = self.plan.forwards.iter().filter(|forward| self.plan.is_published(forward));
        let names = names.map(|forward| forward.name.clone()).collect();
        self.restoring = Restoring::new(self.still_skipped(&names));
    }

    /// The sources of a reload of the local file: it is merged with the running published text.
    pub(super) fn local_input(&self) -> plan::Input {
        plan::Input { published: self.plan.published.clone(), ..self.input.clone() }
    }
}

#[cfg(test)]
mod tests;
