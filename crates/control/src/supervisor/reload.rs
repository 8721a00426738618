//! Reload: read, check, compare, bind new listeners, swap, release. A reload applies the whole file
//! or none of it, whether a signal, the admin interface or a change of the file requests it.

mod outcome;
pub(crate) use outcome::{LastReload, ReloadError, ReloadReport};

mod published;
pub(crate) use published::{FleetStatus, FleetViews, KeepStatus, PublishedView};

mod restore;

mod restoring;
pub(crate) use restoring::Restoring;

mod trial;

mod trials;
pub(crate) use trials::{
    EndedTrial, NewTrial, NotConfirmed, Trial, TrialBegin, TrialEnd, TrialOwner, Trials,
};

mod unattended;

use crate::admin::Caller;
use crate::listen_names::resolve;
use crate::serve_error::UnboundListener;
use crate::startup_log::warn_of_exposed_files;
use crate::supervisor::Supervisor;
use crate::supervisor::switch::made;
use api::{EventName, Reloaded, Word};
use engine::{Applied, ForwardState, ForwardView, Unbound};
use host::{AdminTokens, Capacity};
use outcome::{Misfit, Requester, log_refusal, log_reload};
use plan::{ListenAddress, Plan, Problems, Reading};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Options of a reload.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReloadOptions {
    /// Report the changes without making them.
    pub(crate) dry_run: bool,
    /// Fall back to the running configuration unless the new one is confirmed within this time.
    pub(crate) confirm: Option<Duration>,
    /// The request has no answer (signal, watched file). During a trial it is carried out, as part
    /// of the trial.
    pub(crate) unattended: bool,
    /// Compare with this file instead of the process's own; for a dry run only.
    pub(crate) file: Option<std::path::PathBuf>,
    /// The caller of the admin interface, for the log.
    pub(crate) caller: Option<Caller>,
}

impl Supervisor {
    /// Reads the configuration again, and applies it.
    pub(crate) async fn reload(
        &mut self,
        options: &ReloadOptions,
        by: &'static str,
    ) -> Result<ReloadReport, ReloadError> {
        if !options.dry_run && !self.draining {
            self.store.notifier.reloading();
        }
        let result = self.try_reload(options).await;
        // Even a configuration that was only read may have been huge.
        sys::release_free_memory();
        if !options.dry_run {
            self.conclude(Requester { by, caller: options.caller.as_ref() }, &result);
        }
        result
    }

    /// Records, logs and publishes the result of a reload.
    fn conclude(&mut self, by: Requester<'_>, result: &Result<ReloadReport, ReloadError>) {
        if let Err(refusal) = result
            && refusal.is_refusal()
        {
            // No configuration was read: the result of the last attempt stands.
            log_refusal(by, refusal);
            if !self.draining {
                self.notify_manager();
            }
            return;
        }
        self.watch.stop_looking();
        self.note_reload(by.by, result);
        log_reload(by, result, self.confirm_within());
        if result.is_ok() {
            warn_of_exposed_files(&self.plan);
        }
        self.publish_reload(by.by);
    }

    async fn try_reload(&mut self, options: &ReloadOptions) -> Result<ReloadReport, ReloadError> {
        if self.draining {
            return Err(ReloadError::Draining);
        }
        if self.plan.config.is_none() {
            return Err(ReloadError::NoFile);
        }
        if options.dry_run {
            return self.compare_with(options).await;
        }
        self.fall_back_if_unconfirmed(Instant::now()).await;
        if !options.unattended {
            self.refuse_within_trial(options.confirm.is_some())?;
        }
        let reading = plan::read(&self.local_input());
        self.watch.was_read(reading.state);
        let is_read = reading.state.is_some();
        if is_read {
            self.watch.were_read(reading.prefix_files.clone());
        }
        let trial = options.confirm.map(NewTrial::of_operator);
        let result = self.apply_with_tokens(reading, trial).await;
        // An error in the file stays until the file changes, unless a published text on trial excludes the file.
        let may_pass = match &result {
            Ok(_) => false,
            Err(ReloadError::Config(_)) => !is_read || self.trials.of_fleet().is_some(),
            Err(_) => true,
        };
        if may_pass {
            self.watch.retry_later(Instant::now());
        } else {
            self.watch.stop_retrying();
        }
        result
    }

    /// The changes that a reload would make, or the reason why it would be refused.
    async fn compare_with(&mut self, options: &ReloadOptions) -> Result<ReloadReport, ReloadError> {
        let mut input = self.local_input();
        if let Some(file) = &options.file {
            input.config = Some(file.clone());
        }
        let reading = plan::read(&input);
        let mut skipped: Vec<_> = reading.problems.iter().map(ToString::to_string).collect();
        let mut new = self.plan_of(reading, input.config.as_deref())?;
        skipped.extend(self.resolve_listeners(&mut new, &self.plan).await?);
        let mut report = ReloadReport { skipped, ..self.compare(&new) };
        let may_skip = report.retried.iter().map(|forward| forward.name.clone()).collect();
        report.skipped.extend(self.try_apply(&new, &may_skip)?);
        report.new_tokens = self.admin.differ(self.read_tokens()?.as_ref());
        Ok(report)
    }

    /// Applies the configuration, and then the tokens of the admin interface, whose file may have changed
    /// alone. A fall-back keeps them: a token that was taken away must not come back.
    async fn apply_with_tokens(
        &mut self,
        reading: Reading,
        trial: Option<NewTrial>,
    ) -> Result<ReloadReport, ReloadError> {
        let tokens = self.read_tokens()?;
        let new_tokens = self.admin.differ(tokens.as_ref());
        let back_to = self.fall_back_with(&reading).await?;
        let report = self.apply_reading(reading, trial, back_to).await?;
        self.admin.replace_tokens(tokens);
        Ok(ReloadReport { new_tokens, ..report })
    }

    fn read_tokens(&self) -> Result<Option<AdminTokens>, ReloadError> {
        let tokens = self.admin.read_tokens();
        tokens.map_err(|error| ReloadError::Unfit(vec![Misfit::Tokens(error)]))
    }

    async fn apply_reading(
        &mut self,
        reading: Reading,
        trial: Option<NewTrial>,
        back_to: Option<Plan>,
    ) -> Result<ReloadReport, ReloadError> {
        let mut skipped: Vec<_> = reading.problems.iter().map(ToString::to_string).collect();
        let config = self.input.config.clone();
        let mut new = self.plan_of(reading, config.as_deref())?;
        skipped.extend(self.resolve_listeners(&mut new, &self.plan).await?);
        let mut report = ReloadReport { skipped, ..self.compare(&new) };
        let before = self.before_reload();
        let may_skip = report.retried.iter().map(|forward| forward.name.clone()).collect();
        report.skipped.extend(self.apply(new, &may_skip).await?);
        let still = self.skipped();
        report.retried.retain(|forward| !still.contains(&forward.name));
        let still_lost = self.lost_files();
        report.remade.retain(|lost| !still_lost.contains(lost));
        report.generation = self.generation;
        let missing = self.restoring.take().map(|it| self.still_skipped(&it.names));
        self.restoring = missing.and_then(Restoring::new);
        self.follow_trial(before, trial, back_to);
        self.watch_names();
        Ok(report)
    }

    /// The plan of `reading`, unless its text alone shows that this process cannot run it.
    fn plan_of(&self, reading: Reading, config: Option<&Path>) -> Result<Plan, ReloadError> {
        self.refuse_newly_wrong_lines(&reading)?;
        let Some(mut new) = reading.plan else {
            return Err(self.explain(config, reading.problems));
        };
        new.share_lists_with(&self.plan);
        if let Some(sandbox) = &self.sandbox {
            sandbox.check(&new).map_err(|refusals| {
                ReloadError::Unfit(refusals.into_iter().map(Misfit::Sandbox).collect())
            })?;
        }
        let unknown = host::find_socket_owners(&mut new);
        if !unknown.is_empty() {
            return Err(ReloadError::Unfit(unknown.into_iter().map(Misfit::Owner).collect()));
        }
        let refused = host::newly_refused_options(&new, &self.plan);
        if !refused.is_empty() {
            return Err(ReloadError::Unfit(refused.into_iter().map(Misfit::Option).collect()));
        }
        Ok(new)
    }

    /// Replaces the names in `listen` by their addresses. Returns a sentence about each name that keeps the addresses
    /// of its listeners in `known`, since it has none now.
    async fn resolve_listeners(
        &self,
        new: &mut Plan,
        known: &Plan,
    ) -> Result<Vec<String>, ReloadError> {
        resolve(new, known)
            .await
            .map_err(|failed| ReloadError::Unfit(failed.into_iter().map(Misfit::Name).collect()))
    }

    /// Adds the sandbox as the cause: for a file outside, the kernel reports the same error as for
    /// a wrong mode.
    fn explain(&self, config: Option<&Path>, problems: Problems) -> ReloadError {
        let sandbox = self.sandbox.as_ref().zip(config);
        match sandbox.and_then(|(sandbox, file)| sandbox.refuses_config(file)) {
            Some(refusal) => {
                let problems = problems.iter().cloned().map(Misfit::Unreadable);
                ReloadError::Unfit(problems.chain([Misfit::Sandbox(refusal)]).collect())
            }
            None => ReloadError::Config(problems),
        }
    }

    /// A start skips wrong lines of the older format. A reload that did could remove a serving
    /// forward, so it accepts only lines that the running configuration has, too.
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

    /// Unix listeners whose socket files are gone, each with the name of its forward.
    fn lost_files(&self) -> HashSet<(String, ListenAddress)> {
        let of = |view: ForwardView<'_>| {
            let lost = view.lost_files().map(|lost| (view.plan.name.clone(), lost.listen.clone()));
            lost.collect::<Vec<_>>()
        };
        self.engine.forwards().flat_map(of).collect()
    }

    /// The changes from the running configuration to `new`.
    fn compare(&self, new: &Plan) -> ReloadReport {
        let diff = self.in_force.diff(&self.plan, new);
        let changed = diff.changed.iter().map(|forward| &forward.name);
        let touched = changed.chain(diff.removed.iter().map(|forward| &forward.name));
        let all: HashMap<&str, u32> =
            self.engine.forwards().map(|it| (it.plan.name.as_str(), it.sessions())).collect();
        let sessions =
            touched.map(|name| (name.clone(), all.get(name.as_str()).copied().unwrap_or(0)));
        let mut skipped = self.skipped();
        diff.changed.iter().for_each(|forward| _ = skipped.remove(&forward.name));
        let retried = new.forwards.iter().filter(|forward| skipped.contains(&forward.name));
        let lost = self.lost_files();
        let listeners = new.forwards.iter().flat_map(|forward| {
            forward.routes.iter().map(|route| (forward.name.clone(), route.listen.clone()))
        });
        let remade = listeners.filter(|listener| !lost.is_empty() && lost.contains(listener));
        ReloadReport {
            sessions: sessions.collect(),
            retried: retried.map(|forward| plan::ForwardSummary::new(forward)).collect(),
            diff,
            remade: remade.collect(),
            skipped: Vec::new(),
            emptied: new.empty_files_since(&self.plan),
            new_tokens: false,
            generation: self.generation,
        }
    }

    /// Checks what [`Self::apply`] would do. Returns the forwards that it would skip, with the
    /// reasons.
    fn try_apply(
        &mut self,
        plan: &Plan,
        may_skip: &HashSet<String>,
    ) -> Result<Vec<String>, ReloadError> {
        self.room_for(plan)?;
        let result = self.engine.try_apply(&plan.forwards, &named(may_skip));
        result.map(|skipped| descriptions(plan, &skipped)).map_err(|failed| unfit(plan, &failed))
    }

    /// Applies a plan. Returns the forwards among `may_skip` that cannot be bound and are skipped,
    /// with the reasons.
    async fn apply(
        &mut self,
        plan: Plan,
        may_skip: &HashSet<String>,
    ) -> Result<Vec<String>, ReloadError> {
        let capacity = self.room_for(&plan)?;
        let result = self.engine.apply(&plan.forwards, &named(may_skip));
        let Applied { skipped, published } = result.map_err(|failed| unfit(&plan, &failed))?;
        made(published).await;
        let skipped = descriptions(&plan, &skipped);
        self.adopt(plan, capacity);
        Ok(skipped)
    }

    /// Runs an earlier plan again, as far as it can be bound, with these forwards drained. Returns
    /// the forwards that could not be bound, with the reasons.
    async fn go_back_to(
        &mut self,
        plan: Plan,
        drained: &BTreeSet<String>,
    ) -> Vec<(String, String)> {
        // Falls back even under a lowered limit.
        let capacity = self.capacity_for(&plan).unwrap_or(self.capacity);
        let Applied { skipped: unbound, published } = self.engine.restore(&plan.forwards, drained);
        made(published).await;
        let named = |unbound: &engine::Unbound| {
            (plan.forwards[unbound.position].name.clone(), describe(&plan, unbound))
        };
        let unbound = unbound.iter().map(named).collect();
        self.adopt(plan, capacity);
        unbound
    }

    /// Records `plan` as the running one.
    fn adopt(&mut self, plan: Plan, capacity: Capacity) {
        self.keep_listeners();
        self.engine.set_max_sessions(capacity.sessions);
        self.engine.set_spin(plan.process.spin.unwrap_or_default());
        self.capacity = capacity;
        self.plan = plan;
        self.generation += 1;
        self.watch.set_on(self.plan.process.watch, Instant::now());
        observe::log::set_level(self.plan.log.level);
        self.set_detail();
        self.follow_targets();
    }

    /// The capacity under `plan`.
    fn room_for(&self, plan: &Plan) -> Result<Capacity, ReloadError> {
        let capacity = self.capacity_for(plan);
        capacity.map_err(|no_room| ReloadError::Unfit(vec![Misfit::NoRoom(no_room)]))
    }

    fn note_reload<T>(&mut self, by: &str, result: &Result<T, ReloadError>) {
        let error = result.as_ref().err().map(ReloadError::one_line);
        self.last_reload = Some(LastReload { at: SystemTime::now(), by: by.to_owned(), error });
    }

    fn publish_reload(&self, by: &str) {
        if !self.draining {
            self.notify_manager();
        }
        let last = self.last_reload.as_ref();
        self.reporting.events.publish(EventName::Reload, || Reloaded {
            by: Word::of(by),
            generation: self.generation,
            error: last.and_then(|last| last.error.clone()),
        });
    }
}

/// A predicate for forwards with these names, the unchanged ones that are currently skipped.
fn named(names: &HashSet<String>) -> impl Fn(&plan::Forward) -> bool {
    |forward| names.contains(&forward.name)
}

/// The refusal of a plan of which these forwards cannot be bound.
fn unfit(plan: &Plan, failed: &[Unbound]) -> ReloadError {
    let listeners = failed.iter().map(|unbound| UnboundListener::new(plan, unbound));
    ReloadError::Unfit(listeners.map(Misfit::Unbound).collect())
}

fn descriptions(plan: &Plan, unbound: &[Unbound]) -> Vec<String> {
    unbound.iter().map(|unbound| describe(plan, unbound)).collect()
}

fn describe(plan: &Plan, unbound: &Unbound) -> String {
    UnboundListener::new(plan, unbound).to_string()
}
