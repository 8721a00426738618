//! The course of a trial, and its end.

use super::{Action, Follower, Moment};
use crate::keep::{Ended, PublishedText};
use crate::model::{Current, InstanceState, TextHash, Trial};
use std::time::Duration;

/// Time beyond the hold in which an instance falls back without a decision.
const GRACE: Duration = Duration::from_secs(10);

/// Whether a trial that is new here may be over elsewhere: between two readings so far apart, instances can have begun it
/// and have fallen back, and no publisher may be left to decide on it.
pub(super) fn is_late(trial: &Trial, last_read: Option<Duration>, now: Duration) -> bool {
    last_read.is_none_or(|at| now.saturating_sub(at) > trial.hold + GRACE)
}

impl Follower {
    /// The next action of a running trial.
    pub(super) fn decide_trial(&mut self) -> Option<Action> {
        if let Some(why) = &self.trial_fault {
            return Some(Action::FallBack { why: why.clone() });
        }
        let (trial, current) = (self.trial?, self.current.as_ref()?);
        match current.trial_for(&self.name).filter(|it| it.text == trial.text) {
            Some(_) if trial.revision == current.revision => None,
            Some(next) => Some(Action::Extend { revision: current.revision, hold: next.hold }),
            None if current.stable == Some(trial.text) => Some(Action::Confirm),
            None => {
                let why = format!("taken back by revision {}", current.revision);
                self.trial_fault = Some(why.clone());
                Some(Action::FallBack { why })
            }
        }
    }

    pub(super) fn on_extended(&mut self) {
        let Some(Action::Extend { revision, .. }) = self.in_flight.take() else { return };
        if let Some(trial) = &mut self.trial {
            trial.revision = revision;
            let trying = *trial;
            self.change_kept(|kept| kept.trying = Some(trying));
        }
    }

    pub(super) fn on_confirmed(&mut self) {
        self.in_flight = None;
        self.trial_fault = None;
        if let Some(trial) = self.trial.take() {
            self.confirmed = Some(trial.text);
            let good = self.running.clone();
            self.change_kept(|kept| (kept.good, kept.trying) = (good, None));
        }
    }

    /// A trial must be in `keep`: a crash would begin it again.
    pub(super) fn end_if_unrecorded(&mut self, error: &str) {
        let is_recorded = self.trial.is_none_or(|trial| self.recorded == Some(trial.text));
        if !is_recorded {
            let why = format!("the trial cannot be recorded: {error}");
            self.trial_fault.get_or_insert(why);
        }
    }

    /// The process runs the text before the trial again.
    pub(super) fn end_trial(&mut self, why: &str, running: Option<PublishedText>, now: Moment) {
        self.trial_fault = None;
        let Some(trial) = self.trial.take() else { return };
        if running.is_some() {
            self.change_kept(|kept| kept.good.clone_from(&running));
        }
        self.running = running;
        self.end(trial.text, InstanceState::FellBack, why.to_owned(), now);
    }

    /// Records the end of a trial here, for a reason that the process has logged. One that `current` has taken back needs
    /// no record.
    pub(super) fn end(&mut self, text: TextHash, state: InstanceState, why: String, now: Moment) {
        let goes_on = |current: &Current| current.trial.as_ref().is_some_and(|it| it.text == text);
        let stays = self.current.as_ref().is_none_or(goes_on);
        let revision = self.kept.revision;
        let ended = Ended { revision, text, state, why, since: now.rfc3339() };
        self.change_kept(|kept| {
            kept.trying = None;
            kept.ended = stays.then_some(ended);
        });
        self.is_end_logged = true;
    }

    /// Removes the record of a trial that has not begun and does not begin now: a restart would count as its end.
    pub(super) fn withdraw_record(&mut self) {
        if self.trial.is_none() {
            self.change_kept(|kept| kept.trying = None);
        }
    }
}
