//! The first change of a command, with the text that must be in the store before it.

use super::begin::{self, Proposal, Start};
use super::line::FailureLine;
use super::machine::{First, Phase, Rollout};
use super::messages::{Outcome, Turn, Work};
use crate::model::TextHash;
use crate::moment::Moment;
use crate::store::Compare;
use std::time::Duration;

/// Time for the first change, from its first attempt on.
const FIRST_LIMIT: Duration = Duration::from_secs(30);
/// The number of refusals of the first change after which its text is not written again.
const REFUSALS_MAX: u32 = 5;

impl First {
    fn new(proposal: Proposal, text: Option<TextHash>, mod_revision: i64) -> Self {
        Self { proposal, text, mod_revision, since: None, refusals: 0 }
    }

    /// The end of the attempts.
    pub(super) fn over_at(&self, now: Duration) -> Duration {
        self.since.unwrap_or(now) + FIRST_LIMIT
    }
}

impl Rollout {
    /// Decides what to do from the first reading.
    pub(super) fn begin(&mut self, now: Moment, turn: &mut Turn) {
        let Some(reading) = self.reading.take() else { return };
        let (sign, mod_revision) = (self.sign(now, &reading), reading.mod_revision);
        let start = begin::start(&self.request, &reading, sign, &mut turn.lines);
        self.reading = Some(reading);
        match start {
            Start::End(line, outcome) => self.finish(turn, line, outcome),
            Start::Text(text, proposal) => {
                self.phase = Phase::Text(Box::new(First::new(proposal, Some(text), mod_revision)));
                turn.work = Some(Work::PutText(text));
            }
            Start::Change(proposal) => {
                let first = First::new(proposal, None, mod_revision);
                self.send_first(now, first, Vec::new(), turn);
            }
        }
    }

    pub(super) fn text_ready(&mut self, now: Moment, parts: Vec<Compare>, turn: &mut Turn) {
        if let Phase::Text(first) = &self.phase {
            let first = First::clone(first);
            self.send_first(now, first, parts, turn);
        }
    }

    fn send_first(&mut self, now: Moment, mut first: First, parts: Vec<Compare>, turn: &mut Turn) {
        first.since.get_or_insert(now.time);
        let proposal = first.proposal.clone();
        self.phase = Phase::First(Box::new(first));
        self.send(now, proposal, parts, turn);
    }

    /// The store has refused a change, because `current` has changed or a part of the text is gone.
    pub(super) fn not_written(&mut self, now: Moment, turn: &mut Turn) {
        self.sent.pop();
        if let Phase::First(first) = &mut self.phase {
            first.refusals += 1;
        }
        turn.work = Some(Work::Read { until: now.time });
    }

    /// `current` is as before the first change, whose result is unknown or which the store has refused.
    pub(super) fn first_again(&mut self, now: Moment, turn: &mut Turn) {
        let Phase::First(first) = &self.phase else { return };
        if self.interrupts > 0 {
            return self.finish_interrupted(turn);
        }
        if now.time > first.over_at(now.time) || first.refusals >= REFUSALS_MAX {
            let line = self.unknown().unwrap_or(FailureLine::TextRemoved.into());
            return self.finish(turn, line, Outcome::Failed);
        }
        let first = First::clone(first);
        match first.text {
            // A part may have been removed by another publisher's clean-up.
            Some(text) => {
                self.phase = Phase::Text(Box::new(first));
                turn.work = Some(Work::PutText(text));
            }
            None => self.send_first(now, first, Vec::new(), turn),
        }
    }
}
