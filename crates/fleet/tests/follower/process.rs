//! A process as its supervisor presents it, and the disk of `keep`.

use fleet::{KeepState, PublishedText, Running, TextHash};
use std::time::Duration;

/// Time beyond the hold until a trial without a decision ends.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Process {
    pub(crate) running: Option<PublishedText>,
    /// The text before the trial, and the end of the trial.
    pub(crate) trial: Option<(Option<PublishedText>, Duration)>,
    pub(crate) disk: Option<KeepState>,
}

impl Process {
    pub(crate) fn apply(&mut self, text: PublishedText, hold: Option<Duration>, now: Duration) {
        assert!(self.trial.is_none(), "a text is applied during a trial");
        let before = self.running.replace(text);
        self.trial = hold.map(|hold| (before, now + hold + GRACE));
    }

    pub(crate) fn extend(&mut self, hold: Duration, now: Duration) -> bool {
        let until = self.trial.as_mut().map(|(_, until)| *until = now + hold + GRACE);
        until.is_some()
    }

    pub(crate) fn confirm(&mut self) -> bool {
        self.trial.take().is_some()
    }

    pub(crate) fn fall_back(&mut self) {
        if let Some((before, _)) = self.trial.take() {
            self.running = before;
        }
    }

    /// Falls back at the end of the time. Returns whether it did.
    pub(crate) fn end_trial_if_due(&mut self, now: Duration) -> bool {
        let is_due = self.trial.as_ref().is_some_and(|(_, until)| *until <= now);
        if is_due {
            self.fall_back();
        }
        is_due
    }

    /// Starts again from the disk.
    pub(crate) fn restart(&mut self) {
        self.trial = None;
        self.running = self.disk.as_ref().and_then(|kept| kept.good.clone());
    }

    pub(crate) fn view(&self) -> Running {
        let text = self.running.clone();
        match (&self.trial, text) {
            (Some((before, _)), Some(text)) => Running::OnTrial { text, before: before.clone() },
            (_, text) => Running::Settled { text, ended: None },
        }
    }

    pub(crate) fn hash(&self) -> Option<TextHash> {
        self.running.as_ref().map(|good| good.hash)
    }
}
