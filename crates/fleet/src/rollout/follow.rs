//! The machine while a trial runs, and Ctrl-C.

use super::begin::{Goal, Proposal};
use super::line::{Fault, InterruptLine, ResultLine, StepLine};
use super::machine::{Phase, READ_PERIOD, Rollout};
use super::messages::{Outcome, Request, Turn, Work};
use super::revise;
use super::step::{Assessment, Step};
use crate::model::On;
use crate::moment::Moment;
use std::time::Duration;

/// Time after the first Ctrl-C within which a second one goes back.
const SECOND_INTERRUPT_LIMIT: Duration = Duration::from_secs(3);

impl Rollout {
    /// A change of this command has begun a step.
    pub(super) fn step_begins(&mut self, now: Moment, step: Step, turn: &mut Turn) {
        let before = match &self.phase {
            Phase::Following(step) => Some(step),
            _ => None,
        };
        let trial = step.current.trial.as_ref();
        let is_extension = before.is_some_and(|before| {
            before.current.trial.as_ref().map(|it| &it.on) == trial.map(|it| &it.on)
        });
        let step = match before {
            Some(before) if is_extension => step.extends(before),
            Some(before) => step.after(before),
            None if matches!(self.request, Request::Continue) => {
                let found = self.reading.as_ref().and_then(|reading| reading.current());
                let first = found.map_or(step.current.revision, |found| found.revision);
                step.begun_as(first)
            }
            None => step,
        };
        if let Some(trial) = &step.current.trial
            && !is_extension
        {
            let begun = StepLine::Begun {
                revision: step.current.revision,
                on: trial.on.clone(),
                of: step.count(),
                live: self.reading.as_ref().map_or(0, |reading| reading.instances.len()),
                hold: trial.hold,
            };
            turn.lines.push(begun.into());
        }
        self.phase = Phase::Following(Box::new(step));
        turn.work = Some(Work::Read { until: now.time });
    }

    /// Publishes when every instance has followed the end of the trial before, or has had the time to.
    pub(super) fn clear(&mut self, now: Moment, turn: &mut Turn) {
        let (Phase::Clearing(clearing), Some(reading)) = (&self.phase, &self.reading) else {
            return;
        };
        if clearing.is_followed(reading) || now.time >= clearing.until {
            self.begin(now, turn);
        } else {
            turn.work = Some(Work::Read { until: clearing.until.min(now.time + READ_PERIOD) });
        }
    }

    /// Judges the last reading, whose `current` is that of the step.
    pub(super) fn follow(&mut self, now: Moment, turn: &mut Turn) {
        if self.interrupts >= 2 {
            return self.go_back(now, &Fault::Interrupted, Outcome::Failed, turn);
        }
        if self.interrupts == 1 {
            return self.pause(now, turn);
        }
        let (Phase::Following(step), Some(reading)) = (&mut self.phase, &self.reading) else {
            return;
        };
        match step.assess(reading, now.time, &mut turn.lines) {
            Assessment::Wait(until) => {
                turn.work = Some(Work::Read { until: until.min(now.time + READ_PERIOD) });
            }
            Assessment::Extend(late) => {
                let (revision, hold) = (reading.next_revision(), step.hold());
                turn.lines.push(StepLine::Extended { revision, late, hold }.into());
                self.next_step(now, None, turn);
            }
            Assessment::Held => self.held(now, turn),
            Assessment::Back(fault) => self.go_back(now, &fault, Outcome::Failed, turn),
        }
    }

    /// All instances of the step have run the text for its hold.
    fn held(&mut self, now: Moment, turn: &mut Turn) {
        let (Phase::Following(step), Some(reading)) = (&self.phase, &self.reading) else {
            return;
        };
        let Some(trial) = &step.current.trial else { return };
        let (revision, count, hold) = (step.current.revision, step.count(), trial.hold);
        turn.lines.push(StepLine::Held { revision, count, hold }.into());
        let all_have_run = reading.instances.keys().all(|name| step.waits_for(name));
        if trial.on != On::ALL && !all_have_run {
            return self.next_step(now, Some(On::ALL), turn);
        }
        let sign = self.sign(now, reading);
        let line = ResultLine::Stable { revision: sign.revision };
        let (text, note) = (trial.text, step.current.note.clone());
        let current = revise::stable(Some(&step.current), text, &note, sign);
        self.send(now, Proposal { current, goal: Goal::Stable(line) }, Vec::new(), turn);
    }

    /// The same trial, on the same instances or on others.
    fn next_step(&mut self, now: Moment, on: Option<On>, turn: &mut Turn) {
        let (Phase::Following(step), Some(reading)) = (&self.phase, &self.reading) else {
            return;
        };
        let Some(trial) = &step.current.trial else { return };
        let on = on.unwrap_or_else(|| trial.on.clone());
        let mut waited = reading.live();
        waited.retain(|name| on.names(name));
        let sign = self.sign(now, reading);
        let current = revise::trial_on(&step.current, on, sign);
        self.send(now, Proposal { current, goal: Goal::Step(waited) }, Vec::new(), turn);
    }

    pub(super) fn interrupt(&mut self, now: Moment, turn: &mut Turn) {
        self.interrupts += 1;
        match &self.phase {
            Phase::First(first) if self.interrupts == 1 => {
                let revision = first.proposal.current.revision;
                turn.lines.push(InterruptLine::AnswerAwaited { revision }.into());
            }
            Phase::Begin | Phase::Text(_) | Phase::First(_) | Phase::Clearing(_) => {
                self.finish_interrupted(turn);
            }
            Phase::Following(step) => {
                let awaited = self.sent.last().filter(|_| self.is_sending);
                let awaited = awaited.map(|sent| sent.decision.current.revision);
                if self.interrupts > 2 {
                    let left = self.unknown().unwrap_or(on_trial(step, now, None).into());
                    self.finish(turn, left, Outcome::Failed);
                } else if let Some(revision) = awaited {
                    let line = match self.interrupts {
                        1 => InterruptLine::LeavesAfter { revision },
                        _ => InterruptLine::GoesBackAfter { revision },
                    };
                    turn.lines.push(line.into());
                } else {
                    turn.work = Some(Work::Read { until: now.time });
                }
            }
            Phase::Settling(settling) => {
                let (revision, outcome) = (settling.revision(), settling.outcome);
                self.finish(turn, InterruptLine::Decided { revision }, outcome);
            }
            Phase::Cleaning { revision, outcome, .. } => {
                let (revision, outcome) = (*revision, *outcome);
                self.finish(turn, InterruptLine::CleanUp { revision }, outcome);
            }
            Phase::Done => {}
        }
    }

    /// After the first Ctrl-C: nothing is judged, and the command ends unless a second one comes.
    pub(super) fn pause(&mut self, now: Moment, turn: &mut Turn) {
        let Phase::Following(step) = &self.phase else { return };
        if self.paused_until.is_none() {
            self.paused_until = Some(now.time + SECOND_INTERRUPT_LIMIT);
            turn.lines.push(on_trial(step, now, Some(SECOND_INTERRUPT_LIMIT)).into());
        }
        self.end_pause(now, turn);
        if turn.work.is_none() {
            let until = self.paused_until.unwrap_or(now.time);
            turn.work = Some(Work::Read { until: until.min(now.time + READ_PERIOD) });
        }
    }

    /// Ends the command if Ctrl-C was not pressed again.
    fn end_pause(&mut self, now: Moment, turn: &mut Turn) {
        if self.interrupts == 1 && self.paused_until.is_some_and(|until| now.time >= until) {
            turn.lines.extend(self.unknown());
            self.end(turn, Outcome::Failed);
        }
    }
}

/// The state of a trial that the command leaves.
fn on_trial(step: &Step, now: Moment, again: Option<Duration>) -> InterruptLine {
    let within = step.over_at().saturating_sub(now.time);
    InterruptLine::OnTrial { revision: step.current.revision, within, again }
}
