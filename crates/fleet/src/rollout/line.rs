//! What a publisher says to its user. Names, notes and reasons from the store are escaped here.

use super::need::Need;
use crate::model::{InstanceState, On};
use plan::escaped;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// One line for the user.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A step has begun.
    OnTrial {
        revision: u64,
        on: On,
        /// The living instances of the step.
        of: usize,
        living: usize,
        hold: Duration,
    },
    /// An instance runs the text on trial.
    Trying { instance: String, revision: u64, after: Duration },
    /// An instance vanished before it ran the text.
    NotWaitedFor { instance: String },
    /// Instances began late, so the others run the text for longer.
    Extended { revision: u64, late: BTreeSet<String>, hold: Duration },
    /// All instances of the step have run the text for its hold.
    Held { revision: u64, count: usize, hold: Duration },
    /// A fault ends the trial.
    Fault { revision: u64, fault: Fault },
    /// A text is stable.
    Stable { revision: u64 },
    /// An earlier text is stable again.
    Reverted { revision: u64, to: u64, by: String, note: String },
    /// The trial has ended; the stable text stays.
    Back { revision: u64, ended: u64, has_stable: bool },
    /// All living instances run the stable text.
    Settled { count: usize },
    /// An instance does not run the stable text.
    Unsettled { instance: String, state: InstanceState, why: String },
    /// No instance lives, so there is no trial.
    NoInstance,
    /// The status of an instance is not one.
    Unreadable { instance: String },
    /// `current` is damaged and will be replaced.
    Replaces { damage: String },
    /// A trial that all its instances have ended will be replaced.
    ReplacesTrial { revision: u64, by: String },
    /// An ended trial of the same text is taken away first.
    EndedBefore { ended: u64, revision: u64 },
    /// The text is stable already.
    Unchanged { revision: u64 },
    /// Nothing is on trial.
    NothingOnTrial { revision: Option<u64> },
    /// No text was stable before the present one.
    NothingEarlier,
    /// Another publisher's trial is undecided.
    TrialPending { revision: u64, by: String, running: BTreeSet<String> },
    /// Canaries that do not live.
    NoSuchInstances { unknown: BTreeSet<String>, living: BTreeSet<String> },
    /// An instance is too old for the text.
    TooOld { instance: String, version: String, need: Need },
    /// Another publisher has changed `current`.
    Overtaken { revision: Option<u64>, by: String, note: String },
    /// A read or a write failed; it is repeated.
    StoreAway { error: String, on_trial: bool },
    /// The store answers again.
    StoreBack,
    /// The store failed before anything was changed.
    NothingChanged { error: String },
    /// The store stayed away, and no change waits for its result.
    Lost { revision: u64 },
    /// The store stayed away, and a change may have been made.
    Unknown { revision: u64 },
    /// Another publisher's clean-up removed the text again and again.
    TextRemoved,
    /// Texts that nothing names are left in the store.
    NotCleanedUp { error: String },
    /// Ctrl-C during a trial.
    Interrupted { revision: u64, within: Duration, again: Duration },
    /// Ctrl-C while the result of a change is awaited.
    InterruptedUnknown { revision: u64 },
    /// Ctrl-C before anything was changed.
    InterruptedUnchanged,
}

/// Why a trial goes back.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The instance cannot run the text.
    Refused { instance: String, why: String },
    /// The instance ended the trial.
    FellBack { instance: String, why: String },
    /// The instance ran the text and vanished.
    Gone { instance: String },
    /// The instance ran the text and runs another one, without a reason.
    Left { instance: String, state: InstanceState },
    /// Instances do not run the text in time.
    NotTrying { instances: BTreeSet<String>, within: Duration },
    /// All instances of the step vanished before they ran the text.
    NoneLeft,
    /// Ctrl-C twice.
    Interrupted,
    /// `rollout back`.
    Asked,
}

impl Line {
    /// Whether the line belongs to standard error.
    pub fn is_error(&self) -> bool {
        !matches!(
            self,
            Self::OnTrial { .. }
                | Self::Trying { .. }
                | Self::NotWaitedFor { .. }
                | Self::Extended { .. }
                | Self::Held { .. }
                | Self::Stable { .. }
                | Self::Reverted { .. }
                | Self::Back { .. }
                | Self::Settled { .. }
                | Self::NoInstance
                | Self::EndedBefore { .. }
                | Self::Unchanged { .. }
                | Self::NothingOnTrial { .. }
                | Self::StoreBack
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { instance, why } => {
                write!(f, "{} refused it: {}", escaped(instance), escaped(why))
            }
            Self::FellBack { instance, why } => {
                write!(f, "{} fell back: {}", escaped(instance), escaped(why))
            }
            Self::Gone { instance } => {
                write!(f, "{} ran it and has vanished from the store", escaped(instance))
            }
            Self::Left { instance, state } => {
                write!(f, "{} ran it and does not any more ({state})", escaped(instance))
            }
            Self::NotTrying { instances, within } => {
                let s = if instances.len() == 1 { "does" } else { "do" };
                write!(f, "{} {s} not run it within {}", names(instances), seconds(*within))
            }
            Self::NoneLeft => f.write_str("every instance of this step vanished before it ran it"),
            Self::Interrupted => f.write_str("Ctrl-C twice"),
            Self::Asked => f.write_str("rollout back"),
        }
    }
}

/// Names separated by commas, at most ten.
pub(super) fn names(of: &BTreeSet<String>) -> String {
    let shown: Vec<String> = of.iter().take(10).map(|name| escaped(name)).collect();
    let more = of.len() - shown.len();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// A duration in whole seconds, at least with three digits of a shorter one.
pub(super) fn seconds(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let shown = if millis < 10_000 { millis } else { millis / 1000 * 1000 };
    humantime::format_duration(Duration::from_millis(shown)).to_string()
}
