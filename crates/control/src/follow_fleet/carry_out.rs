//! What a [`Follower`](fleet::Follower) orders.

use super::{Task, connects};
use crate::handle::Gone;
use crate::supervisor::Supervisor;
use crate::supervisor::reload::ReloadError;
use fleet::{Action, Event, Good, Kept, Refusal, Store as _, TextHash, unpack};
use plan::Published;
use std::sync::Arc;
use std::time::Duration;

impl Task {
    pub(super) async fn carry_out(&mut self, action: Action) -> Result<Event, Gone> {
        Ok(match action {
            Action::Save(kept) => Event::Saved(self.save(kept).await),
            Action::Fetch(hash) => Event::Fetched(self.fetch(hash).await),
            Action::Apply { text, hold } => Event::Applied(self.apply(text, hold).await?),
            Action::Extend { hold, .. } => {
                Event::Extended(self.handle.ask(move |it| it.extend_published(hold)).await?)
            }
            Action::Confirm => {
                Event::Confirmed(self.handle.ask(Supervisor::confirm_published).await?)
            }
            Action::FallBack { why } => {
                let fall_back = async move |it: &mut Supervisor| it.fall_back_published(&why).await;
                self.handle.run(fall_back).await?;
                Event::FellBack
            }
        })
    }

    /// Writes to `keep` on a thread: a disk may take its time.
    async fn save(&mut self, kept: Kept) -> Result<(), String> {
        let Some(mut keep) = self.keep.take() else {
            return Err("the directory of the fleet is not open".to_owned());
        };
        let saved = tokio::task::spawn_blocking(move || {
            let result = keep.save(&kept).map_err(|error| error.to_string());
            (keep, result)
        });
        match saved.await {
            Ok((keep, result)) => {
                self.keep = Some(keep);
                result
            }
            Err(error) => Err(error.to_string()),
        }
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

    async fn apply(
        &mut self,
        text: Good,
        hold: Option<Duration>,
    ) -> Result<Result<(), Refusal>, Gone> {
        let before =
            self.handle.ask(|it| (it.published().lost_listener.is_some(), connects(it, None)));
        let (had_lost, counters) = before.await?;
        self.had_lost = had_lost;
        let Good { hash, revision, text } = text;
        let published = Published { revision, hash: hash.to_string(), text };
        let apply = async move |it: &mut Supervisor| it.apply_published(published, hold).await;
        match self.handle.run(apply).await? {
            Ok(report) => {
                if hold.is_some() {
                    let judged = report.new_or_changed();
                    self.judged = Arc::new(judged.iter().cloned().collect());
                    self.verdict.begin(judged, &counters);
                }
                Ok(Ok(()))
            }
            Err(error) => {
                let why = error.one_line();
                Ok(Err(match error {
                    ReloadError::OnTrial { .. } | ReloadError::Draining => Refusal::Busy(why),
                    _ => Refusal::Unfit(why),
                }))
            }
        }
    }
}
