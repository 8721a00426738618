//! The status of an instance, as its decisions determine it.

use super::{Follower, Moment};
use crate::foreign_text::bounded;
use crate::model::{InstanceState, TextHash};

/// The part of an instance's status that its decisions determine.
#[derive(Clone, Debug)]
pub struct Status {
    /// The highest revision that was followed; 0 before the first.
    pub revision: u64,
    /// The published text that runs.
    pub runs: Option<TextHash>,
    /// The latest revision whose text for this instance is known to be the running one.
    pub running_revision: Option<u64>,
    /// The revision that the store named at the last reading, followed or not.
    pub named: Option<u64>,
    /// The text on the disk, from which a start without the store begins, and its revision.
    pub held: Option<(TextHash, u64)>,
    /// Why the disk has not taken the latest state.
    pub save_error: Option<String>,
    /// The state of `revision` here.
    pub state: InstanceState,
    /// Why the text of `revision` does not run, or why the store is not followed; bounded, and empty if all is well.
    pub why: String,
    /// The reasons in `why` that the process has not logged itself, bounded.
    pub unlogged: String,
    /// Since when `state` holds.
    pub since: Moment,
}

impl Follower {
    /// Reports that the state in `keep` was damaged, until it is written again.
    #[must_use]
    pub fn with_damage(mut self, damage: Option<String>) -> Self {
        self.save_error = damage;
        self
    }

    /// The present status.
    pub fn status(&self) -> Status {
        let reasons = self.reasons();
        let all = reasons.iter().map(|(why, _)| why.as_str());
        let unlogged = reasons.iter().filter(|(_, is_logged)| !is_logged);
        let unlogged = unlogged.map(|(why, _)| why.as_str());
        Status {
            revision: self.kept.revision,
            runs: self.running.as_ref().map(|good| good.hash),
            running_revision: self.running_revision(),
            named: self.named,
            held: self.held,
            save_error: self.save_error.as_deref().map(bounded),
            state: self.state,
            why: joined(all),
            unlogged: joined(unlogged),
            since: self.since,
        }
    }

    fn running_revision(&self) -> Option<u64> {
        let running = self.running.as_ref()?;
        let wanted = self.current.as_ref().and_then(|current| current.text_for(&self.name));
        let revision = if wanted == Some(running.hash) { self.kept.revision } else { 0 };
        Some(revision.max(running.revision))
    }

    pub(super) fn state_now(&self) -> InstanceState {
        if self.trial.is_some() {
            return InstanceState::Trying;
        }
        if let Some(ended) = &self.kept.ended {
            return ended.state;
        }
        if let Some(refused) = &self.refusal {
            return refused.state;
        }
        let runs = self.running.as_ref().map(|good| good.hash);
        if runs.is_some() && runs == self.confirmed {
            return InstanceState::Confirmed;
        }
        InstanceState::Stable
    }

    /// The reasons, and whether the process has logged each.
    fn reasons(&self) -> Vec<(String, bool)> {
        let ended = self.kept.ended.as_ref().map(|it| (it.why.clone(), self.is_end_logged));
        let refused = self.refusal.as_ref().map(|it| (it.why.clone(), it.is_logged));
        let missed = self.missed.map(|revision| {
            let why = format!(
                "revision {revision} was on trial before this machine came back: it runs the stable text until that is decided"
            );
            (why, false)
        });
        let store = self.store_fault.as_ref().map(|fault| (fault.to_string(), false));
        let mut reasons: Vec<_> =
            [ended, refused, missed.filter(|_| self.kept.ended.is_none()), store]
                .into_iter()
                .flatten()
                .collect();
        // A trial that could not be recorded has the error already.
        let save_error = self.save_error.as_ref();
        let is_new = |error: &&String| reasons.iter().all(|(why, _)| !why.contains(error.as_str()));
        if let Some(error) = save_error.filter(is_new).cloned() {
            reasons.push((error, false));
        }
        reasons
    }
}

fn joined<'a>(reasons: impl Iterator<Item = &'a str>) -> String {
    bounded(&reasons.collect::<Vec<_>>().join("; "))
}
