//! The state of the process at one moment, as values that do not borrow from the supervisor.

use crate::api_format::{change, seconds_since, time};
use crate::attention;
use crate::supervisor::Supervisor;
use api::{FailingName, LastReload, LastUpgrade, ProcessState, Status, Word};
use observe::Version;
use observe::metrics::{ForwardMetrics, MetricsSnapshot, ProcessMetrics};

/// Failing names that the status lists.
const MOST_NAMES: usize = 10;

impl Supervisor {
    /// The answer of `GET /v1/status`, without rates.
    pub(crate) fn status(&self) -> Status {
        let Supervisor { plan, engine, capacity, .. } = self;
        let (sums, log_dropped) = (engine.sums(), observe::log::dropped());
        let version = Version::of_program();
        let failing = self.resolver.status().failing;
        let mut status = Status {
            state: if self.draining { ProcessState::Draining } else { ProcessState::Serving }
                .into(),
            version: version.number.clone(),
            build: version.build.clone(),
            pid: std::process::id(),
            started: time(self.started),
            uptime: self.uptime().as_secs_f64(),
            config: plan.config.as_ref().map(|path| path.display().to_string()),
            generation: self.generation,
            last_reload: self.last_reload.as_ref().map(last_reload),
            confirm_within: self.confirm_within().map(|left| left.as_secs_f64()),
            restoring: self.restoring.as_ref().map_or(0, |it| it.names.len()),
            waiting: self.in_force.waiting(plan).into_iter().map(change).collect(),
            upgrades: self.upgrades.count,
            last_upgrade: self.upgrades.last.as_ref().map(last_upgrade),
            sandboxed: self.sandbox.is_some(),
            workers: self.workers,
            forwards: plan.forwards.len(),
            listeners: engine.listeners(),
            sessions: engine.sessions(),
            max_sessions: engine.max_sessions(),
            sessions_opened: sums.opened,
            bytes_up: sums.bytes_up,
            bytes_down: sums.bytes_down,
            refused: sums.refused,
            failed: sums.failed,
            rates: None,
            log_dropped: log_dropped.queue_full + log_dropped.write_failed,
            last_log_dropped: log_dropped.last.map(seconds_since),
            names_failing: failing.len(),
            failing_names: failing.iter().take(MOST_NAMES).map(failing_name).collect(),
            open_files: sys::open_files().unwrap_or(0),
            open_files_limit: capacity.open_files_limit,
            pipes: self.observer().pipes(),
            resident_memory: sys::usage().resident,
            fleet: self.fleet_view(),
            attention: Vec::new(),
        };
        status.attention = attention::of_process(&status);
        status
    }

    /// The values of the metrics. Reads some of them from the host.
    pub(crate) fn metrics(&mut self) -> MetricsSnapshot {
        let headroom = self.rooms();
        let engine = &self.engine;
        let last_reload = self.last_reload.as_ref();
        let waiting = self.in_force.waiting(&self.plan);
        let resolving = self.resolver.status();
        let spins = self.observer().spins();
        let process = ProcessMetrics {
            open_files: sys::open_files(),
            open_files_limit: sys::open_files_limit(),
            pipes: self.observer().pipes() as u64,
            spin_hits: spins.hits,
            spin_misses: spins.misses,
            max_sessions: engine.max_sessions(),
            headroom,
            generation: self.generation,
            fleet: self.fleet_metrics(),
            last_reload_succeeded: last_reload.is_none_or(|reload| reload.error.is_none()),
            last_reload: last_reload.map_or(self.started, |reload| reload.at),
            trial_left: self.confirm_within().map(|left| left.as_secs_f64()),
            restoring: self.restoring.as_ref().map_or(0, |it| it.names.len() as u64),
            waiting: waiting.iter().map(|change| change.key).collect(),
            log_dropped: observe::log::dropped(),
            admin_denied: self.admin.denials().totals(),
            names: names(&resolving),
            name_look_ups: resolving.look_ups.into_iter().collect(),
            name_targets: resolving.sets.iter().map(name_targets).collect(),
            started: self.started,
            usage: sys::usage(),
        };
        MetricsSnapshot {
            process,
            forwards: engine.forwards().map(|view| ForwardMetrics::new(&view)).collect(),
        }
    }
}

fn failing_name(failing: &discover::FailingName) -> FailingName {
    FailingName {
        name: failing.name.to_string(),
        error: failing.error.to_string(),
        since: failing.since.as_secs_f64(),
        addresses: failing.serving,
    }
}

/// Numbers of names by the state of their last answer.
fn names(status: &discover::NamesStatus) -> [(&'static str, u64); 3] {
    let failing = status.failing.len();
    let serving = status.failing.iter().filter(|name| name.serving > 0).count();
    let counts =
        [("resolved", status.resolved), ("stale", serving), ("failing", failing - serving)];
    counts.map(|(state, names)| (state, names as u64))
}

fn name_targets((name, targets): &(std::sync::Arc<str>, usize)) -> (String, u64) {
    (name.to_string(), *targets as u64)
}

fn last_reload(last: &crate::supervisor::reload::LastReload) -> LastReload {
    LastReload { at: time(last.at), by: Word::of(&last.by), error: last.error.clone() }
}

fn last_upgrade(last: &crate::supervisor::upgrade::LastUpgrade) -> LastUpgrade {
    let arrival = last.result.as_ref().ok();
    LastUpgrade {
        at: time(last.at),
        by: Word::of(&last.by),
        from: arrival.map(|arrival| arrival.from.number.clone()),
        from_build: arrival.and_then(|arrival| arrival.from.build.clone()),
        sessions: arrival.map_or(0, |arrival| arrival.sessions),
        lost: arrival.map_or(0, |arrival| arrival.lost),
        pause: arrival.map(|arrival| arrival.pause.as_secs_f64()),
        error: last.result.as_ref().err().cloned(),
        warnings: arrival.map(|arrival| arrival.warnings.clone()).unwrap_or_default(),
    }
}
