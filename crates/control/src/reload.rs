//! Reloading: read, check, compare, bind everything new, swap, release. All or nothing, and the
//! same way whoever asks: a signal, the admin interface, or a change of the file.

use crate::api::Reloaded;
use crate::supervisor::Supervisor;
use crate::watch::Watch;
use plan::{Plan, PlanDiff, Problems};
use std::collections::HashMap;
use std::fmt;
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

/// What a reload changed, or would.
#[derive(Debug)]
pub(crate) struct ReloadReport {
    pub(crate) diff: PlanDiff,
    /// Open sessions by forward, of what was changed or removed.
    pub(crate) sessions: HashMap<String, u32>,
    /// Lines of the older format that were skipped, and why.
    pub(crate) skipped: Vec<String>,
    /// The configuration that runs now.
    pub(crate) generation: u64,
}

/// Why the configuration that ran goes on.
#[derive(Debug)]
pub(crate) enum ReloadError {
    /// The new one is not right.
    Config(Problems),
    /// It is right, and does not fit this host, or this moment.
    Unfit(Vec<String>),
    /// There is no file to read.
    NoFile,
    /// The process is shutting down.
    Draining,
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => f.write_str(problems.render(false).trim_end()),
            Self::Unfit(errors) => f.write_str(&errors.join("\n")),
            Self::NoFile => f.write_str(
                "the forwards were given on the command line: there is no file to reload",
            ),
            Self::Draining => f.write_str("the process is shutting down"),
        }
    }
}

/// The last attempt to reload.
#[derive(Clone, Debug)]
pub(crate) struct LastReload {
    pub(crate) at: SystemTime,
    pub(crate) by: String,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

/// A configuration that goes away by itself unless it is confirmed.
pub(crate) struct Trial {
    pub(crate) back_to: Plan,
    pub(crate) until: Instant,
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
        if !options.dry_run {
            let error = result.as_ref().err().map(ToString::to_string);
            self.last_reload = Some(LastReload { at: SystemTime::now(), by: by.to_owned(), error });
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
        let Some(new) = reading.plan else {
            return Err(self.explain(input.config.as_deref(), reading.problems));
        };
        if let Some(sandbox) = &self.sandbox {
            sandbox.check(&new).map_err(ReloadError::Unfit)?;
        }
        let mut report = self.compare(&new, &reading.problems);
        if !options.dry_run {
            let old = self.plan.clone();
            report.skipped.extend(self.run_by(new)?);
            report.generation = self.generation;
            // A second reload before the first was confirmed still goes back to the beginning.
            let back_to = self.trial.take().map_or(old, |trial| trial.back_to);
            self.trial =
                options.confirm.map(|within| Trial { back_to, until: Instant::now() + within });
        }
        Ok(report)
    }

    /// What the kernel says of a file outside of the sandbox could also be due to its mode.
    fn explain(&self, config: Option<&Path>, problems: Problems) -> ReloadError {
        let sandbox = self.sandbox.as_ref().zip(config);
        match sandbox.and_then(|(sandbox, file)| sandbox.refuses_config(file)) {
            Some(refusal) => {
                ReloadError::Unfit(vec![problems.render(false).trim_end().to_owned(), refusal])
            }
            None => ReloadError::Config(problems),
        }
    }

    fn compare(&self, new: &Plan, problems: &Problems) -> ReloadReport {
        let diff = PlanDiff::new(&self.plan, new);
        let changed = diff.changed.iter().map(|forward| &forward.name);
        let touched = changed.chain(diff.removed.iter().map(|forward| &forward.name));
        let all: HashMap<&str, u32> =
            self.engine.forwards().map(|it| (it.plan.name.as_str(), it.sessions())).collect();
        let sessions =
            touched.map(|name| (name.clone(), all.get(name.as_str()).copied().unwrap_or(0)));
        ReloadReport {
            sessions: sessions.collect(),
            diff,
            skipped: problems.iter().map(ToString::to_string).collect(),
            generation: self.generation,
        }
    }

    /// Makes this plan what runs. Returns the forwards that were skipped, and why.
    fn run_by(&mut self, plan: Plan) -> Result<Vec<String>, ReloadError> {
        let capacity = self
            .capacity_for(&plan)
            .map_err(|no_room| ReloadError::Unfit(vec![no_room.to_string()]))?;
        let describe = |unbound: &engine::Unbound| {
            let forward = &plan.forwards[unbound.position];
            format!("{}, for forward `{}` ({})", unbound.error, forward.name, forward.place)
        };
        let skipped = self
            .engine
            .apply(&plan.forwards)
            .map_err(|failed| ReloadError::Unfit(failed.iter().map(describe).collect()))?;
        let skipped = skipped.iter().map(describe).collect();
        self.keep_listeners();
        self.engine.set_max_sessions(capacity.sessions);
        self.capacity = capacity;
        self.plan = plan;
        self.generation += 1;
        self.watch = Watch::new(self.plan.config.as_deref().filter(|_| self.plan.process.watch));
        crate::log::set_level(self.plan.log.level);
        self.set_detail();
        sys::release_free_memory();
        Ok(skipped)
    }

    /// Keeps the configuration that was to be confirmed. False if there is none.
    pub(crate) fn confirm(&mut self) -> bool {
        let confirmed = self.trial.take().is_some();
        if confirmed {
            tracing::info!(generation = self.generation, "configuration confirmed");
        }
        confirmed
    }

    pub(crate) fn go_back_if_unconfirmed(&mut self) {
        // Who takes no more sessions must not listen again.
        if self.draining {
            return;
        }
        let Some(trial) = self.trial.take_if(|trial| trial.until <= Instant::now()) else { return };
        let by = "unconfirmed";
        self.store.notifier.reloading();
        let result = self.run_by(trial.back_to);
        let error = result.as_ref().err().map(ToString::to_string);
        self.last_reload = Some(LastReload { at: SystemTime::now(), by: by.to_owned(), error });
        self.tell_of_reload(by);
        match result {
            Ok(_) => tracing::warn!(
                generation = self.generation,
                "the new configuration was not confirmed: the one before it runs again"
            ),
            Err(error) => tracing::error!(
                %error,
                "the new configuration was not confirmed, but the one before it no longer fits; the new one goes on"
            ),
        }
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

fn log_reload(by: &str, result: &Result<ReloadReport, ReloadError>) {
    match result {
        Ok(report) => tracing::info!(
            by,
            generation = report.generation,
            added = report.diff.added.len(),
            changed = report.diff.changed.len(),
            removed = report.diff.removed.len(),
            unchanged = report.diff.unchanged,
            skipped = report.skipped.len(),
            "configuration reloaded"
        ),
        Err(error) => tracing::error!(by, %error, "reload failed; nothing was changed"),
    }
    let Ok(report) = result else { return };
    for change in report.diff.need_restart() {
        tracing::warn!(key = change.key, "this setting changes with a restart only");
    }
    for skipped in &report.skipped {
        tracing::warn!("skipped: {skipped}");
    }
}
