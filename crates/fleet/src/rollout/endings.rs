//! The end of a command: its last line names the state that it leaves.

use super::begin::Goal;
use super::line::{Change, FailureLine, InterruptLine, Line, WarningLine};
use super::machine::{Phase, Rollout};
use super::messages::{Outcome, Turn, Work};
use super::reading::{FleetReading, Found};
use crate::moment::Moment;

impl Rollout {
    pub(super) fn finish(&mut self, turn: &mut Turn, line: impl Into<Line>, outcome: Outcome) {
        let line = line.into();
        let line = match self.cleared {
            Some(revision) => line.after_clearing(revision),
            None => line,
        };
        turn.lines.push(line);
        self.end(turn, outcome);
    }

    pub(super) fn end(&mut self, turn: &mut Turn, outcome: Outcome) {
        self.phase = Phase::Done;
        turn.work = Some(Work::Finish(outcome));
    }

    /// A read failed, or the result of a change is unknown.
    pub(super) fn store_failed(&mut self, now: Moment, error: String, turn: &mut Turn) {
        let over_at = match &self.phase {
            Phase::First(first) => first.over_at(now.time),
            Phase::Following(step) => step.over_at(),
            Phase::Settling(settling) => {
                let (revision, outcome) = (settling.revision(), settling.outcome);
                return self.finish(turn, WarningLine::NotSeen { revision, error }, outcome);
            }
            _ => return self.finish_failed(error, turn),
        };
        if now.time > over_at {
            return self.finish_failed(error, turn);
        }
        if !std::mem::replace(&mut self.is_away, true) {
            let on_trial = matches!(self.phase, Phase::Following(_));
            turn.lines.push(WarningLine::StoreAway { error, on_trial }.into());
        }
        if self.interrupts == 1 {
            self.pause(now, turn);
        }
    }

    /// A change failed, and was not made.
    pub(super) fn write_failed(&mut self, now: Moment, error: String, turn: &mut Turn) {
        self.sent.pop();
        match self.phase {
            Phase::First(_) if self.sent.is_empty() => self.finish_failed(error, turn),
            _ => self.store_failed(now, error, turn),
        }
    }

    /// Ends the command because the store failed for too long.
    pub(super) fn finish_failed(&mut self, error: String, turn: &mut Turn) {
        let line = self.unknown().unwrap_or_else(|| match &self.phase {
            Phase::Following(step) => {
                FailureLine::Undecided { revision: step.current.revision, error }.into()
            }
            _ => FailureLine::NothingChanged { error }.into(),
        });
        self.finish(turn, line, Outcome::Failed);
    }

    /// Ends the command before its trial, after Ctrl-C.
    pub(super) fn finish_interrupted(&mut self, turn: &mut Turn) {
        let line = self.unknown().unwrap_or(InterruptLine::Unchanged.into());
        self.finish(turn, line, Outcome::Failed);
    }

    /// The line about changes without a known result, if there are any.
    pub(super) fn unknown(&self) -> Option<Line> {
        let change = |goal: &Goal| match goal {
            Goal::Step(_) => Change::Trial,
            Goal::Stable(_) => Change::Stable,
            Goal::Back(..) | Goal::Again(_) => Change::End,
        };
        let last = self.sent.last()?;
        let mut changes = self.sent.iter().map(|sent| change(&sent.goal));
        let first = changes.next()?;
        let change = if changes.all(|change| change == first) { first } else { Change::Several };
        Some(FailureLine::Unknown { revision: last.decision.current.revision, change }.into())
    }

    /// Ends the command because another publisher has changed `current`.
    pub(super) fn finish_overtaken(&mut self, reading: &FleetReading, turn: &mut Turn) {
        let line = match &reading.found {
            Found::Current(it) => {
                let (by, note) = (it.by.clone(), it.note.clone());
                FailureLine::Overtaken { revision: it.revision, by, note }
            }
            Found::Nothing | Found::Damaged(_) => FailureLine::KeyLost,
        };
        self.finish(turn, line, Outcome::Failed);
    }

    /// Ends a decided command because another publisher has changed `current` after it.
    pub(super) fn finish_superseded(
        &mut self,
        reading: &FleetReading,
        outcome: Outcome,
        turn: &mut Turn,
    ) {
        let line = match &reading.found {
            Found::Current(it) => {
                let (by, note) = (it.by.clone(), it.note.clone());
                WarningLine::Superseded { revision: it.revision, by, note }
            }
            Found::Nothing | Found::Damaged(_) => WarningLine::KeyLost,
        };
        self.finish(turn, line, outcome);
    }
}
