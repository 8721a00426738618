//! Messages after Ctrl-C.

use super::words::{DECIDE, seconds};
use std::fmt;
use std::time::Duration;

/// The effect of Ctrl-C.
#[expect(missing_docs, reason = "each field is a word of the sentence, and named as in the store")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterruptLine {
    /// Before any change.
    Unchanged,
    /// The result of the first change is awaited; a second Ctrl-C ends the command.
    AnswerAwaited { revision: u64 },
    /// During a trial, the result of a change is awaited; a second Ctrl-C goes back after it.
    LeavesAfter { revision: u64 },
    /// Likewise, after the second Ctrl-C; a third one ends the command.
    GoesBackAfter { revision: u64 },
    /// During a trial. `again`: the time within which a second one goes back; `None` if the command ends.
    OnTrial { revision: u64, within: Duration, again: Option<Duration> },
    /// After the decision, before all instances have followed it.
    Decided { revision: u64 },
    /// During the clean-up.
    CleanUp { revision: u64 },
}

impl fmt::Display for InterruptLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("interrupted: nothing was changed"),
            Self::AnswerAwaited { revision } => write!(
                f,
                "waiting for the store's answer about revision {revision}: Ctrl-C again ends the command without it"
            ),
            Self::LeavesAfter { revision } => write!(
                f,
                "waiting for the store's answer about revision {revision}, to leave a trial that is still on: Ctrl-C \
                 again goes back instead"
            ),
            Self::GoesBackAfter { revision } => write!(
                f,
                "waiting for the store's answer about revision {revision}, to go back if a trial is still on: Ctrl-C \
                 again ends the command without it"
            ),
            Self::OnTrial { revision, within, again } => {
                let within = seconds(*within);
                write!(
                    f,
                    "revision {revision} stays on trial and falls back by itself within {within}: {DECIDE}"
                )?;
                match again {
                    Some(again) => {
                        write!(f, "; Ctrl-C again within {} goes back now", seconds(*again))
                    }
                    None => Ok(()),
                }
            }
            Self::Decided { revision } => write!(
                f,
                "interrupted: revision {revision} holds, and the instances follow it; `traffic-forwarder rollout` shows \
                 where each stands"
            ),
            Self::CleanUp { revision } => write!(
                f,
                "interrupted: revision {revision} holds; the next publish removes texts that no revision names"
            ),
        }
    }
}
