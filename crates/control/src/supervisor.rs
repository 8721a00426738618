//! The supervisor: owner of the running configuration and the data plane.
//!
//! One task owns it. Other tasks hold a handle and receive values. Its fields are private to this
//! file and to the modules below, which hold its methods by subject.

mod deadlines;
pub(crate) mod reload;
mod reporting;
pub(crate) mod sets;
mod snapshots;
pub(crate) mod switch;
pub(crate) mod upgrade;

use crate::admin::{AdminListeners, Interface};
use crate::checks::{CheckList, CheckTask};
use crate::handle::Handle;
use crate::probes::{MOST_TARGETS, ProbeList, ProbeTask};
use crate::startup_log::{AdminPlaces, log_startup};
use crate::watch::Watch;
use api::{EventName, Shutdown, Word};
use discover::Resolver;
use engine::{Detail, Engine, Observer};
use host::{
    Capacity, Headroom, NoRoom, Notifier, Rooms, Sandbox, ServiceState, Store, capacity,
    own_program,
};
use observe::Events;
use plan::{FilesRead, InForce, Level, Plan};
use reload::{FleetViews, LastReload, Restoring, Trials};
use reporting::Reporting;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};
use upgrade::Upgrades;

/// Runs closures on the supervisor's task and returns their results.
pub(crate) type SupervisorHandle = Handle<Supervisor>;

/// The running process: its configuration and its data plane.
pub(crate) struct Supervisor {
    /// Origin of the configuration: command line and file.
    input: plan::Input,
    /// The running configuration.
    plan: Plan,
    /// Settings that only a start applies, as applied. After a reload the plan may differ.
    in_force: InForce,
    engine: Engine,
    resolver: Arc<Resolver>,
    /// Has the targets checked.
    checks: Option<CheckList>,
    /// Has new targets probed; `None` before the start and while the process shuts down.
    probes: Option<ProbeList>,
    workers: usize,
    capacity: Capacity,
    started: SystemTime,
    /// Number of the running configuration; the first is 1.
    generation: u64,
    last_reload: Option<LastReload>,
    /// The way back from a configuration that is not confirmed yet.
    trials: Trials<Plan>,
    fleet: FleetViews,
    /// Forwards that the last fall-back could not bind yet.
    restoring: Option<Restoring>,
    watch: Watch,
    /// Time of the next check of removed forwards, while there are any.
    tidy_at: Instant,
    upgrades: Upgrades,
    /// The listeners of the admin interface and of the metrics.
    admin: AdminListeners,
    reporting: Reporting,
    /// The process shuts down and accepts no sessions.
    draining: bool,
    /// Listeners kept by the service manager, if there is one.
    store: Store,
    /// Directories to which landlock(7) restricts the process; `None` if it is not restricted.
    sandbox: Option<Sandbox>,
    /// Remaining capacity under the host's limits, as read last.
    headroom: Headroom,
}

impl Supervisor {
    /// Supervises an engine that runs `plan`, as generation 1.
    pub(crate) fn new(
        input: plan::Input,
        plan: Plan,
        engine: Engine,
        resolver: Arc<Resolver>,
        workers: usize,
        capacity: Capacity,
        store: Store,
    ) -> Self {
        Self {
            input,
            in_force: InForce::of(&plan),
            engine,
            resolver,
            checks: None,
            probes: None,
            workers,
            capacity,
            started: SystemTime::now(),
            generation: 1,
            last_reload: None,
            trials: Trials::new(None, None),
            fleet: FleetViews::default(),
            restoring: None,
            watch: Watch::new(plan.config.as_deref(), plan.process.watch, None),
            tidy_at: Instant::now(),
            upgrades: Upgrades::new(own_program()),
            admin: AdminListeners::none(),
            reporting: Reporting::new(plan.log.sessions),
            draining: false,
            store,
            sandbox: None,
            headroom: Headroom::default(),
            plan,
        }
    }

    /// Compares the watched files with those read at the start. After an upgrade none was read, and their
    /// states come from the previous process image.
    pub(crate) fn watch_from_start(&mut self, read: FilesRead) {
        if read.config.is_some() {
            self.watch.was_read(read.config);
            self.watch.were_read(read.prefix_files);
        }
    }

    /// Sets the parts created before the first thread: the admin listeners and the sandbox.
    pub(crate) fn set_surroundings(&mut self, admin: AdminListeners, sandbox: Option<Sandbox>) {
        (self.admin, self.sandbox) = (admin, sandbox);
    }

    pub(crate) fn observer(&self) -> Observer {
        self.engine.observer()
    }

    /// The engine, for reading. Changes are methods of the supervisor.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn events(&self) -> Events {
        self.reporting.events.clone()
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.store.notifier
    }

    /// The admin listeners, to open once the process serves.
    pub(crate) fn admin_mut(&mut self) -> &mut AdminListeners {
        &mut self.admin
    }

    /// The path of the configuration file; `None` if all forwards are from the command line.
    pub(crate) fn config_file(&self) -> Option<&Path> {
        self.input.config.as_deref()
    }

    /// Whether a forward of the running configuration has this name.
    pub(crate) fn has_forward(&self, name: &str) -> bool {
        self.engine.forwards().any(|forward| forward.plan.name == name)
    }

    /// The forward with this name; if there is none, those whose names contain the text. `removed` are the names
    /// of further ones.
    pub(crate) fn forwards_named(&self, text: &str, removed: &HashSet<String>) -> HashSet<String> {
        if self.has_forward(text) || removed.contains(text) {
            return HashSet::from([text.to_owned()]);
        }
        let names = self.engine.forwards().map(|forward| &forward.plan.name).chain(removed);
        names.filter(|name| name.contains(text)).cloned().collect()
    }

    /// Number of the running configuration.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the process shuts down and accepts no sessions.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Logs the listeners, and that the process is ready.
    pub(crate) fn log_startup(&self) {
        let Self { plan, engine, workers, capacity, admin, .. } = self;
        let [admin, metrics] =
            [Interface::Admin, Interface::Metrics].map(|interface| admin.places(interface));
        let places = AdminPlaces { admin: admin.as_deref(), metrics: metrics.as_deref() };
        log_startup(plan, engine, *workers, capacity, &places);
    }

    /// Begins the shutdown: stops accepting, and lets open sessions end. Returns their number and
    /// the time limit.
    pub(crate) fn drain(&mut self, by: &str) -> (u32, Duration) {
        let (limit, open) = (self.plan.process.shutdown_timeout, self.engine.sessions());
        let shutdown_timeout = observe::log::seconds(limit);
        tracing::info!(by, sessions = open, shutdown_timeout, "draining");
        self.reporting
            .events
            .publish(EventName::Shutdown, || Shutdown { by: Word::of(by), sessions: open });
        self.draining = true;
        self.probes = None;
        self.notify_manager();
        let store = &self.store;
        self.engine.leave_files(|address| store.has(address));
        self.engine.drain();
        (open, limit)
    }

    /// Resets the remaining sessions, and stops the workers and the journal. Returns false if the
    /// journal hangs in the kernel.
    pub(crate) fn stop(self, workers_limit: Duration, journal_limit: Duration) -> bool {
        self.engine.cut();
        self.engine.stop(workers_limit);
        self.reporting.stop(journal_limit)
    }

    /// Sets the events and records that the workers produce: those for the log and for the
    /// watchers.
    pub(crate) fn set_detail(&self) {
        let detail = detail(&self.plan.log);
        self.reporting.logs_sessions.store(self.plan.log.sessions, Ordering::Relaxed);
        let detail = Detail {
            steps: detail.steps || self.reporting.events.are_sessions_watched(),
            // `target_down` events are derived from records.
            records: detail.records || self.reporting.events.are_watched(),
        };
        self.observer().set_detail(detail);
    }

    /// Notifies the service manager of the state of this process.
    pub(crate) fn notify_manager(&self) {
        let failed = self.last_reload.as_ref().is_some_and(|reload| reload.error.is_some());
        let state = if self.draining {
            ServiceState::Stopping
        } else {
            ServiceState::Serving { forwards: self.plan.forwards.len(), reload_failed: failed }
        };
        self.store.notifier.enter(state, self.engine.sessions());
    }

    /// Stores the present listeners with the service manager. Does nothing during a shutdown: the
    /// stored ones are for the next process.
    pub(crate) fn keep_listeners(&mut self) {
        if !self.draining {
            self.store.follow(&self.engine);
        }
    }

    /// Starts the checks and the probes of targets, on the runtime of this thread. After an upgrade, only probes without
    /// a result are resumed.
    pub(crate) fn start_checks(&mut self, is_start: bool) {
        let (checks, task) = CheckTask::new();
        tokio::spawn(task.run(self.observer()));
        let (probes, task) = ProbeTask::new();
        tokio::spawn(task.run());
        if !is_start {
            probes.resume(self.engine.interrupted_probes(MOST_TARGETS));
        }
        (self.checks, self.probes) = (Some(checks), Some(probes));
        self.follow_targets();
    }

    /// Checks the targets of the running configuration, and probes those that are new. To be called after each change
    /// of a target set or of settings, and when a drained target or forward is resumed.
    pub(crate) fn follow_targets(&self) {
        if let Some(checks) = &self.checks {
            checks.replace(self.engine.checked_targets());
        }
        if let Some(probes) = &self.probes {
            probes.add(self.engine.unprobed_targets(MOST_TARGETS));
        }
        self.reporting.forget_removed_targets(&self.engine);
    }

    /// Starts the thread that writes the log.
    ///
    /// # Errors
    ///
    /// The host refuses a thread.
    pub(crate) fn start_journal(&mut self) -> std::io::Result<()> {
        self.reporting.start_journal(&self.engine)
    }

    /// Starts the journal's thread if there is none. If the host refuses one, this thread writes the
    /// log until a later attempt succeeds.
    pub(crate) fn keep_journal(&mut self) {
        self.reporting.keep_journal(&self.engine);
    }

    /// Time since the start of the first process image.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed().unwrap_or_default()
    }

    /// Time left to confirm the running configuration, if it is on trial.
    pub(crate) fn confirm_within(&self) -> Option<Duration> {
        self.trials.running().map(|trial| trial.left(Instant::now()))
    }

    /// Number of further sessions that each limit of the host allows.
    pub(crate) fn rooms(&mut self) -> Rooms {
        self.headroom.rooms(&self.engine, self.capacity.possible)
    }

    /// The capacity of this host under a plan.
    pub(crate) fn capacity_for(&self, plan: &Plan) -> Result<Capacity, NoRoom> {
        let limit = self.capacity.open_files_limit;
        capacity(plan, self.workers, limit, self.capacity.files_at_start)
    }
}

/// The events and records that the log needs.
pub(crate) fn detail(log: &plan::Log) -> Detail {
    Detail { records: log.sessions && log.level >= Level::Info, steps: log.level >= Level::Debug }
}
