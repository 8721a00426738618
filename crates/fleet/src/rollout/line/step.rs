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
        /// The live instances of the step.
        of: usize,
        live: usize,
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
            Self::Begun { revision, on, of, live, hold } => {
                let (on, hold) = (instances(on, *of, *live), seconds(*hold));
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
                "{} started late: revision {revision} extends the step until {} run for {}",
                names(late),
                if late.len() == 1 { "it has" } else { "they have" },
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
fn instances(on: &On, of: usize, live: usize) -> String {
    match on {
        On::All(_) if live == 1 => "the 1 live instance".to_owned(),
        On::All(_) => format!("all {live} live instances"),
        On::Named(named) => {
            let named: BTreeSet<String> = named.iter().cloned().collect();
            format!("{} ({of} of {live} instances)", names(&named))
        }
    }
}
