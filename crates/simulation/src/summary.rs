//! What remains of histories that broke no rule.

use flow::{By, Cause, Phase};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The facts of one history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Equal for equal histories only.
    pub trace: u64,
    /// Steps taken.
    pub steps: u64,
    /// Simulated time.
    pub time: Duration,
    /// Sessions of the engine, by their close reasons.
    pub reasons: BTreeMap<(By, Phase, Cause), u64>,
}

/// The facts of many histories together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Histories that were run.
    pub histories: u64,
    /// Their steps.
    pub steps: u64,
    /// Simulated time.
    pub time: Duration,
    /// Sessions of the engine, by their close reasons.
    pub reasons: BTreeMap<(By, Phase, Cause), u64>,
}

impl Totals {
    /// Adds a history.
    pub(crate) fn add(&mut self, summary: &Summary) {
        self.histories += 1;
        self.steps += summary.steps;
        self.time += summary.time;
        for (reason, count) in &summary.reasons {
            *self.reasons.entry(*reason).or_default() += count;
        }
    }

    /// Sessions of the engine.
    pub fn sessions(&self) -> u64 {
        self.reasons.values().sum()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (histories, sessions, steps) = (self.histories, self.sessions(), self.steps);
        let hours = self.time.as_secs() / 3600;
        write!(f, "{histories} histories, {sessions} sessions, {steps} steps, {hours} hours")?;
        for ((by, phase, cause), count) in &self.reasons {
            write!(f, "\n  {count:>9} {}/{}/{}", by.as_str(), phase.as_str(), cause.as_str())?;
        }
        Ok(())
    }
}
