//! Reloading: read, check, compare, bind everything new, swap, release. All or nothing, and the
//! same way whoever asks: a signal, the admin interface, or a change of the file.

mod outcome;
pub(crate) use outcome::{LastReload, ReloadError, ReloadReport};

mod trial;
pub(crate) use trial::Trial;

use crate::capacity::Capacity;
use crate::supervisor::Supervisor;
use crate::watch::Watch;
use api::Reloaded;
use engine::{ForwardState, ForwardView, Unbound};
use outcome::log_reload;
use plan::{Plan, PlanDiff, Problems, Reading};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// How a reload is meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReloadOptions {
    /// Only say what it would change.
    pub(crate) dry_run: bool,
    /// Go back to what runs now unless it is confirmed within this time.
    pub(crate) confirm: Option<Duration>,
    /// Compare with this file instead of the process's own; for a dry run only.
    pub(crate) file: Option<std::path::PathBuf>,
}

impl Supervisor {
    /// Reloads, and writes into the log what came of it.
    pub(crate) fn reload_by(&mut self, by: &'static str) {
        // Its result is in the log, and nobody else asked for it.
        let _ = self.reload(&ReloadOptions::default(), by);
    }

    /// Reads the configuration again, and runs by it.
    pub(crate) fn reload(
        &mut self,
        options: &ReloadOptions,
        by: &'static str,
    ) -> Result<ReloadReport, ReloadError> {
        if !options.dry_run && !self.draining {
            self.store.notifier.reloading();
        }
        let result = self.try_reload(options);
        // A configuration that was only read may have been huge, too.
        sys::release_free_memory();
        if !options.dry_run {
            self.note_reload(by, &result);
            log_reload(by, &result);
            self.tell_of_reload(by);
        }
        result
    }

    fn try_reload(&mut self, options: &ReloadOptions) -> Result<ReloadReport, ReloadError> {
        if self.draining {
            return Err(ReloadError::Draining);
        }
        if self.plan.config.is_none() {
            return Err(ReloadError::NoFile);
        }
        let mut input = self.input.clone();
        if let Some(file) = &options.file {
            input.config = Some(file.clone());
        }
        let reading = plan::read(&input);
        self.refuse_newly_wrong_lines(&reading)?;
        let Some(new) = reading.plan else {
            return Err(self.explain(input.config.as_deref(), reading.problems));
        };
        if let Some(sandbox) = &self.sandbox {
            sandbox.check(&new).map_err(ReloadError::Unfit)?;
        }
        let mut report = self.compare(&new);
        report.skipped = reading.problems.iter().map(ToString::to_string).collect();
        let may_skip = report.retried.iter().map(|forward| forward.name.clone()).collect();
        if options.dry_run {
            report.skipped.extend(self.try_run_by(&new, &may_skip)?);
        } else {
            let (old, skipped) = (self.plan.clone(), self.skipped());
            report.skipped.extend(self.run_by(new, &may_skip)?);
            let still = self.skipped();
            report.retried.retain(|forward| !still.contains(&forward.name));
            report.generation = self.generation;
            // A second reload before the first was confirmed still goes back to the beginning.
            let before = self.trial.take().map(|trial| (trial.back_to, trial.skipped));
            let (back_to, skipped) = before.unwrap_or((old, skipped));
            let trial = |within| Trial { back_to, skipped, until: Instant::now() + within };
            self.trial = options.confirm.map(trial);
        }
        Ok(report)
    }

    /// What the kernel says of a file outside of the sandbox could also be due to its mode.
    fn explain(&self, config: Option<&Path>, problems: Problems) -> ReloadError {
        let sandbox = self.sandbox.as_ref().zip(config);
        match sandbox.and_then(|(sandbox, file)| sandbox.refuses_config(file)) {
            Some(refusal) => {
                let problems = problems.iter().map(plan::Problem::statement);
                ReloadError::Unfit(problems.chain([refusal]).collect())
            }
            None => ReloadError::Config(problems),
        }
    }

    /// A wrong line is skipped at a start. In a reload it could take a forward away that serves, so
    /// it must have been wrong in what runs.
    fn refuse_newly_wrong_lines(&self, reading: &Reading) -> Result<(), ReloadError> {
        if reading.problems.is_empty() || reading.plan.is_none() {
            return Ok(());
        }
        let text = self.plan.text.as_deref().unwrap_or_default();
        let running = plan::read_text(&self.input, text);
        let new = reading.problems.unless_in(&running.problems);
        if new.is_empty() { Ok(()) } else { Err(ReloadError::Config(new)) }
    }

    /// The names of the forwards that could not be bound.
    fn skipped(&self) -> HashSet<String> {
        let skipped = |view: &ForwardView<'_>| view.state == ForwardState::Skipped;
        self.engine.forwards().filter(skipped).map(|view| view.plan.name.clone()).collect()
    }

    fn compare(&self, new: &Plan) -> ReloadReport {
        let diff = PlanDiff::new(&self.plan, new);
        let changed = diff.changed.iter().map(|forward| &forward.name);
        let touched = changed.chain(diff.removed.iter().map(|forward| &forward.name));
        let all: HashMap<&str, u32> =
            self.engine.forwards().map(|it| (it.plan.name.as_str(), it.sessions())).collect();
        let sessions =
            touched.map(|name| (name.clone(), all.get(name.as_str()).copied().unwrap_or(0)));
        let mut skipped = self.skipped();
        diff.changed.iter().for_each(|forward| _ = skipped.remove(&forward.name));
        let retried = new.forwards.iter().filter(|forward| skipped.contains(&forward.name));
        ReloadReport {
            sessions: sessions.collect(),
            retried: retried.map(|forward| plan::ForwardSummary::new(forward)).collect(),
            diff,
            skipped: Vec::new(),
            generation: self.generation,
        }
    }

    /// Whether [`Self::run_by`] would do, by the same decisions. Returns what it would skip.
    fn try_run_by(
        &mut self,
        plan: &Plan,
        may_skip: &HashSet<String>,
    ) -> Result<Vec<String>, ReloadError> {
        self.room_for(plan)?;
        let result = self.engine.try_apply(&plan.forwards, &optional(may_skip));
        described(plan, result)
    }

    /// Makes this plan what runs. Of the forwards with these names, those that cannot be bound are
    /// skipped; returns them, and why.
    fn run_by(
        &mut self,
        plan: Plan,
        may_skip: &HashSet<String>,
    ) -> Result<Vec<String>, ReloadError> {
        let capacity = self.room_for(&plan)?;
        let result = self.engine.apply(&plan.forwards, &optional(may_skip));
        let skipped = described(&plan, result)?;
        self.keep_listeners();
        self.engine.set_max_sessions(capacity.sessions);
        self.capacity = capacity;
        self.plan = plan;
        self.generation += 1;
        self.watch = Watch::new(self.plan.config.as_deref().filter(|_| self.plan.process.watch));
        crate::log::set_level(self.plan.log.level);
        self.set_detail();
        Ok(skipped)
    }

    fn room_for(&self, plan: &Plan) -> Result<Capacity, ReloadError> {
        let capacity = self.capacity_for(plan);
        capacity.map_err(|no_room| ReloadError::Unfit(vec![no_room.to_string()]))
    }

    fn note_reload<T>(&mut self, by: &str, result: &Result<T, ReloadError>) {
        let error = result.as_ref().err().map(ReloadError::one_line);
        self.last_reload = Some(LastReload { at: SystemTime::now(), by: by.to_owned(), error });
    }

    fn tell_of_reload(&self, by: &str) {
        if !self.draining {
            self.tell_manager();
        }
        let last = self.last_reload.as_ref();
        self.events.tell("reload", || Reloaded {
            by: by.to_owned(),
            generation: self.generation,
            error: last.and_then(|last| last.error.clone()),
        });
    }
}

/// Those of the forwards with these names that may be skipped.
fn optional(names: &HashSet<String>) -> impl Fn(&plan::Forward) -> bool {
    |forward| forward.optional && names.contains(&forward.name)
}

/// In words, for the forwards of `plan`.
fn described(
    plan: &Plan,
    result: Result<Vec<Unbound>, Vec<Unbound>>,
) -> Result<Vec<String>, ReloadError> {
    let describe = |unbound: &Unbound| {
        let forward = &plan.forwards[unbound.position];
        format!("{}, for forward `{}` ({})", unbound.error, forward.name, forward.place)
    };
    let all = |unbound: Vec<Unbound>| unbound.iter().map(describe).collect();
    result.map(all).map_err(|failed| ReloadError::Unfit(all(failed)))
}
