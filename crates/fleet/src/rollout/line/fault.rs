//! Why a trial goes back.

use super::words::{names, seconds};
use crate::foreign_text::shown;
use crate::model::InstanceState;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

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
    /// Instances, each with the reason of its status, do not run the text in time.
    NotTrying { instances: BTreeMap<String, String>, within: Duration },
    /// All instances of the step vanished before they ran the text.
    NoneLeft,
    /// Ctrl-C twice.
    Interrupted,
    /// `rollout back`.
    Asked,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { instance, why } => {
                write!(f, "{} refused it: {}", shown(instance), shown(why))
            }
            Self::FellBack { instance, why } => {
                write!(f, "{} fell back: {}", shown(instance), shown(why))
            }
            Self::Gone { instance } => {
                write!(f, "{} ran it and has vanished from the store", shown(instance))
            }
            Self::Left { instance, state } => {
                write!(f, "{} ran it and no longer does ({state})", shown(instance))
            }
            Self::NotTrying { instances, within } => {
                let verb = if instances.len() == 1 { "does" } else { "do" };
                let all = names(instances.keys());
                write!(f, "{all} {verb} not run it within {}", seconds(*within))?;
                let first = instances.iter().find(|(_, why)| !why.is_empty());
                first.map_or(Ok(()), |(name, why)| write!(f, "; {}: {}", shown(name), shown(why)))
            }
            Self::NoneLeft => f.write_str("every instance of this step vanished before it ran it"),
            Self::Interrupted => f.write_str("Ctrl-C twice"),
            Self::Asked => f.write_str("rollout back"),
        }
    }
}
