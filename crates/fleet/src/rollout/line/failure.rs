//! Messages about a command that cannot go on.

use super::words::noted;
use crate::foreign_text::shown;
use std::fmt;

/// Why a command cannot go on, and the state that it leaves.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureLine {
    /// Another publisher has changed `current`.
    Overtaken { revision: u64, by: String, note: String },
    /// `current` has been removed or damaged.
    KeyLost,
    /// The store failed before anything was changed.
    NothingChanged { error: String },
    /// The store stayed away until the end of the trial, and the result of each change is known.
    Undecided { revision: u64, error: String },
    /// The result of a change is unknown.
    Unknown { revision: u64, change: Change },
    /// Other publishers' clean-ups removed the text again and again.
    TextRemoved,
    /// The command ended after it removed an ended trial, and before it published.
    OnlyCleared { revision: u64, cause: String },
}

/// The effect of a change whose result is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A step of a trial begins.
    Trial,
    /// A text becomes stable.
    Stable,
    /// The trial ends.
    End,
    /// Several changes under one revision, of which at most one was made.
    Several,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trial => "if it did, the instances try the text and fall back by themselves",
            Self::Stable => {
                "if it did, the text is stable; if not, a trial before it falls back by itself"
            }
            Self::End => "if it did, the trial is over; if not, the instances fall back by themselves",
            Self::Several => {
                "it has made the text stable, or ended the trial, or the instances fall back by themselves"
            }
        })
    }
}

impl fmt::Display for FailureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overtaken { revision, by, note } => write!(
                f,
                "{} has published revision {revision} in the meantime{}: `traffic-forwarder rollout` shows where it stands",
                shown(by),
                noted(note)
            ),
            Self::KeyLost => f.write_str(
                "the key `current` has been removed or damaged in the meantime: `traffic-forwarder publish FILE` writes it \
                 again",
            ),
            Self::NothingChanged { error } => write!(f, "{}: nothing was changed", shown(error)),
            Self::Undecided { revision, error } => write!(
                f,
                "the store stayed away ({}): unless another command has decided the trial of revision {revision}, the \
                 instances have ended it by themselves; `traffic-forwarder rollout` shows it when the store answers",
                shown(error)
            ),
            Self::Unknown { revision, change } => write!(
                f,
                "the store did not say whether it took revision {revision}: {change}; `traffic-forwarder rollout` shows \
                 it when the store answers"
            ),
            Self::TextRemoved => f.write_str(
                "clean-ups of other publishers removed the text each time, and nothing was changed: publish again later",
            ),
            Self::OnlyCleared { revision, cause } => write!(
                f,
                "{}: revision {revision} has removed the ended trial, and the text was not published: publish it again",
                shown(cause)
            ),
        }
    }
}
