//! Messages about something that does not end a command, or does not change its result.

use super::words::{names, noted};
use crate::foreign_text::shown;
use crate::model::InstanceState;
use std::collections::BTreeSet;
use std::fmt;

/// A warning.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarningLine {
    /// An instance does not run the stable text.
    Unsettled { instance: String, state: InstanceState, why: String },
    /// The status of an instance is not one.
    Unreadable { instance: String },
    /// `current` is damaged and will be replaced.
    Replaces { damage: String },
    /// A trial that all its instances have ended will be replaced.
    ReplacesTrial { revision: u64, by: String },
    /// Instances follow no revision that the store has; the stable text is published again for them.
    NotFollowing { instances: BTreeSet<String> },
    /// A read or a write failed; it is repeated.
    StoreAway { error: String, on_trial: bool },
    /// After the decision, the store failed before all instances had followed it.
    NotSeen { revision: u64, error: String },
    /// After the decision, another publisher has changed `current`.
    Superseded { revision: u64, by: String, note: String },
    /// After the decision, `current` has been removed or damaged.
    KeyLost,
    /// Texts that nothing names may be left in the store.
    NotCleanedUp { error: String },
}

impl fmt::Display for WarningLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsettled { instance, state, why } => {
                let why = if why.is_empty() { String::new() } else { format!(": {}", shown(why)) };
                write!(f, "{} does not run it yet ({state}){why}", shown(instance))
            }
            Self::Unreadable { instance } => write!(
                f,
                "the status of {} is not the JSON of an instance: it is left out",
                shown(instance)
            ),
            Self::Replaces { damage } => write!(f, "{}: this revision replaces it", shown(damage)),
            Self::ReplacesTrial { revision, by } => write!(
                f,
                "every instance has ended the trial of revision {revision} by {}: this one replaces it",
                shown(by)
            ),
            Self::NotFollowing { instances } => write!(
                f,
                "the stable revision is not followed by {}: its text is published again, without a trial",
                names(instances)
            ),
            Self::StoreAway { error, on_trial } => {
                let then = if *on_trial { "; without it every instance falls back by itself" } else { "" };
                write!(f, "{}: trying again{then}", shown(error))
            }
            Self::NotSeen { revision, error } => write!(
                f,
                "{}: revision {revision} holds, and each instance follows it when it reads the store; \
                 `traffic-forwarder rollout` shows where each stands",
                shown(error)
            ),
            Self::Superseded { revision, by, note } => write!(
                f,
                "{} has published revision {revision} after it{}: `traffic-forwarder rollout` shows where each \
                 instance stands",
                shown(by),
                noted(note)
            ),
            Self::KeyLost => f.write_str(
                "the key `current` has been removed or damaged after it: the instances keep their texts; publish again",
            ),
            Self::NotCleanedUp { error } => write!(
                f,
                "the clean-up failed ({}): texts that no revision names may be left in the store, and the next \
                 publish removes them",
                shown(error)
            ),
        }
    }
}
