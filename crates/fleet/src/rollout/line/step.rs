//! Messages about the steps of a trial.

use super::words::{names, seconds};
use crate::foreign_text::shown;
use crate::model::On;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// A message about a step of a trial.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepLine {
    /// The step has begun.
    Begun {
        revision: u64,
        on: On,
        /// The living instances of the step.
        of: usize,
        living: usize,
        hold: Duration,
    },
    /// An instance runs the text on trial.
    Runs { instance: String, revision: u64, after: Duration },
    /// An instance vanished before it ran the text.
    NotWaitedFor { instance: String },
    /// Instances began late, so the others run the text for longer.
    Extended { revision: u64, late: BTreeSet<String>, hold: Duration },
    /// All instances of the step have run the text for its hold.
    Held { revision: u64, count: usize, hold: Duration },
}

impl fmt::Display for StepLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun { revision, on, of, living, hold } => {
                let (on, hold) = (instances(on, *of, *living), seconds(*hold));
                write!(f, "revision {revision} is on trial on {on} for {hold}")
            }
            Self::Runs { instance, revision, after } => {
                let after = seconds(*after);
                write!(f, "{} runs revision {revision} after {after}", shown(instance))
            }
            Self::NotWaitedFor { instance } => {
                write!(f, "{} has vanished and is not waited for", shown(instance))
            }
            Self::Extended { revision, late, hold } => write!(
                f,
                "{} began late: the step goes on until the end of its {}, as revision {revision}",
                names(late),
                seconds(*hold)
            ),
            Self::Held { revision, count, hold } => {
                let instances = if *count == 1 { "instance has" } else { "instances have" };
                write!(f, "{count} {instances} run revision {revision} for {}", seconds(*hold))
            }
        }
    }
}

/// The instances of a step, and how many of them it waits for.
fn instances(on: &On, of: usize, living: usize) -> String {
    match on {
        On::All(_) if living == 1 => "the 1 living instance".to_owned(),
        On::All(_) => format!("all {living} living instances"),
        On::Named(named) => {
            let named: BTreeSet<String> = named.iter().cloned().collect();
            format!("{} ({of} of {living} instances)", names(&named))
        }
    }
}
