//! One step of a trial: its instances, and its assessment.

use super::line::{Fault, Line, StepLine};
use super::reading::FleetReading;
use crate::model::{Current, InstanceState, Trial};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A step goes back if an instance does not run the text at this time after its hold. Instances fall back by
/// themselves 10 s after the hold that they began at the step or later.
const GRACE: Duration = Duration::from_secs(5);
/// Time in which an instance has fallen back after the hold, if nothing else is decided, and has reported it.
const FALL_BACK_LIMIT: Duration = Duration::from_secs(15);

/// A step that runs.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) current: Current,
    pub(super) mod_revision: i64,
    /// The first revision of this trial that this command knows.
    first: u64,
    /// The first revision of this step.
    base: u64,
    /// When the last change of the step was sent.
    begun: Duration,
    waited: BTreeMap<String, Progress>,
    is_extended: bool,
}

/// One instance that a step waits for.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// It has run the text, in this step or one before.
    has_run: bool,
    /// Since when it is seen to run the text under a revision of this step.
    since: Option<Duration>,
}

/// The consequence of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Assessment {
    /// No decision before this time.
    Wait(Duration),
    /// These instances began late, and the others would fall back before the end of their hold: the same step again, under a new
    /// revision.
    Extend(BTreeSet<String>),
    /// All instances of the step have run the text for its hold.
    Held,
    /// The trial goes back.
    Back(Fault),
}

impl Step {
    /// `reading` is that before the change; `waited` lives in it.
    pub(super) fn new(
        current: Current,
        mod_revision: i64,
        begun: Duration,
        waited: BTreeSet<String>,
        reading: &FleetReading,
    ) -> Self {
        let trial = current.trial.as_ref();
        let has_run = |name: &String| {
            let instance = reading.instances.get(name);
            instance.zip(trial).is_some_and(|(instance, trial)| instance.tries(trial.text))
        };
        let progress = |name: String| {
            let has_run = has_run(&name);
            (name, Progress { has_run, since: None })
        };
        let waited = waited.into_iter().map(progress).collect();
        let (first, base) = (current.revision, current.revision);
        Self { current, mod_revision, first, base, begun, waited, is_extended: false }
    }

    /// The step after `before` in the same trial.
    pub(super) fn after(mut self, before: &Self) -> Self {
        self.first = before.first;
        for (name, progress) in &mut self.waited {
            progress.has_run |= before.waited.get(name).is_some_and(|it| it.has_run);
        }
        self
    }

    /// The same step as `before`, under a new revision.
    pub(super) fn extends(self, before: &Self) -> Self {
        let (first, base, waited) = (before.first, before.base, before.waited.clone());
        Self { first, base, waited, is_extended: true, ..self }
    }

    /// The trial began with this revision, which another publisher wrote.
    pub(super) fn begun_as(self, first: u64) -> Self {
        Self { first, ..self }
    }

    /// When every instance has ended the trial, if nothing else is decided.
    pub(super) fn over_at(&self) -> Duration {
        self.begun + self.hold() + FALL_BACK_LIMIT
    }

    pub(super) fn hold(&self) -> Duration {
        self.current.trial.as_ref().map_or(Duration::ZERO, |trial| trial.hold)
    }

    /// Instances that the step waits for.
    pub(super) fn count(&self) -> usize {
        self.waited.len()
    }

    pub(super) fn waits_for(&self, name: &str) -> bool {
        self.waited.contains_key(name)
    }

    /// Assesses a reading in which `current` is that of the step.
    pub(super) fn assess(
        &mut self,
        reading: &FleetReading,
        now: Duration,
        lines: &mut Vec<Line>,
    ) -> Assessment {
        let Some(trial) = self.current.trial.clone() else { return Assessment::Held };
        let mut faults = self.faults(reading, &trial);
        if faults.is_empty() {
            self.note_begun(reading, &trial, now, lines);
            if self.waited.is_empty() {
                faults.push(Fault::NoneLeft);
            }
        }
        let revision = self.current.revision;
        lines.extend(faults.iter().cloned().map(|fault| Line::GoesBack { revision, fault }));
        match faults.into_iter().next() {
            Some(fault) => Assessment::Back(fault),
            None => self.progress(reading, &trial, now, lines),
        }
    }

    /// Assesses a step without a fault by the time.
    fn progress(
        &self,
        reading: &FleetReading,
        trial: &Trial,
        now: Duration,
        lines: &mut Vec<Line>,
    ) -> Assessment {
        let pending = self.waited.iter().filter(|(_, progress)| progress.since.is_none());
        let why = |name| reading.instances.get(name).map(|it| it.why.clone()).unwrap_or_default();
        let pending: BTreeMap<String, String> =
            pending.map(|(name, _)| (name.clone(), why(name))).collect();
        let limit = self.begun + trial.hold + GRACE;
        if !pending.is_empty() {
            if now < limit {
                return Assessment::Wait(limit);
            }
            let within = trial.hold + GRACE;
            let fault = Fault::NotTrying { instances: pending, within };
            lines.push(Line::GoesBack { revision: self.current.revision, fault: fault.clone() });
            return Assessment::Back(fault);
        }
        let last = self.waited.values().filter_map(|progress| progress.since).max();
        let held_at = last.unwrap_or(self.begun) + trial.hold;
        if now >= held_at {
            return Assessment::Held;
        }
        if self.is_extended || held_at <= limit {
            return Assessment::Wait(held_at);
        }
        let extend_at = self.begun + trial.hold;
        if now < extend_at {
            return Assessment::Wait(extend_at);
        }
        let in_time = Some(self.begun + GRACE);
        let late = self.waited.iter().filter(|(_, progress)| progress.since > in_time);
        Assessment::Extend(late.map(|(name, _)| name.clone()).collect())
    }

    /// The faults that instances report.
    fn faults(&self, reading: &FleetReading, trial: &Trial) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, instance) in &reading.instances {
            let known = self.waited.get(name);
            if !trial.on.names(name) || instance.revision < self.first && known.is_none() {
                continue;
            }
            let (name, why) = (name.clone(), instance.why.clone());
            let is_of_trial = (self.first..=self.current.revision).contains(&instance.revision);
            match instance.state {
                InstanceState::Refused if is_of_trial => {
                    faults.push(Fault::Refused { instance: name, why });
                }
                InstanceState::FellBack if is_of_trial => {
                    faults.push(Fault::FellBack { instance: name, why });
                }
                state if known.is_some_and(|it| it.has_run) && !instance.tries(trial.text) => {
                    faults.push(Fault::Left { instance: name, state });
                }
                _ => {}
            }
        }
        let gone = |(name, progress): (&String, &Progress)| {
            let is_gone = progress.has_run && !reading.instances.contains_key(name);
            is_gone.then(|| Fault::Gone { instance: name.clone() })
        };
        faults.extend(self.waited.iter().filter_map(gone));
        faults
    }

    /// Notes the instances that have begun, and leaves out those that vanished before.
    fn note_begun(
        &mut self,
        reading: &FleetReading,
        trial: &Trial,
        now: Duration,
        lines: &mut Vec<Line>,
    ) {
        let (base, begun) = (self.base, self.begun);
        self.waited.retain(|name, _| {
            let is_alive = reading.instances.contains_key(name);
            if !is_alive {
                lines.push(StepLine::NotWaitedFor { instance: name.clone() }.into());
            }
            is_alive
        });
        for (name, progress) in &mut self.waited {
            let instance = &reading.instances[name];
            if progress.since.is_some() || !instance.tries(trial.text) {
                continue;
            }
            progress.has_run = true;
            if instance.revision >= base {
                progress.since = Some(now);
                let revision = instance.revision;
                let after = now.saturating_sub(begun);
                lines.push(StepLine::Runs { instance: name.clone(), revision, after }.into());
            }
        }
    }
}
