//! What runs, and what may be done to it.
//!
//! One task owns the supervisor. Others hold a handle, and get values back: its fields are private to
//! this file and to the modules below, which are its methods by subject.

mod deadlines;
pub(crate) mod reload;
mod snapshots;
pub(crate) mod switch;
pub(crate) mod upgrade;

use crate::admin::Door;
use crate::announce::announce;
use crate::handle::Handle;
use crate::watch::Watch;
use api::{EventName, Shutdown, Word};
use engine::{Detail, Engine, Observer};
use host::{
    Capacity, Headroom, NoRoom, Notifier, Rooms, Sandbox, Stage, Store, capacity, own_program,
};
use observe::{After, Events, Journal};
use plan::{FileRead, InForce, Level, Plan};
use reload::{LastReload, Restoring, Trial};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use upgrade::LastUpgrade;

/// Has the supervisor do something, from another task.
pub(crate) type SupervisorHandle = Handle<Supervisor>;

/// The running process: its configuration and its data plane.
pub(crate) struct Supervisor {
    /// Where the configuration comes from.
    input: plan::Input,
    /// What runs.
    plan: Plan,
    /// The settings in force that only a start applies; the plan may differ since a reload.
    in_force: InForce,
    engine: Engine,
    workers: usize,
    capacity: Capacity,
    started: SystemTime,
    /// Counts the configurations that ran: 1 is the first.
    generation: u64,
    last_reload: Option<LastReload>,
    /// A configuration that still has to be confirmed.
    trial: Option<Trial>,
    /// A fall-back that is not complete yet.
    restoring: Option<Restoring>,
    watch: Watch,
    /// When to look at removed forwards, while there are any.
    tidy_at: Instant,
    /// When to try to start the journal again, after the host refused a thread.
    journal_at: Instant,
    /// The file that this program was started from.
    program: Option<PathBuf>,
    /// A program is being checked.
    upgrading: bool,
    /// Upgrades since the start.
    upgrades: u64,
    last_upgrade: Option<LastUpgrade>,
    /// The admin interface's listening socket.
    door: Option<Door>,
    /// Writes the log; `None` while the process is about to become another image, and where the host
    /// gave no thread for it.
    journal: Option<Journal>,
    /// The process takes no more sessions.
    draining: bool,
    /// Who watches single sessions is told more of them than the log wants.
    events: Events,
    /// Whether the log wants a record of each ended session.
    logs_sessions: Arc<AtomicBool>,
    /// What the service manager keeps, if there is one.
    store: Store,
    /// What the process is kept to, for as long as it lives; `None` if it is free.
    sandbox: Option<Sandbox>,
    /// What the limits of the host leave, as it was read last.
    headroom: Headroom,
}

impl Supervisor {
    /// A process whose engine runs `plan`, the first one it has.
    pub(crate) fn new(
        input: plan::Input,
        plan: Plan,
        engine: Engine,
        workers: usize,
        capacity: Capacity,
        store: Store,
    ) -> Self {
        Self {
            input,
            in_force: InForce::of(&plan),
            engine,
            workers,
            capacity,
            started: SystemTime::now(),
            generation: 1,
            last_reload: None,
            trial: None,
            restoring: None,
            watch: Watch::new(plan.config.as_deref(), plan.process.watch, None),
            tidy_at: Instant::now(),
            journal_at: Instant::now(),
            program: own_program(),
            upgrading: false,
            upgrades: 0,
            last_upgrade: None,
            door: None,
            journal: None,
            draining: false,
            events: Events::default(),
            logs_sessions: Arc::new(AtomicBool::new(plan.log.sessions)),
            store,
            sandbox: None,
            headroom: Headroom::default(),
            plan,
        }
    }

    /// Starts watching from the file that this process started with. After an upgrade, the previous
    /// image has handed over the state of the file read last.
    pub(crate) fn watch_from_start(&mut self, read: Option<FileRead>) {
        if read.is_some() {
            self.watch.was_read(read);
        }
    }

    /// Gives it what was set up before there were threads: the admin interface's listener, and what the
    /// process is kept to.
    pub(crate) fn set_surroundings(&mut self, door: Option<Door>, sandbox: Option<Sandbox>) {
        (self.door, self.sandbox) = (door, sandbox);
    }

    pub(crate) fn observer(&self) -> Observer {
        self.engine.observer()
    }

    /// The engine's views, for questions. Changes are methods of the supervisor.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn events(&self) -> Events {
        self.events.clone()
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.store.notifier
    }

    /// The admin interface's listener, to be opened once the process serves.
    pub(crate) fn door_mut(&mut self) -> Option<&mut Door> {
        self.door.as_mut()
    }

    /// Whether a forward of the running configuration has this name.
    pub(crate) fn has_forward(&self, name: &str) -> bool {
        self.engine.forwards().any(|forward| forward.plan.name == name)
    }

    /// Whether the process takes no more sessions, because it shuts down.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Logs what the process serves, and that it is ready.
    pub(crate) fn announce(&self) {
        let Self { plan, engine, workers, capacity, door, .. } = self;
        announce(plan, engine, *workers, capacity, door.as_ref().map(Door::place));
    }

    /// Begins the shutdown: takes no more sessions, and lets the open ones end. Returns how many those
    /// are, and how long they may take.
    pub(crate) fn drain(&mut self, by: &str) -> (u32, Duration) {
        let (limit, open) = (self.plan.process.shutdown_timeout, self.engine.sessions());
        let shutdown_timeout = observe::log::seconds(limit);
        tracing::info!(by, sessions = open, shutdown_timeout, "draining");
        self.events.tell(EventName::Shutdown, || Shutdown { by: Word::of(by), sessions: open });
        self.draining = true;
        self.tell_manager();
        let store = &self.store;
        self.engine.leave_files(|address| store.has(address));
        self.engine.drain();
        (open, limit)
    }

    /// Resets the sessions that are left, and ends the workers and the journal. False if the journal
    /// hangs in the kernel.
    pub(crate) fn stop(self, workers_limit: Duration, journal_limit: Duration) -> bool {
        self.engine.cut();
        self.engine.stop(workers_limit);
        let close = |journal: Journal| journal.close(journal_limit, After::Written).is_ok();
        self.journal.is_none_or(close)
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

    /// Tells the service manager what this process is doing now.
    pub(crate) fn tell_manager(&self) {
        let failed = self.last_reload.as_ref().is_some_and(|reload| reload.error.is_some());
        let stage = if self.draining {
            Stage::Stopping
        } else {
            Stage::Serving { forwards: self.plan.forwards.len(), reload_failed: failed }
        };
        self.store.notifier.enter(stage, self.engine.sessions());
    }

    /// Has the service manager keep the listeners as they are now. Those of a process that stops are
    /// for the next one.
    pub(crate) fn keep_listeners(&mut self) {
        if !self.draining {
            self.store.follow(&self.engine);
        }
    }

    /// Has the log written by a thread of its own.
    pub(crate) fn start_journal(&mut self) -> std::io::Result<()> {
        let reports = self.engine.reports();
        let logs_sessions = Arc::clone(&self.logs_sessions);
        self.journal = Some(Journal::start(reports, self.events.clone(), logs_sessions)?);
        Ok(())
    }

    /// Starts the journal's thread if there is none. If the host refuses one, this thread writes the
    /// log, with a short limit for its reader, and tries again later.
    pub(crate) fn keep_journal(&mut self) {
        if self.lacks_journal()
            && let Err(error) = self.start_journal()
        {
            self.journal = None;
            observe::log::write_without_journal();
            tracing::error!(%error, "start the journal");
        }
    }

    /// Whether the log has no thread of its own.
    pub(crate) fn lacks_journal(&self) -> bool {
        self.journal.as_ref().is_none_or(Journal::has_ended)
    }

    /// Seconds since the start.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed().unwrap_or_default()
    }

    /// The time until the configuration is taken back, if it is on trial.
    pub(crate) fn confirm_within(&self) -> Option<Duration> {
        self.trial.as_ref().map(Trial::left)
    }

    /// Further sessions that each limit of the host allows.
    pub(crate) fn rooms(&mut self) -> Rooms {
        self.headroom.rooms(&self.engine, self.capacity.possible)
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
