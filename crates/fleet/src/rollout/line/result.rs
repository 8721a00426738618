//! Messages about a decision and the reactions of its instances.

use super::words::noted;
use crate::foreign_text::shown;
use std::fmt;

/// A message about a decision, or why none is needed.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultLine {
    /// A text is stable.
    Stable { revision: u64 },
    /// An earlier text is stable again.
    Reverted { revision: u64, to: u64, by: String, note: String },
    /// The trial has ended; the text that became stable with `stable` stays.
    Back { revision: u64, ended: u64, stable: Option<u64> },
    /// All live instances run the stable text.
    Settled { count: usize },
    /// There is no instance, so there is no trial.
    NoInstance,
    /// An ended trial of the same text is removed first.
    EndedBefore { ended: u64, revision: u64 },
    /// The text is stable already, since this revision.
    Unchanged { revision: u64 },
    /// The text that became stable with this revision is stable, and none is on trial.
    NothingOnTrial { stable: u64 },
}

impl fmt::Display for ResultLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stable { revision } => write!(f, "revision {revision} is stable"),
            Self::Reverted { revision, to, by, note } => write!(
                f,
                "revision {revision} is stable: the text of revision {to} by {}{}",
                shown(by),
                noted(note)
            ),
            Self::Back { revision, ended, stable: Some(stable) } => write!(
                f,
                "revision {revision} ends the trial of revision {ended}: the text of revision {stable} stays stable"
            ),
            Self::Back { revision, ended, stable: None } => write!(
                f,
                "revision {revision} ends the trial of revision {ended}: no text is stable yet"
            ),
            Self::Settled { count: 1 } => f.write_str("the 1 live instance runs it"),
            Self::Settled { count } => write!(f, "all {count} live instances run it"),
            Self::NoInstance => {
                f.write_str("no instance is alive, so the text is stable without a trial")
            }
            Self::EndedBefore { ended, revision } => write!(
                f,
                "every instance has ended the trial of revision {ended}, which has the same text: revision {revision} \
                 removes it, so that they try the text again"
            ),
            Self::Unchanged { revision } => {
                write!(f, "this text is stable already, as revision {revision}: nothing to publish")
            }
            Self::NothingOnTrial { stable } => {
                write!(f, "nothing is on trial: the text of revision {stable} is stable")
            }
        }
    }
}
