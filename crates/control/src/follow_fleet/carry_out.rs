//! The actions of a [`Follower`](fleet::Follower), carried out.

use super::Task;
use super::process::{connects, ended};
use crate::handle::Gone;
use crate::supervisor::Supervisor;
use crate::supervisor::reload::{ReloadError, TrialBegin};
use fleet::{Action, Event, KeepState, PublishedText, Refusal, Store as _, TextHash, unpack};
use plan::Published;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

impl Task {
    pub(super) async fn carry_out(&mut self, action: Action) -> Result<Event, Gone> {
        Ok(match action {
            Action::Save(kept) => Event::Saved(self.save(kept).await),
            Action::Fetch(hash) => Event::Fetched(self.fetch(hash).await),
            Action::Apply { text, hold } => Event::Applied(self.apply(text, hold).await?),
            Action::Extend { revision, hold } => {
                let extend =
                    async move |it: &mut Supervisor| it.extend_published(revision, hold).await;
                if self.handle.run(extend).await? {
                    Event::Extended
                } else {
                    self.trial_ended().await?
                }
            }
            Action::Confirm => {
                let confirmed = self.handle.ask(Supervisor::confirm_published);
                if confirmed.await? { Event::Confirmed } else { self.trial_ended().await? }
            }
            Action::FallBack { why } => {
                let fall_back = async move |it: &mut Supervisor| {
                    it.fall_back_published(&why).await;
                    it.published().running
                };
                Event::FellBack { running: self.handle.run(fall_back).await? }
            }
        })
    }

    /// The trial has ended without an order of the follower.
    async fn trial_ended(&self) -> Result<Event, Gone> {
        Ok(ended(self.handle.ask(|it| it.published()).await?))
    }

    /// Writes to `keep` on a thread: a disk may take its time.
    async fn save(&self, kept: KeepState) -> Result<(), String> {
        let keep = Arc::clone(&self.keep);
        let saved = tokio::task::spawn_blocking(move || {
            // A thread that panicked has left files that the next save replaces.
            keep.lock().unwrap_or_else(PoisonError::into_inner).save(&kept)
        });
        let saved = saved.await.map_err(|error| error.to_string())?;
        saved.map_err(|error| error.to_string())
    }

    async fn fetch(&self, hash: TextHash) -> Result<Arc<str>, String> {
        let parts = self.client.list(&self.keys.text(&hash)).await;
        let parts = parts.map_err(|error| error.to_string())?.value;
        let text = tokio::task::spawn_blocking(move || {
            let parts: Vec<_> = parts.into_iter().map(|part| part.value).collect();
            unpack(hash, &parts)
        });
        match text.await {
            Ok(text) => text.map(Arc::from).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Compares a trial with the process at its begin.
    pub(super) fn follow_trial_begin(&mut self, begin: Option<TrialBegin>) {
        let Some(TrialBegin { connects, all, .. }) = begin else { return };
        self.judged = Arc::new(connects.begin.keys().cloned().collect());
        self.base = all;
    }

    async fn apply(
        &mut self,
        text: PublishedText,
        hold: Option<Duration>,
    ) -> Result<Result<(), Refusal>, Gone> {
        let PublishedText { hash, revision, text } = text;
        let published = Published { revision, hash: hash.to_string(), text };
        let mut check = std::mem::take(&mut self.connect_check);
        // In one turn of the supervisor: an upgrade must find the trial with its begin.
        let apply = async move |it: &mut Supervisor| {
            let (lost_listeners, counters) = (it.lost_listeners(), connects(it, None));
            let report = it.apply_published(published, hold).await;
            if let (Ok(report), true) = (&report, hold.is_some()) {
                check.begin(report.new_or_changed(), &counters);
                let connects = check.trial().cloned().unwrap_or_default();
                let all = counters.into_values().sum();
                it.set_trial_begin(TrialBegin { connects, all, lost_listeners });
            }
            (check, report.map(|_| it.trial_begin()))
        };
        let (check, report) = self.handle.run(apply).await?;
        self.connect_check = check;
        match report {
            Ok(begin) => {
                self.follow_trial_begin(begin);
                Ok(Ok(()))
            }
            Err(error) => {
                let why = error.one_line();
                Ok(Err(match error {
                    // Its advice is for an operator's reload. Readers of the store cannot confirm the trial.
                    ReloadError::OnTrial { generation, .. } => Refusal::Busy(format!(
                        "generation {generation}, which an operator tries on this machine, has to be decided first"
                    )),
                    ReloadError::Draining => Refusal::Busy(why),
                    _ => Refusal::Unfit(why),
                }))
            }
        }
    }
}
