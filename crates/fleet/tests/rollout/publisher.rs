//! A publisher whose machine works on the store in memory, slowly and with faults.

use crate::instance::Millis;
use fleet::{Decision, Input, Line, Moment, Outcome, Request, Rollout, Work};
use std::time::{Duration, SystemTime};

#[derive(Debug)]
pub(crate) struct Publisher {
    machine: Rollout,
    pub(crate) work: Option<Work>,
    /// The work is carried out then.
    pub(crate) due: Millis,
    /// A result that arrives later.
    pub(crate) result: Option<(Input, Millis)>,
    /// The store's revision at the last read.
    pub(crate) seen: i64,
    pub(crate) lines: Vec<Line>,
    pub(crate) outcome: Option<Outcome>,
    /// It is killed when it has begun so many works.
    pub(crate) killed_at: u32,
    pub(crate) works: u32,
    pub(crate) interrupts: Vec<Millis>,
}

impl Publisher {
    pub(crate) fn new(request: Request, name: &str, begins: Millis) -> Self {
        Self {
            machine: Rollout::new(request, name.to_owned()),
            work: Some(Work::Read { until: Duration::from_millis(begins) }),
            due: begins,
            result: None,
            seen: 0,
            lines: Vec::new(),
            outcome: None,
            killed_at: u32::MAX,
            works: 0,
            interrupts: Vec::new(),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.outcome.is_some() || self.works >= self.killed_at
    }

    pub(crate) fn take(&mut self, input: Input, now: Millis, latency: Millis) {
        let time = Duration::from_millis(now);
        let turn = self.machine.on(Moment { time, at: SystemTime::UNIX_EPOCH + time }, input);
        for line in turn.lines.iter().map(ToString::to_string) {
            assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
        }
        self.lines.extend(turn.lines);
        match turn.work {
            None => {}
            Some(Work::Finish(outcome)) => self.outcome = Some(outcome),
            Some(work) => {
                self.works += u32::from(!matches!(work, Work::Read { .. }));
                self.due = now + latency;
                self.work = Some(work);
                self.result = None;
            }
        }
    }

    pub(crate) fn decision(&self) -> Option<&Decision> {
        match &self.work {
            Some(Work::Decide(decision)) => Some(decision),
            _ => None,
        }
    }
}
