//! What a command begins with, decided from its first reading.

use super::line::{Fault, Line};
use super::messages::{Outcome, Publication, Request};
use super::reading::{Found, Reading};
use super::revise::{self, Signature};
use crate::model::{Current, On, TextHash, Trial};
use std::collections::BTreeSet;

/// A change of `current`, and what follows it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) current: Current,
    pub(super) goal: Goal,
}

/// What a change of `current` leads to.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// A step of a trial, on these living instances.
    Step(BTreeSet<String>),
    /// The text is stable.
    Stable(Line),
    /// The trial has ended.
    Back(Line, Outcome),
    /// An ended trial of the same text is gone, so that the instances try the text again.
    Again(Line),
}

/// The first thing that a command does.
#[derive(Debug)]
pub(super) enum Start {
    /// Nothing: it ends with this line.
    End(Line, Outcome),
    /// Write this text, then the plan.
    Text(TextHash, Plan),
    /// Write the plan.
    Change(Plan),
}

/// Decides. `lines` gets further messages for the user.
pub(super) fn start(
    request: &Request,
    reading: &Reading,
    sign: Signature,
    lines: &mut Vec<Line>,
) -> Start {
    let unreadable = reading.unreadable.iter().cloned();
    lines.extend(unreadable.map(|instance| Line::Unreadable { instance }));
    match request {
        Request::Publish(publication) => publish(publication, reading, sign, lines),
        Request::Continue => take_over(reading, sign),
        Request::Back => back(reading, sign),
    }
}

fn publish(
    publication: &Publication,
    reading: &Reading,
    sign: Signature,
    lines: &mut Vec<Line>,
) -> Start {
    if let Some(line) = obstacle(publication, reading) {
        return Start::End(line, Outcome::Failed);
    }
    let current = reading.current();
    let text = publication.text;
    match &reading.found {
        Found::Current(current) if current.trial.is_none() && current.stable == Some(text) => {
            return Start::End(Line::Unchanged { revision: current.revision }, Outcome::Done);
        }
        Found::Damaged(damage) => lines.push(Line::Replaces { damage: damage.clone() }),
        Found::Current(_) | Found::Nothing => {}
    }
    if let Some(current) = current
        && let Some(trial) = &current.trial
    {
        if trial.text == text && !reading.instances.is_empty() {
            return Start::Change(end_before_again(current, sign));
        }
        lines.push(Line::ReplacesTrial { revision: current.revision, by: current.by.clone() });
    }
    let living = reading.living();
    if living.is_empty() {
        lines.push(Line::NoInstance);
        let goal = Goal::Stable(Line::Stable { revision: sign.revision });
        let current = revise::stable(current, text, &publication.note, sign);
        return Start::Text(text, Plan { current, goal });
    }
    let chosen = match &publication.canary {
        None => None,
        Some(canary) => match canary.choose(&living, publication.random) {
            Ok(chosen) => Some(chosen),
            Err(unknown) => {
                let line = Line::NoSuchInstances { unknown, living };
                return Start::End(line, Outcome::Failed);
            }
        },
    };
    let on = chosen.as_ref().map_or(On::ALL, |it| On::Named(it.iter().cloned().collect()));
    let trial = Trial { text, on, hold: publication.hold };
    let current = revise::trial(current, trial, &publication.note, sign);
    Start::Text(text, Plan { current, goal: Goal::Step(chosen.unwrap_or(living)) })
}

/// An instance does not try a text again that it has ended, until it has followed a revision without it on trial.
fn end_before_again(current: &Current, sign: Signature) -> Plan {
    let (ended, revision) = (current.revision, sign.revision);
    let why = format!("the text of revision {ended} is published again");
    let line = Line::EndedBefore { ended, revision };
    Plan { current: revise::back(current, &why, sign), goal: Goal::Again(line) }
}

/// Why a text cannot be published now.
fn obstacle(publication: &Publication, reading: &Reading) -> Option<Line> {
    let running = reading.on_trial();
    if let Some(current) = reading.current()
        && !running.is_empty()
    {
        let by = current.by.clone();
        return Some(Line::TrialPending { revision: current.revision, by, running });
    }
    for need in &publication.needs {
        let too_old = |version: &str| !need.is_known_to(version);
        let instance = reading.instances.iter().find(|(_, it)| too_old(&it.version));
        if let Some((name, instance)) = instance {
            let (instance, version) = (name.clone(), instance.version.clone());
            return Some(Line::TooOld { instance, version, need: need.clone() });
        }
    }
    None
}

/// A new revision of the same step extends the trial at every instance, and shuts out the publisher before.
fn take_over(reading: &Reading, sign: Signature) -> Start {
    let current = match &reading.found {
        Found::Damaged(damage) => {
            let error = damage.clone();
            return Start::End(Line::NothingChanged { error }, Outcome::Failed);
        }
        Found::Nothing => {
            return Start::End(Line::NothingOnTrial { revision: None }, Outcome::Failed);
        }
        Found::Current(current) => current,
    };
    let Some(trial) = &current.trial else {
        let revision = Some(current.revision);
        return Start::End(Line::NothingOnTrial { revision }, Outcome::Done);
    };
    let mut named = reading.living();
    named.retain(|name| trial.on.names(name));
    let on = trial.on.clone();
    Start::Change(Plan { current: revise::trial_on(current, on, sign), goal: Goal::Step(named) })
}

fn back(reading: &Reading, sign: Signature) -> Start {
    let current = match &reading.found {
        Found::Damaged(damage) => {
            let error = damage.clone();
            return Start::End(Line::NothingChanged { error }, Outcome::Failed);
        }
        Found::Nothing => return Start::End(Line::NothingEarlier, Outcome::Failed),
        Found::Current(current) => current,
    };
    if current.trial.is_some() {
        return Start::Change(end_of_trial(current, &Fault::Asked, Outcome::Done, sign));
    }
    let Some(earlier) = revise::previous(current) else {
        return Start::End(Line::NothingEarlier, Outcome::Failed);
    };
    let line = Line::Reverted {
        revision: sign.revision,
        to: earlier.revision,
        by: earlier.by.clone(),
        note: earlier.note.clone(),
    };
    let note = format!("rollout back: the text of revision {}", earlier.revision);
    let current = revise::stable(Some(current), earlier.text, &note, sign);
    Start::Change(Plan { current, goal: Goal::Stable(line) })
}

/// The change that ends the trial of `current`.
pub(super) fn end_of_trial(
    current: &Current,
    fault: &Fault,
    outcome: Outcome,
    sign: Signature,
) -> Plan {
    let line = Line::Back {
        revision: sign.revision,
        ended: current.revision,
        has_stable: current.stable.is_some(),
    };
    let why = format!("back from revision {}: {fault}", current.revision);
    Plan { current: revise::back(current, &why, sign), goal: Goal::Back(line, outcome) }
}
