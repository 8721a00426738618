//! Messages about a request that is refused before any change.

use super::words::{DECIDE, names};
use crate::foreign_text::shown;
use plan::PublishedNeed;
use std::collections::BTreeSet;
use std::fmt;

/// Why a request is refused before any change.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalLine {
    /// Too few revisions are left above that of `current`.
    LastRevision { revision: u64 },
    /// An instance reports a revision that is too high to be followed; `known` is that of `current`.
    FarAhead { instance: String, revision: u64, known: Option<u64> },
    /// No text is on trial, and none is stable.
    NothingOnTrial,
    /// No text was stable before the present one.
    NothingEarlier,
    /// Another publisher's trial is undecided.
    TrialPending { revision: u64, by: String, running: BTreeSet<String> },
    /// Canaries are wanted, and there is no instance.
    NoCanary,
    /// This version can read no status, so it cannot watch a trial.
    NoneReadable { unreadable: BTreeSet<String> },
    /// Canaries without an instance.
    NoSuchInstances { unknown: BTreeSet<String>, live: BTreeSet<String> },
    /// An instance is too old for the text.
    TooOld { instance: String, version: String, need: PublishedNeed },
}

impl fmt::Display for RefusalLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LastRevision { revision } => write!(
                f,
                "the key `current` has revision {revision}, and too few are left above it: delete the key, and empty \
                 the directory `keep` of each instance that has followed it"
            ),
            Self::FarAhead { instance, revision, known } => {
                far_ahead(f, &shown(instance), *revision, *known)
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
            Self::NoCanary => f.write_str(
                "no instance is alive, so none can try the text first: start the instances, or publish without `--canary`, \
                 and the text is stable at once",
            ),
            Self::NoneReadable { unreadable } => write!(
                f,
                "this version can read the status of no instance ({}), so no trial can be watched: publish with the \
                 version of the instances, or delete the keys of those that are gone",
                names(unreadable)
            ),
            Self::NoSuchInstances { unknown, live } => {
                let (unknown, live) = (names(unknown), names(live));
                write!(f, "no live instance is named {unknown}: choose among {live}")
            }
            Self::TooOld { instance, version, need } => write!(
                f,
                "{} has version {}, and `{}` ({}) needs {}: upgrade it, or leave the key out",
                shown(instance),
                shown(version),
                shown(&need.key),
                shown(&need.location.to_string()),
                need.since
            ),
        }
    }
}

fn far_ahead(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    revision: u64,
    known: Option<u64>,
) -> fmt::Result {
    write!(f, "the status of {name} has revision {revision}, ")?;
    match known {
        Some(known) => write!(f, "far above revision {known} of the store")?,
        None => f.write_str("while the store has none")?,
    }
    write!(
        f,
        ", and revisions never fall: stop {name} and empty its directory `keep`, or delete its key `instances/{name}` in \
         the store if it is gone"
    )
}
