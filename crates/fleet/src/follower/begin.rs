//! The start of a [`Follower`] with the state of `keep` and of the process.

use super::{Follower, Moment};
use crate::keep::{Ended, KeepState, PublishedText, Trying};
use crate::model::InstanceState;
use std::time::Duration;

/// Why a trial ends at a start.
const RESTARTED: &str = "restarted during the trial";

/// The published text of the process when a follower begins.
#[derive(Clone, Debug)]
pub enum Running {
    /// No trial of the fleet runs.
    Settled {
        /// The text; `None` if the process has none.
        text: Option<PublishedText>,
        /// The revision of the last trial in this process, and why it ended, if it was not confirmed.
        ended: Option<(u64, String)>,
    },
    /// An upgrade in place has carried a trial over.
    OnTrial {
        /// The text on trial.
        text: PublishedText,
        /// The text before it.
        before: Option<PublishedText>,
    },
}

impl Follower {
    /// Begins with the state in `keep` and the published text of the process.
    ///
    /// The process knows its text and its trial even if `keep` has lost them.
    pub fn new(name: &str, kept: Option<KeepState>, running: Running, now: Moment) -> Self {
        let found = kept.unwrap_or_default();
        let mut kept = found.clone();
        let recorded = found.trying;
        let (running, settled, trial) = match running {
            Running::Settled { text, ended } => {
                let is_proven = end_recorded_trial(&mut kept, text.as_ref(), ended, now);
                (text.clone(), text.filter(|_| is_proven), None)
            }
            Running::OnTrial { text, before } => {
                let trial = recorded.filter(|trying| trying.text == text.hash);
                let trial = trial.unwrap_or(Trying { revision: text.revision, text: text.hash });
                kept.trying = Some(trial);
                (Some(text), before, Some(trial))
            }
        };
        // Before an upgrade, a text may have become good without a save.
        kept.good = settled.or(kept.good);
        let mut follower = Self {
            name: name.to_owned(),
            is_saved: kept == found,
            recorded: recorded.map(|trying| trying.text),
            held: found.good.map(|good| (good.hash, good.revision)),
            kept,
            save_error: None,
            running,
            trial,
            trial_fault: None,
            current: None,
            last_read: None,
            missed: None,
            store_fault: None,
            named: None,
            refusal: None,
            is_end_logged: false,
            fetched: None,
            in_flight: None,
            is_blocked: false,
            is_save_blocked: false,
            not_before: Duration::ZERO,
            confirmed: None,
            since: now,
            state: InstanceState::Stable,
        };
        follower.state = follower.state_now();
        follower
    }

    /// After an upgrade in place: the process has read the store until then.
    #[must_use]
    pub fn with_last_reading(mut self, at: Duration) -> Self {
        self.last_read = Some(at);
        self
    }
}

/// Ends the trial that `keep` has recorded and that does not run. Returns whether the running `text` may be kept: false
/// if its trial ended without a confirmation.
fn end_recorded_trial(
    kept: &mut KeepState,
    text: Option<&PublishedText>,
    ended: Option<(u64, String)>,
    now: Moment,
) -> bool {
    let Some(Trying { revision, text: tried }) = kept.trying.take() else { return true };
    let was_tried = text.is_some_and(|text| text.hash == tried);
    let why = ended.filter(|(of, _)| *of >= revision).map(|(_, why)| why);
    // An upgrade to a program that cannot read the text before the trial ends the trial with its text running. Without
    // such an end it was confirmed before the upgrade, unless it is the text of a restart.
    let (is_over, is_restart) = (why.is_some(), kept.good.as_ref() == text);
    if is_over || is_restart || !was_tried {
        let why = why.unwrap_or_else(|| RESTARTED.to_owned());
        let (state, since) = (InstanceState::FellBack, now.rfc3339());
        kept.ended = Some(Ended { revision, text: tried, state, why, since });
    }
    !(is_over && was_tried)
}
