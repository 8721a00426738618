//! Inputs and outputs of a [`Follower`](super::Follower).

use crate::keep::{KeepState, PublishedText};
use crate::model::{Current, CurrentError, TextHash};
use std::sync::Arc;
use std::time::Duration;

/// What the store holds.
#[derive(Debug)]
pub struct CurrentReading {
    /// The identity of the cluster that answered.
    pub cluster: u64,
    /// The value of `current`; `None` if the key does not exist.
    pub current: Option<Result<Current, CurrentError>>,
    /// Number of instances in the store.
    pub instances: u64,
}

/// Something that has happened.
#[derive(Debug)]
pub enum Event {
    /// The store has been read. `random` is any number.
    Read {
        /// The result.
        reading: Box<CurrentReading>,
        /// Decides the delay before a start.
        random: u64,
    },
    /// Result of [`Action::Fetch`].
    Fetched(Result<Arc<str>, String>),
    /// Result of [`Action::Save`].
    Saved(Result<(), String>),
    /// Result of [`Action::Apply`].
    Applied(Result<(), Refusal>),
    /// [`Action::Extend`] is done. [`Event::TrialEnded`] instead if the trial had ended.
    Extended,
    /// [`Action::Confirm`] is done. [`Event::TrialEnded`] instead if the trial had ended.
    Confirmed,
    /// [`Action::FallBack`] is done.
    FellBack {
        /// The published text that runs.
        running: Option<PublishedText>,
    },
    /// The process has fallen back by itself.
    TrialEnded {
        /// The reason.
        why: String,
        /// The published text that runs.
        running: Option<PublishedText>,
    },
    /// The trial must not go on, for this reason.
    TrialFailed(String),
}

/// Why the process does not run a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A trial of an operator runs, which is waited for.
    Busy(String),
    /// The text cannot run here.
    Unfit(String),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the state to `keep`.
    Save(KeepState),
    /// Fetch the text with this hash from the store, and check it.
    Fetch(TextHash),
    /// Run a text beside the local configuration.
    Apply {
        /// The text.
        text: PublishedText,
        /// On trial: falls back 10 s after this time unless it is extended or confirmed.
        hold: Option<Duration>,
    },
    /// Begin the time of the trial again.
    Extend {
        /// The revision that extends it.
        revision: u64,
        /// As in [`Action::Apply`].
        hold: Duration,
    },
    /// Keep the text on trial.
    Confirm,
    /// End the trial, and run the text before it.
    FallBack {
        /// The reason, for the log.
        why: String,
    },
}
