//! Messages about a request that is refused before any change.

use super::words::{DECIDE, names};
use crate::foreign_text::shown;
use crate::rollout::need::Need;
use std::collections::BTreeSet;
use std::fmt;

/// The reason for which a request is refused before any change.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalLine {
    /// The status of an instance leaves no higher revision.
    LastRevision { instance: String },
    /// No text is on trial, and none is stable.
    NothingOnTrial,
    /// No text was stable before the present one.
    NothingEarlier,
    /// Another publisher's trial is undecided.
    TrialPending { revision: u64, by: String, running: BTreeSet<String> },
    /// Canaries that do not live.
    NoSuchInstances { unknown: BTreeSet<String>, living: BTreeSet<String> },
    /// An instance is too old for the text.
    TooOld { instance: String, version: String, need: Need },
}

impl fmt::Display for RefusalLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastRevision { instance } => {
                let name = shown(instance);
                write!(
                    f,
                    "the status of {name} has the highest possible revision, so that none can be published: stop \
                     {name}, or delete its key in the store"
                )
            }
            Self::NothingOnTrial => f.write_str(
                "nothing is on trial, and no text is stable: `traffic-forwarder publish FILE` publishes one",
            ),
            Self::NothingEarlier => f.write_str(
                "no text was stable before the present one: `traffic-forwarder publish FILE` publishes the one that \
                 you want",
            ),
            Self::TrialPending { revision, by, running } => write!(
                f,
                "revision {revision} by {} is on trial ({}): {DECIDE}",
                shown(by),
                names(running)
            ),
            Self::NoSuchInstances { unknown, living } => {
                let (unknown, living) = (names(unknown), names(living));
                write!(f, "no living instance has the name {unknown}: choose among {living}")
            }
            Self::TooOld { instance, version, need } => write!(
                f,
                "{} has version {}, and `{}` ({}) needs {}: upgrade it, or leave the key out",
                shown(instance),
                shown(version),
                shown(&need.key),
                shown(&need.location),
                need.since
            ),
        }
    }
}
