//! The machine: inputs in, lines and the next work out.

use super::begin::{self, Goal, Proposal};
use super::line::{Fault, Line, ResultLine, StepLine, WarningLine};
use super::messages::{Decision, Input, Outcome, Removal, Request, Turn, Work};
use super::reading::FleetReading;
use super::revise::Signature;
use super::settle::Settling;
use super::step::Step;
use crate::model::{Current, TextHash};
use crate::moment::Moment;
use crate::store::Compare;
use std::time::Duration;

/// The longest wait between two readings.
pub(super) const READ_PERIOD: Duration = Duration::from_secs(1);
/// The most texts that one clean-up removes; a transaction has at most 128 operations.
const REMOVALS_MAX: usize = 100;

/// One command of a publisher.
#[derive(Debug)]
pub struct Rollout {
    pub(super) request: Request,
    by: String,
    pub(super) phase: Phase,
    /// The last reading.
    pub(super) reading: Option<FleetReading>,
    /// Changes sent whose result is not known, the last one included. All follow the same change of `current`, so that
    /// at most one of them can be carried out.
    pub(super) sent: Vec<Sent>,
    /// The revision with which this command has removed an ended trial.
    pub(super) cleared: Option<u64>,
    /// Whether the store failed at the last attempt.
    pub(super) is_away: bool,
    /// Whether the result of a change has not arrived.
    pub(super) is_sending: bool,
    /// Number of times that Ctrl-C was pressed.
    pub(super) interrupts: u32,
    /// The end of the wait for a second Ctrl-C.
    pub(super) paused_until: Option<Duration>,
    /// Lines that a repeated change or a second beginning would print again.
    printed: Vec<Line>,
}

/// Where a command stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// The first reading is under way.
    Begin,
    /// The text of the first change is being written.
    Text(Box<First>),
    /// The first change was sent.
    First(Box<First>),
    /// An ended trial is gone, and its instances read that.
    Clearing(Settling),
    /// A step runs.
    Following(Box<Step>),
    /// `current` is decided.
    Settling(Settling),
    /// Texts that nothing names are being removed.
    Cleaning { revision: u64, named: Vec<TextHash>, mod_revision: i64, outcome: Outcome },
    /// The command has ended.
    Done,
}

/// The first change of a command.
#[derive(Clone, Debug)]
pub(super) struct First {
    pub(super) proposal: Proposal,
    /// The text that must be in the store before.
    pub(super) text: Option<TextHash>,
    /// etcd's `mod_revision` of the `current` that this replaces; 0 if the key must not exist.
    pub(super) mod_revision: i64,
    /// The time of the first attempt.
    pub(super) since: Option<Duration>,
    /// Number of attempts that the store has refused.
    pub(super) refusals: u32,
}

/// A change that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) decision: Decision,
    pub(super) goal: Goal,
    at: Duration,
}

impl Rollout {
    /// `by` names the publisher, as `user@host`. The first work is a read.
    pub fn new(request: Request, by: String) -> Self {
        Self {
            request,
            by,
            phase: Phase::Begin,
            reading: None,
            sent: Vec::new(),
            cleared: None,
            is_away: false,
            is_sending: false,
            interrupts: 0,
            paused_until: None,
            printed: Vec::new(),
        }
    }

    /// Handles the result of the last work, or Ctrl-C. Returns the lines to print and the next work.
    pub fn on(&mut self, now: Moment, input: Input) -> Turn {
        let mut turn = Turn::default();
        let is_interrupt = matches!(input, Input::Interrupt);
        self.is_sending &= is_interrupt;
        match input {
            Input::Read(reading) => self.read(now, reading, &mut turn),
            Input::TextReady(parts) => self.text_ready(now, parts, &mut turn),
            Input::TextFailed(error) => self.finish_failed(error, &mut turn),
            Input::Written(mod_revision) => self.written(now, mod_revision, &mut turn),
            Input::NotWritten => self.not_written(now, &mut turn),
            Input::ReadFailed(error) | Input::WriteUnknown(error) => {
                self.store_failed(now, error, &mut turn);
            }
            Input::WriteFailed(error) => self.write_failed(now, error, &mut turn),
            Input::Texts(texts) => self.texts(&texts, &mut turn),
            Input::CleanedUp(result) => self.cleaned_up(result, &mut turn),
            Input::Interrupt => self.interrupt(now, &mut turn),
        }
        if turn.work.is_none() && !is_interrupt {
            turn.work = Some(Work::Read { until: now.time + READ_PERIOD });
        }
        self.print_once(&mut turn.lines);
        turn
    }

    /// Removes lines about a change that was tried before, and about a status that was unreadable before.
    fn print_once(&mut self, lines: &mut Vec<Line>) {
        lines.retain(|line| {
            let is_repeated = matches!(
                line,
                Line::GoesBack { .. }
                    | Line::Step(StepLine::Held { .. } | StepLine::Extended { .. })
                    | Line::Warning(WarningLine::Unreadable { .. })
            );
            let is_new = !is_repeated || !self.printed.contains(line);
            if is_repeated && is_new {
                self.printed.push(line.clone());
            }
            is_new
        });
    }

    fn read(&mut self, now: Moment, reading: FleetReading, turn: &mut Turn) {
        if std::mem::take(&mut self.is_away) {
            turn.lines.push(Line::StoreBack);
        }
        let is_new = !matches!(self.phase, Phase::Begin);
        let adopted = is_new && self.adopt(now, &reading, turn);
        self.reading = Some(reading);
        if adopted {
            return;
        }
        match &self.phase {
            Phase::Begin => self.begin(now, turn),
            Phase::First(_) => self.first_again(now, turn),
            Phase::Clearing(_) => self.clear(now, turn),
            Phase::Following(_) => self.follow(now, turn),
            Phase::Settling(_) => self.settle(now, turn),
            Phase::Text(_) | Phase::Cleaning { .. } | Phase::Done => {}
        }
    }

    /// Whether `current` shows that a change sent before was carried out, or that another publisher has changed it.
    fn adopt(&mut self, now: Moment, reading: &FleetReading, turn: &mut Turn) -> bool {
        let base = match &self.phase {
            Phase::First(first) => first.mod_revision,
            Phase::Clearing(clearing) => clearing.mod_revision,
            Phase::Following(step) => step.mod_revision,
            Phase::Settling(settling) => settling.mod_revision,
            Phase::Begin | Phase::Text(_) | Phase::Cleaning { .. } | Phase::Done => return false,
        };
        if base == reading.mod_revision {
            return false;
        }
        if let Phase::Settling(settling) = &self.phase {
            let outcome = settling.outcome;
            self.finish_superseded(reading, outcome, turn);
            return true;
        }
        let ours = reading.current().and_then(|current| {
            self.sent.iter().position(|sent| sent.decision.current == *current)
        });
        let Some(ours) = ours else {
            self.finish_overtaken(reading, turn);
            return true;
        };
        let sent = self.sent.swap_remove(ours);
        self.carried_out(now, sent, reading.mod_revision, turn);
        true
    }

    fn written(&mut self, now: Moment, mod_revision: i64, turn: &mut Turn) {
        if let Some(sent) = self.sent.pop() {
            self.carried_out(now, sent, mod_revision, turn);
        }
    }

    /// A change of this command was carried out.
    fn carried_out(&mut self, now: Moment, sent: Sent, mod_revision: i64, turn: &mut Turn) {
        self.sent.clear();
        self.is_away = false;
        let current = sent.decision.current;
        match sent.goal {
            Goal::Step(waited) => {
                let Some(reading) = &self.reading else { return };
                let step = Step::new(current, mod_revision, sent.at, waited, reading);
                self.step_begins(now, step, turn);
            }
            Goal::Stable(line) => {
                self.decided(now, current, mod_revision, line, Outcome::Done, turn);
            }
            Goal::Back(line, outcome) => {
                self.decided(now, current, mod_revision, line, outcome, turn);
            }
            Goal::Again(line) => {
                turn.lines.push(line.into());
                self.cleared = Some(current.revision);
                let clearing = Settling::new(current, mod_revision, now.time, Outcome::Failed);
                self.phase = Phase::Clearing(clearing);
                turn.work = Some(Work::Read { until: now.time });
            }
        }
    }

    fn decided(
        &mut self,
        now: Moment,
        current: Current,
        mod_revision: i64,
        line: ResultLine,
        outcome: Outcome,
        turn: &mut Turn,
    ) {
        turn.lines.push(line.into());
        self.phase = Phase::Settling(Settling::new(current, mod_revision, now.time, outcome));
        turn.work = Some(Work::Read { until: now.time });
    }

    fn settle(&mut self, now: Moment, turn: &mut Turn) {
        let (Phase::Settling(settling), Some(reading)) = (&self.phase, &self.reading) else {
            return;
        };
        if !settling.is_over(reading, now.time, &mut turn.lines) {
            let until = settling.until.min(now.time + READ_PERIOD);
            turn.work = Some(Work::Read { until });
            return;
        }
        self.phase = Phase::Cleaning {
            revision: settling.revision(),
            named: settling.named(),
            mod_revision: settling.mod_revision,
            outcome: settling.outcome,
        };
        turn.work = Some(Work::ListTexts);
    }

    fn texts(&mut self, texts: &[TextHash], turn: &mut Turn) {
        let Phase::Cleaning { named, mod_revision, outcome, .. } = &self.phase else { return };
        let (mod_revision, outcome) = (*mod_revision, *outcome);
        let unnamed = texts.iter().filter(|text| !named.contains(text)).copied();
        let texts: Vec<TextHash> = unnamed.take(REMOVALS_MAX).collect();
        if texts.is_empty() {
            return self.end(turn, outcome);
        }
        turn.work = Some(Work::Remove(Removal { texts, mod_revision }));
    }

    fn cleaned_up(&mut self, result: Result<(), String>, turn: &mut Turn) {
        let Phase::Cleaning { outcome, .. } = self.phase else { return };
        let failed = result.err().map(|error| WarningLine::NotCleanedUp { error }.into());
        turn.lines.extend(failed);
        self.end(turn, outcome);
    }

    /// Sends a change that follows the last reading.
    pub(super) fn send(
        &mut self,
        now: Moment,
        proposal: Proposal,
        parts: Vec<Compare>,
        turn: &mut Turn,
    ) {
        let mod_revision = self.reading.as_ref().map_or(0, |reading| reading.mod_revision);
        let decision = Decision { current: proposal.current, mod_revision, parts };
        self.sent.push(Sent { decision: decision.clone(), goal: proposal.goal, at: now.time });
        self.is_sending = true;
        turn.work = Some(Work::Decide(Box::new(decision)));
    }

    pub(super) fn sign(&self, now: Moment, reading: &FleetReading) -> Signature {
        Signature { revision: reading.next_revision(), by: self.by.clone(), at: now.rfc3339() }
    }

    /// The change that ends the trial for this reason.
    pub(super) fn go_back(
        &mut self,
        now: Moment,
        fault: &Fault,
        outcome: Outcome,
        turn: &mut Turn,
    ) {
        let (Phase::Following(step), Some(reading)) = (&self.phase, &self.reading) else {
            return;
        };
        let sign = self.sign(now, reading);
        let proposal = begin::end_of_trial(&step.current, fault, outcome, sign);
        self.send(now, proposal, Vec::new(), turn);
    }
}
