//! What runs, and what may be done to it.

use crate::capacity::{Capacity, NoRoom, capacity};
use crate::events::Events;
use crate::reload::{LastReload, Trial};
use crate::watch::Watch;
use engine::{Detail, Engine, ForwardView, Observer};
use plan::{Level, Plan};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// The running process: its configuration and its data plane.
pub(crate) struct Supervisor {
    /// Where the configuration comes from.
    pub(crate) input: plan::Input,
    /// What runs.
    pub(crate) plan: Plan,
    pub(crate) engine: Engine,
    pub(crate) workers: usize,
    pub(crate) capacity: Capacity,
    pub(crate) started: SystemTime,
    /// Counts the configurations that ran: 1 is the first.
    pub(crate) generation: u64,
    pub(crate) last_reload: Option<LastReload>,
    /// A configuration that still has to be confirmed.
    pub(crate) trial: Option<Trial>,
    pub(crate) watch: Watch,
    /// The process takes no more sessions.
    pub(crate) draining: bool,
    /// Who watches single sessions is told more of them than the log wants.
    pub(crate) events: Events,
    /// Whether the log wants a record of each ended session.
    pub(crate) logs_sessions: Arc<AtomicBool>,
}

impl Supervisor {
    /// Whether time has to be looked at.
    pub(crate) fn wants_ticks(&self) -> bool {
        let removed = |forward: &ForwardView<'_>| forward.state == engine::ForwardState::Removed;
        self.trial.is_some() || self.watch.is_on() || self.engine.forwards().any(|it| removed(&it))
    }

    /// Some time has passed.
    pub(crate) fn tick(&mut self) {
        self.engine.tidy(self.plan.process.removed_timeout);
        self.go_back_if_unconfirmed();
        if self.watch.has_changed() {
            self.reload_by("watch");
        }
    }

    pub(crate) fn observer(&self) -> Observer {
        self.engine.observer()
    }

    /// Tells the workers what to report.
    pub(crate) fn set_detail(&self) {
        let detail = detail(&self.plan.log);
        self.logs_sessions.store(self.plan.log.sessions, Ordering::Relaxed);
        let detail = Detail {
            steps: detail.steps || self.events.are_sessions_watched(),
            // Whoever watches wants to know of targets that are down, and the record tells.
            records: detail.records || self.events.are_watched(),
        };
        self.observer().set_detail(detail);
    }

    /// Seconds since the start.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed().unwrap_or_default()
    }

    /// What this host can hold under a plan.
    pub(crate) fn capacity_for(&self, plan: &Plan) -> Result<Capacity, NoRoom> {
        let limit = self.capacity.open_files_limit;
        capacity(plan, self.workers, limit, self.capacity.files_at_start)
    }
}

/// What the log wants to be told.
pub(crate) fn detail(log: &plan::Log) -> Detail {
    Detail { records: log.sessions && log.level >= Level::Info, steps: log.level >= Level::Debug }
}
