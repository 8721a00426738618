//! The first change of a command, decided from its first reading.

use super::line::{FailureLine, Fault, Line, RefusalLine, ResultLine, WarningLine};
use super::messages::{Outcome, Publication, Request};
use super::reading::{FleetReading, Found};
use super::revise::{self, Signature};
use crate::model::{Current, On, TextHash, Trial};
use plan::Release;
use std::collections::BTreeSet;

/// A change of `current`, and its purpose.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub(super) current: Current,
    pub(super) goal: Goal,
}

/// The purpose of a change of `current`.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// A step of a trial, on these live instances.
    Step(BTreeSet<String>),
    /// The text is stable.
    Stable(ResultLine),
    /// The trial has ended.
    Back(ResultLine, Outcome),
    /// An ended trial of the same text is gone, so that the instances try the text again.
    Again(ResultLine),
}

/// The first work of a command.
#[derive(Debug)]
pub(super) enum Start {
    /// None: it ends with this line.
    End(Line, Outcome),
    /// Write this text, then the proposal.
    Text(TextHash, Proposal),
    /// Write the proposal.
    Change(Proposal),
}

impl Start {
    fn refused(line: RefusalLine) -> Self {
        Self::End(line.into(), Outcome::Failed)
    }

    /// `current` is damaged, so that no trial and no earlier text is known.
    fn damaged(damage: &str) -> Self {
        let line = FailureLine::NothingChanged { error: damage.to_owned() };
        Self::End(line.into(), Outcome::Failed)
    }
}

/// Decides the first work of a command. `lines` gets further messages for the user.
pub(super) fn start(
    request: &Request,
    reading: &FleetReading,
    sign: Signature,
    lines: &mut Vec<Line>,
) -> Start {
    let unreadable = reading.unreadable.iter().cloned();
    lines.extend(unreadable.map(|instance| WarningLine::Unreadable { instance }.into()));
    if let Some(revision) = reading.last_revision() {
        return Start::refused(RefusalLine::LastRevision { revision });
    }
    if let Some((instance, revision)) = reading.far_ahead() {
        let (instance, known) = (instance.to_owned(), reading.current().map(|it| it.revision));
        return Start::refused(RefusalLine::FarAhead { instance, revision, known });
    }
    match request {
        Request::Publish(publication) => publish(publication, reading, sign, lines),
        Request::Continue => take_over(reading, sign),
        Request::Back => back(reading, sign),
    }
}

fn publish(
    publication: &Publication,
    reading: &FleetReading,
    sign: Signature,
    lines: &mut Vec<Line>,
) -> Start {
    if let Some(line) = obstacle(publication, reading) {
        return Start::refused(line);
    }
    let current = reading.current();
    let text = publication.text;
    match &reading.found {
        Found::Current(current) if current.trial.is_none() && current.stable == Some(text) => {
            let instances = reading.not_following();
            if !instances.is_empty() {
                lines.push(WarningLine::NotFollowing { instances }.into());
                return Start::Change(stable_again(current, text, publication, sign));
            }
            let revision = current.stable_revision().unwrap_or(current.revision);
            return Start::End(ResultLine::Unchanged { revision }.into(), Outcome::Done);
        }
        Found::Damaged(damage) => {
            lines.push(WarningLine::Replaces { damage: damage.clone() }.into());
        }
        Found::Current(_) | Found::Nothing => {}
    }
    if let Some(current) = current
        && let Some(trial) = &current.trial
    {
        if trial.text == text && !reading.instances.is_empty() {
            return Start::Change(end_before_again(current, sign));
        }
        let (revision, by) = (current.revision, current.by.clone());
        lines.push(WarningLine::ReplacesTrial { revision, by }.into());
    }
    put(publication, reading, sign, lines)
}

/// The stable text under a new revision, for instances that do not follow the present one.
fn stable_again(
    current: &Current,
    text: TextHash,
    publication: &Publication,
    sign: Signature,
) -> Proposal {
    let goal = Goal::Stable(ResultLine::Stable { revision: sign.revision });
    Proposal { current: revise::stable(Some(current), text, &publication.note, sign), goal }
}

/// A trial of the text, or the stable text if there is no instance.
fn put(
    publication: &Publication,
    reading: &FleetReading,
    sign: Signature,
    lines: &mut Vec<Line>,
) -> Start {
    let (current, text, live) = (reading.current(), publication.text, reading.live());
    if live.is_empty() {
        lines.push(ResultLine::NoInstance.into());
        let goal = Goal::Stable(ResultLine::Stable { revision: sign.revision });
        let current = revise::stable(current, text, &publication.note, sign);
        return Start::Text(text, Proposal { current, goal });
    }
    let chosen = match &publication.canary {
        None => None,
        Some(canary) => match canary.choose(&live, publication.random) {
            Ok(chosen) => Some(chosen),
            Err(unknown) => {
                return Start::refused(RefusalLine::NoSuchInstances { unknown, live });
            }
        },
    };
    let on = chosen.as_ref().map_or(On::ALL, |it| On::Named(it.iter().cloned().collect()));
    let trial = Trial { text, on, hold: publication.hold };
    let current = revise::trial(current, trial, &publication.note, sign);
    Start::Text(text, Proposal { current, goal: Goal::Step(chosen.unwrap_or(live)) })
}

/// An instance does not try a text again that it has ended, until it has followed a revision without it on trial.
fn end_before_again(current: &Current, sign: Signature) -> Proposal {
    let (ended, revision) = (current.revision, sign.revision);
    let why = format!("the text of revision {ended} is published again");
    let line = ResultLine::EndedBefore { ended, revision };
    Proposal { current: revise::back(current, &why, sign), goal: Goal::Again(line) }
}

/// Why a text cannot be published now.
fn obstacle(publication: &Publication, reading: &FleetReading) -> Option<RefusalLine> {
    let running = reading.on_trial();
    if let Some(current) = reading.current()
        && !running.is_empty()
    {
        let by = current.by.clone();
        return Some(RefusalLine::TrialPending { revision: current.revision, by, running });
    }
    let is_stable = |it: &Current| it.trial.is_none() && it.stable == Some(publication.text);
    if reading.instances.is_empty() && !reading.current().is_some_and(is_stable) {
        return without_trial(publication, reading);
    }
    for need in &publication.needs {
        // A version that cannot be read knows nothing.
        let knows = |version: &str| version.parse::<Release>().is_ok_and(|it| it >= need.since);
        let instance = reading.instances.iter().find(|(_, it)| !knows(&it.version));
        if let Some((name, instance)) = instance {
            let (instance, version) = (name.clone(), instance.version.clone());
            return Some(RefusalLine::TooOld { instance, version, need: need.clone() });
        }
    }
    None
}

/// Why a text cannot become stable without a trial, although no status can be read.
fn without_trial(publication: &Publication, reading: &FleetReading) -> Option<RefusalLine> {
    if !reading.unreadable.is_empty() {
        return Some(RefusalLine::NoneReadable { unreadable: reading.unreadable.clone() });
    }
    publication.canary.is_some().then_some(RefusalLine::NoCanary)
}

/// A new revision of the same step extends the trial at every instance, and shuts out the publisher before.
fn take_over(reading: &FleetReading, sign: Signature) -> Start {
    let current = match &reading.found {
        Found::Damaged(damage) => return Start::damaged(damage),
        Found::Nothing => return Start::refused(RefusalLine::NothingOnTrial),
        Found::Current(current) => current,
    };
    let Some(trial) = &current.trial else {
        return match current.stable_revision() {
            Some(stable) => Start::End(ResultLine::NothingOnTrial { stable }.into(), Outcome::Done),
            None => Start::refused(RefusalLine::NothingOnTrial),
        };
    };
    let mut named = reading.live();
    named.retain(|name| trial.on.names(name));
    let on = trial.on.clone();
    Start::Change(Proposal {
        current: revise::trial_on(current, on, sign),
        goal: Goal::Step(named),
    })
}

fn back(reading: &FleetReading, sign: Signature) -> Start {
    let current = match &reading.found {
        Found::Damaged(damage) => return Start::damaged(damage),
        Found::Nothing => return Start::refused(RefusalLine::NothingEarlier),
        Found::Current(current) => current,
    };
    if current.trial.is_some() {
        return Start::Change(end_of_trial(current, &Fault::Asked, Outcome::Done, sign));
    }
    let Some(earlier) = revise::previous(current) else {
        return Start::refused(RefusalLine::NothingEarlier);
    };
    let line = ResultLine::Reverted {
        revision: sign.revision,
        to: earlier.revision,
        by: earlier.by.clone(),
        note: earlier.note.clone(),
    };
    let note = format!("rollout back: the text of revision {}", earlier.revision);
    let current = revise::stable(Some(current), earlier.text, &note, sign);
    Start::Change(Proposal { current, goal: Goal::Stable(line) })
}

/// The change that ends the trial of `current`.
pub(super) fn end_of_trial(
    current: &Current,
    fault: &Fault,
    outcome: Outcome,
    sign: Signature,
) -> Proposal {
    let line = ResultLine::Back {
        revision: sign.revision,
        ended: current.revision,
        stable: current.stable_revision(),
    };
    let why = format!("back from revision {}: {fault}", current.revision);
    Proposal { current: revise::back(current, &why, sign), goal: Goal::Back(line, outcome) }
}
