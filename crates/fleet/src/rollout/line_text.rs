//! The words of each line.

use super::line::{Line, names, seconds};
use crate::model::On;
use plan::escaped;
use std::collections::BTreeSet;
use std::fmt;

/// What ends a pending trial.
const DECIDE: &str =
    "`traffic-forwarder rollout continue` or `traffic-forwarder rollout back` decides it";

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnTrial { revision, on, of, living, hold } => {
                let (on, hold) = (instances(on, *of, *living), seconds(*hold));
                write!(f, "revision {revision} is on trial on {on} for {hold}")
            }
            Self::Trying { instance, revision, after } => {
                let after = seconds(*after);
                write!(f, "{} runs revision {revision} after {after}", escaped(instance))
            }
            Self::NotWaitedFor { instance } => {
                write!(f, "{} has vanished and is not waited for", escaped(instance))
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
            Self::Fault { revision, fault } => write!(f, "revision {revision} goes back: {fault}"),
            _ => self.fmt_decision(f),
        }
    }
}

impl Line {
    /// The lines about a decision and the instances' reactions.
    fn fmt_decision(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stable { revision } => write!(f, "revision {revision} is stable"),
            Self::Reverted { revision, to, by, note } => write!(
                f,
                "revision {revision} is stable: the text of revision {to} by {}{}",
                escaped(by),
                noted(note)
            ),
            Self::Back { revision, ended, has_stable: true } => {
                write!(
                    f,
                    "revision {revision} ends the trial of revision {ended}: the stable text stays"
                )
            }
            Self::Back { revision, ended, has_stable: false } => write!(
                f,
                "revision {revision} ends the trial of revision {ended}: no text is stable yet"
            ),
            Self::Settled { count: 1 } => f.write_str("the 1 living instance runs it"),
            Self::Settled { count } => write!(f, "all {count} living instances run it"),
            Self::Unsettled { instance, state, why } if why.is_empty() => {
                write!(f, "warning: {} does not run it yet ({state})", escaped(instance))
            }
            Self::Unsettled { instance, state, why } => write!(
                f,
                "warning: {} does not run it yet ({state}): {}",
                escaped(instance),
                escaped(why)
            ),
            Self::NoInstance => {
                f.write_str("no instance is alive, so the text is stable without a trial")
            }
            Self::Unreadable { instance } => write!(
                f,
                "warning: the status of {} is not the JSON of an instance: it is left out",
                escaped(instance)
            ),
            _ => self.fmt_refusal(f),
        }
    }

    /// The lines about what cannot be done, or is left.
    fn fmt_refusal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaces { damage } => {
                write!(f, "warning: {}: this revision replaces it", escaped(damage))
            }
            Self::ReplacesTrial { revision, by } => write!(
                f,
                "warning: every instance has ended the trial of revision {revision} by {}: this one replaces it",
                escaped(by)
            ),
            Self::EndedBefore { ended, revision } => write!(
                f,
                "every instance has ended the trial of revision {ended}, which has the same text: revision {revision} \
                 takes it away, so that they try the text again"
            ),
            Self::Unchanged { revision } => {
                write!(f, "this text is stable already, as revision {revision}: nothing to publish")
            }
            Self::NothingOnTrial { revision: Some(revision) } => {
                write!(f, "nothing is on trial: revision {revision} is stable")
            }
            Self::NothingOnTrial { revision: None } => {
                f.write_str("nothing is on trial, and nothing has been published yet")
            }
            Self::NothingEarlier => f.write_str(
                "error: no text was stable before the present one: publish the text that you want",
            ),
            Self::TrialPending { revision, by, running } => write!(
                f,
                "error: revision {revision} by {} is on trial ({}): {DECIDE}",
                escaped(by),
                names(running)
            ),
            Self::NoSuchInstances { unknown, living } => {
                let (unknown, living) = (names(unknown), names(living));
                write!(f, "error: no living instance has the name {unknown}: choose among {living}")
            }
            _ => self.fmt_others(f),
        }
    }

    /// The lines about other publishers and old instances.
    fn fmt_others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { instance, version, need } => write!(
                f,
                "error: {} has version {}, and `{}` ({}) needs {}: upgrade it, or leave the key out",
                escaped(instance),
                escaped(version),
                escaped(&need.key),
                escaped(&need.location),
                need.since
            ),
            Self::Overtaken { revision: Some(revision), by, note } => write!(
                f,
                "error: {} has published revision {revision} meanwhile{}: look with `traffic-forwarder rollout`",
                escaped(by),
                noted(note)
            ),
            Self::Overtaken { revision: None, .. } => f.write_str(
                "error: the key `current` has been removed or damaged meanwhile: publish again",
            ),
            _ => self.fmt_store(f),
        }
    }

    /// The lines about the store, and about Ctrl-C.
    fn fmt_store(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreAway { error, on_trial } => {
                let then = if *on_trial { "; without it every instance falls back by itself" } else { "" };
                write!(f, "warning: {}: trying again{then}", escaped(error))
            }
            Self::StoreBack => f.write_str("the store answers again"),
            Self::NothingChanged { error } => {
                write!(f, "error: {}: nothing was changed", escaped(error))
            }
            Self::Lost { revision } => write!(
                f,
                "error: the store stayed away: the instances have ended the trial of revision {revision} by \
                 themselves; look with `traffic-forwarder rollout` when it is back"
            ),
            Self::Unknown { revision } => write!(
                f,
                "error: the store stayed away, and may have taken revision {revision}: its instances fall back \
                 by themselves; look with `traffic-forwarder rollout` when it is back"
            ),
            Self::TextRemoved => f.write_str(
                "error: clean-ups of other publishers removed the text each time: publish again later",
            ),
            Self::NotCleanedUp { error } => write!(
                f,
                "warning: texts that no revision names are left in the store ({}): the next publish removes them",
                escaped(error)
            ),
            Self::Interrupted { revision, within, again } => write!(
                f,
                "revision {revision} stays on trial and falls back by itself within {}: {DECIDE}; Ctrl-C again \
                 within {} goes back now",
                seconds(*within),
                seconds(*again)
            ),
            Self::InterruptedUnknown { revision } => write!(
                f,
                "waits for the store's answer about revision {revision}: Ctrl-C again leaves it open"
            ),
            Self::InterruptedUnchanged => f.write_str("interrupted: nothing was changed"),
            _ => unreachable!("every other line has its words above"),
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

/// A note in parentheses, or nothing.
fn noted(note: &str) -> String {
    if note.is_empty() { String::new() } else { format!(" ({})", escaped(note)) }
}
