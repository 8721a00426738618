//! The machine: inputs in, lines and the next work out.

use super::begin::{self, Goal, Plan, Start};
use super::line::{Fault, Line};
use super::messages::{Decision, Input, Now, Outcome, Removal, Request, Turn, Work};
use super::reading::{Found, Reading};
use super::revise::Signature;
use super::settle::Settling;
use super::step::Step;
use crate::model::{Current, TextHash};
use crate::store::Compare;
use std::time::Duration;

/// The longest wait between two readings.
pub(super) const POLL: Duration = Duration::from_secs(1);
/// Time after the first Ctrl-C in which a second one goes back.
pub(super) const AGAIN: Duration = Duration::from_secs(3);
/// The longest wait for the store before a trial of this command exists.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most often that a text is written before its publication.
const TEXT_TRIES: u32 = 5;
/// The most texts that one clean-up removes; a transaction has at most 128 operations.
const REMOVALS: usize = 100;

/// One command of a publisher.
#[derive(Debug)]
pub struct Rollout {
    pub(super) request: Request,
    by: String,
    pub(super) phase: Phase,
    /// The last reading.
    pub(super) reading: Option<Reading>,
    /// Changes sent whose result is unknown, the last one included. All follow the same change of `current`, so that
    /// at most one of them can be carried out.
    pub(super) sent: Vec<Sent>,
    /// Whether the store failed at the last attempt.
    pub(super) is_away: bool,
    /// Whether the result of a change has not arrived.
    pub(super) is_sending: bool,
    /// How often Ctrl-C came.
    pub(super) interrupts: u32,
    /// The end of the wait for a second Ctrl-C.
    pub(super) paused_until: Option<Duration>,
    /// Lines that a repeated change would say again.
    said: Vec<Line>,
}

/// Where a command stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing was read.
    Begin,
    /// The text is being written.
    Text { text: TextHash, plan: Plan, tries: u32 },
    /// The first change was sent, at first at `since`.
    First { text: Option<(TextHash, u32)>, plan: Plan, since: Duration },
    /// An ended trial is gone, and its instances read that.
    Clearing(Settling),
    /// A step runs.
    Following(Box<Step>),
    /// `current` is decided.
    Settling(Settling),
    /// Texts that nothing names are being removed.
    Cleaning { named: Vec<TextHash>, mod_revision: i64, outcome: Outcome },
    /// Nothing more.
    Done,
}

/// A change that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    decision: Decision,
    goal: Goal,
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
            is_away: false,
            is_sending: false,
            interrupts: 0,
            paused_until: None,
            said: Vec::new(),
        }
    }

    /// Takes one input.
    pub fn on(&mut self, now: Now, input: Input) -> Turn {
        let mut turn = Turn::default();
        let is_interrupt = matches!(input, Input::Interrupt);
        self.is_sending &= is_interrupt;
        match input {
            Input::Read(reading) => self.read(now, reading, &mut turn),
            Input::TextReady(parts) => self.text_ready(now, parts, &mut turn),
            Input::TextFailed(error) => {
                let nothing = self.sent.is_empty().then_some(Line::NothingChanged { error });
                let line = nothing.unwrap_or_else(|| self.lost());
                self.finish(&mut turn, line, Outcome::Failed);
            }
            Input::Written(mod_revision) => self.written(now, mod_revision, &mut turn),
            Input::NotWritten => turn.work = Some(Work::Read { until: now.time }),
            Input::ReadFailed(error) | Input::WriteUnknown(error) => {
                self.store_failed(now, error, &mut turn);
            }
            Input::WriteFailed(error) => self.write_failed(now, error, &mut turn),
            Input::Texts(texts) => self.texts(&texts, &mut turn),
            Input::CleanedUp(result) => self.cleaned_up(result, &mut turn),
            Input::Interrupt => self.interrupt(now, &mut turn),
        }
        if turn.work.is_none() && !is_interrupt {
            turn.work = Some(Work::Read { until: now.time + POLL });
        }
        self.say_once(&mut turn.lines);
        turn
    }

    /// Removes lines about a change that was tried before.
    fn say_once(&mut self, lines: &mut Vec<Line>) {
        lines.retain(|line| {
            let is_repeated =
                matches!(line, Line::Fault { .. } | Line::Held { .. } | Line::Extended { .. });
            let is_new = !is_repeated || !self.said.contains(line);
            if is_repeated && is_new {
                self.said.push(line.clone());
            }
            is_new
        });
    }

    fn read(&mut self, now: Now, reading: Reading, turn: &mut Turn) {
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
            Phase::First { .. } => self.first_again(now, turn),
            Phase::Clearing(_) => self.clear(now, turn),
            Phase::Following(_) => self.follow(now, turn),
            Phase::Settling(_) => self.settle(now, turn),
            Phase::Text { .. } | Phase::Cleaning { .. } | Phase::Done => {}
        }
    }

    /// Whether `current` shows that a change sent before was carried out, or that another publisher has changed it.
    fn adopt(&mut self, now: Now, reading: &Reading, turn: &mut Turn) -> bool {
        let base = match &self.phase {
            Phase::First { .. } => self.sent.first().map(|sent| sent.decision.mod_revision),
            Phase::Clearing(clearing) => Some(clearing.mod_revision),
            Phase::Following(step) => Some(step.mod_revision),
            Phase::Settling(settling) if settling.mod_revision != reading.mod_revision => {
                let outcome = settling.outcome;
                self.end(turn, outcome);
                return true;
            }
            _ => None,
        };
        if base.is_none_or(|base| base == reading.mod_revision) {
            return false;
        }
        let ours = reading.current().and_then(|current| {
            self.sent.iter().position(|sent| sent.decision.current == *current)
        });
        let Some(ours) = ours else {
            let (revision, by, note) = match &reading.found {
                Found::Current(it) => (Some(it.revision), it.by.clone(), it.note.clone()),
                Found::Nothing | Found::Damaged(_) => (None, String::new(), String::new()),
            };
            self.finish(turn, Line::Overtaken { revision, by, note }, Outcome::Failed);
            return true;
        };
        let sent = self.sent.swap_remove(ours);
        self.carried_out(now, sent, reading.mod_revision, turn);
        true
    }

    pub(super) fn begin(&mut self, now: Now, turn: &mut Turn) {
        let Some(reading) = self.reading.take() else { return };
        let sign = self.sign(now, &reading);
        let start = begin::start(&self.request, &reading, sign, &mut turn.lines);
        self.reading = Some(reading);
        match start {
            Start::End(line, outcome) => self.finish(turn, line, outcome),
            Start::Text(text, plan) => {
                self.phase = Phase::Text { text, plan, tries: 1 };
                turn.work = Some(Work::PutText(text));
            }
            Start::Change(plan) => {
                self.phase = Phase::First { text: None, plan: plan.clone(), since: now.time };
                self.send(now, plan, Vec::new(), turn);
            }
        }
    }

    fn text_ready(&mut self, now: Now, parts: Vec<Compare>, turn: &mut Turn) {
        let Phase::Text { text, plan, tries } = &self.phase else { return };
        let (text, plan) = (Some((*text, *tries)), plan.clone());
        self.phase = Phase::First { text, plan: plan.clone(), since: now.time };
        self.send(now, plan, parts, turn);
    }

    /// The first change has no known result, and `current` is as before.
    fn first_again(&mut self, now: Now, turn: &mut Turn) {
        let Phase::First { text, plan, since } = &self.phase else { return };
        if now.time > *since + PATIENCE {
            let revision = plan.current.revision;
            return self.finish(turn, Line::Unknown { revision }, Outcome::Failed);
        }
        let (text, plan) = (*text, plan.clone());
        match text {
            // A part may have been removed by another publisher's clean-up.
            Some((_, tries)) if tries >= TEXT_TRIES => {
                self.finish(turn, Line::TextRemoved, Outcome::Failed);
            }
            Some((text, tries)) => {
                self.phase = Phase::Text { text, plan, tries: tries + 1 };
                turn.work = Some(Work::PutText(text));
            }
            None => self.send(now, plan, Vec::new(), turn),
        }
    }

    fn written(&mut self, now: Now, mod_revision: i64, turn: &mut Turn) {
        if let Some(sent) = self.sent.pop() {
            self.carried_out(now, sent, mod_revision, turn);
        }
    }

    /// A change of this command was carried out.
    fn carried_out(&mut self, now: Now, sent: Sent, mod_revision: i64, turn: &mut Turn) {
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
                turn.lines.push(line);
                let clearing = Settling::new(current, mod_revision, now.time, Outcome::Failed);
                self.phase = Phase::Clearing(clearing);
                turn.work = Some(Work::Read { until: now.time });
            }
        }
    }

    fn decided(
        &mut self,
        now: Now,
        current: Current,
        mod_revision: i64,
        line: Line,
        outcome: Outcome,
        turn: &mut Turn,
    ) {
        turn.lines.push(line);
        self.phase = Phase::Settling(Settling::new(current, mod_revision, now.time, outcome));
        turn.work = Some(Work::Read { until: now.time });
    }

    fn settle(&mut self, now: Now, turn: &mut Turn) {
        let (Phase::Settling(settling), Some(reading)) = (&self.phase, &self.reading) else {
            return;
        };
        if !settling.is_over(reading, now.time, &mut turn.lines) {
            let until = settling.until.min(now.time + POLL);
            turn.work = Some(Work::Read { until });
            return;
        }
        let (named, outcome) = (settling.named(), settling.outcome);
        self.phase = Phase::Cleaning { named, mod_revision: settling.mod_revision, outcome };
        turn.work = Some(Work::ListTexts);
    }

    fn texts(&mut self, texts: &[TextHash], turn: &mut Turn) {
        let Phase::Cleaning { named, mod_revision, outcome } = &self.phase else { return };
        let (mod_revision, outcome) = (*mod_revision, *outcome);
        let unnamed = texts.iter().filter(|text| !named.contains(text)).copied();
        let texts: Vec<TextHash> = unnamed.take(REMOVALS).collect();
        if texts.is_empty() {
            return self.end(turn, outcome);
        }
        turn.work = Some(Work::Remove(Removal { texts, mod_revision }));
    }

    fn cleaned_up(&mut self, result: Result<(), String>, turn: &mut Turn) {
        let Phase::Cleaning { outcome, .. } = self.phase else { return };
        turn.lines.extend(result.err().map(|error| Line::NotCleanedUp { error }));
        self.end(turn, outcome);
    }

    /// Sends a change that follows the last reading.
    pub(super) fn send(&mut self, now: Now, plan: Plan, parts: Vec<Compare>, turn: &mut Turn) {
        let mod_revision = self.reading.as_ref().map_or(0, |reading| reading.mod_revision);
        let decision = Decision { current: plan.current, mod_revision, parts };
        self.sent.push(Sent { decision: decision.clone(), goal: plan.goal, at: now.time });
        self.is_sending = true;
        turn.work = Some(Work::Decide(Box::new(decision)));
    }

    /// A read failed, or the result of a change is unknown.
    fn store_failed(&mut self, now: Now, error: String, turn: &mut Turn) {
        let over_at = match &self.phase {
            Phase::First { since, .. } => *since + PATIENCE,
            Phase::Following(step) => step.over_at(),
            Phase::Settling(settling) => {
                let outcome = settling.outcome;
                return self.finish(turn, Line::NotCleanedUp { error }, outcome);
            }
            _ => return self.finish(turn, Line::NothingChanged { error }, Outcome::Failed),
        };
        if now.time > over_at {
            let line = self.lost();
            return self.finish(turn, line, Outcome::Failed);
        }
        if !std::mem::replace(&mut self.is_away, true) {
            let on_trial = matches!(self.phase, Phase::Following(_));
            turn.lines.push(Line::StoreAway { error, on_trial });
        }
        if self.interrupts == 1 {
            self.pause(now, turn);
        }
    }

    /// The words for a store that stayed away.
    pub(super) fn lost(&self) -> Line {
        let last = self.sent.last().map(|sent| sent.decision.current.revision);
        match (&self.phase, last) {
            (_, Some(revision)) => Line::Unknown { revision },
            (Phase::Following(step), None) => Line::Lost { revision: step.current.revision },
            (_, None) => Line::Lost { revision: 0 },
        }
    }

    fn write_failed(&mut self, now: Now, error: String, turn: &mut Turn) {
        self.sent.pop();
        match self.phase {
            Phase::First { .. } if self.sent.is_empty() => {
                self.finish(turn, Line::NothingChanged { error }, Outcome::Failed);
            }
            _ => self.store_failed(now, error, turn),
        }
    }

    pub(super) fn sign(&self, now: Now, reading: &Reading) -> Signature {
        let at = humantime::format_rfc3339_seconds(now.wall).to_string();
        Signature { revision: reading.next_revision(), by: self.by.clone(), at }
    }

    pub(super) fn finish(&mut self, turn: &mut Turn, line: Line, outcome: Outcome) {
        turn.lines.push(line);
        self.end(turn, outcome);
    }

    pub(super) fn end(&mut self, turn: &mut Turn, outcome: Outcome) {
        self.phase = Phase::Done;
        turn.work = Some(Work::Finish(outcome));
    }

    /// The change that ends the trial for this reason.
    pub(super) fn go_back(&mut self, now: Now, fault: &Fault, outcome: Outcome, turn: &mut Turn) {
        let (Phase::Following(step), Some(reading)) = (&self.phase, &self.reading) else {
            return;
        };
        let sign = self.sign(now, reading);
        let plan = begin::end_of_trial(&step.current, fault, outcome, sign);
        self.send(now, plan, Vec::new(), turn);
    }
}
