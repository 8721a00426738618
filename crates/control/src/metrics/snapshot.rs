//! The numbers of one moment.

use crate::headroom::Rooms;
use crate::supervisor::Supervisor;
use engine::{ForwardState, ForwardView, Totals};
use std::time::SystemTime;

/// All that is told.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) process: Process,
    /// One per name: the engine has no two forwards of the same name.
    pub(super) forwards: Vec<Forward>,
}

/// What holds for the process as a whole.
#[derive(Debug)]
pub(super) struct Process {
    /// `None` without `/proc`.
    pub(super) open_files: Option<u64>,
    pub(super) open_files_limit: u64,
    pub(super) pipes: u64,
    pub(super) max_sessions: u32,
    /// What the limits of the host leave, by limit.
    pub(super) headroom: Rooms,
    pub(super) generation: u64,
    pub(super) last_reload_succeeded: bool,
    /// Of the last attempt to reload; before the first, of the start.
    pub(super) last_reload: SystemTime,
    /// Seconds until the configuration is taken back, if it is on trial.
    pub(super) trial_left: Option<f64>,
    /// Forwards that a fall-back or an upgrade could not bind yet.
    pub(super) restoring: u64,
    /// The keys of the settings that wait for a restart.
    pub(super) waiting: Vec<&'static str>,
    pub(super) log_dropped: crate::log::Dropped,
    pub(super) started: SystemTime,
    pub(super) usage: sys::Usage,
}

/// One forward.
#[derive(Debug, Default)]
pub(super) struct Forward {
    pub(super) name: String,
    /// It could not be bound.
    pub(super) skipped: bool,
    /// Number of its Unix listeners whose files are gone.
    pub(super) lost_files: usize,
    pub(super) active: u32,
    pub(super) backlog: u32,
    pub(super) totals: Totals,
}

impl Snapshot {
    pub(super) fn take(supervisor: &mut Supervisor) -> Self {
        let headroom = supervisor.rooms();
        let engine = &supervisor.engine;
        let last_reload = supervisor.last_reload.as_ref();
        let waiting = supervisor.in_force.waiting(&supervisor.plan);
        let process = Process {
            open_files: sys::open_files(),
            open_files_limit: sys::open_files_limit(),
            pipes: supervisor.observer().pipes() as u64,
            max_sessions: engine.max_sessions(),
            headroom,
            generation: supervisor.generation,
            last_reload_succeeded: last_reload.is_none_or(|reload| reload.error.is_none()),
            last_reload: last_reload.map_or(supervisor.started, |reload| reload.at),
            trial_left: supervisor.trial.as_ref().map(|trial| trial.left().as_secs_f64()),
            restoring: supervisor.restoring.as_ref().map_or(0, |it| it.names.len() as u64),
            waiting: waiting.iter().map(|change| change.key).collect(),
            log_dropped: crate::log::dropped(),
            started: supervisor.started,
            usage: sys::usage(),
        };
        Self { process, forwards: engine.forwards().map(|view| Forward::new(&view)).collect() }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self {
            open_files: None,
            open_files_limit: 0,
            pipes: 0,
            max_sessions: 0,
            headroom: Rooms::new(),
            generation: 1,
            last_reload_succeeded: true,
            last_reload: SystemTime::UNIX_EPOCH,
            trial_left: None,
            restoring: 0,
            waiting: Vec::new(),
            log_dropped: crate::log::Dropped::default(),
            started: SystemTime::UNIX_EPOCH,
            usage: sys::Usage::default(),
        }
    }
}

impl Forward {
    fn new(view: &ForwardView<'_>) -> Self {
        Self {
            name: view.plan.name.clone(),
            skipped: view.state == ForwardState::Skipped,
            lost_files: view.lost_files().count(),
            active: view.sessions(),
            backlog: view.backlog(),
            totals: view.totals(),
        }
    }

    /// Whether it ever had a session.
    pub(super) fn was_used(&self) -> bool {
        self.totals.opened > 0
    }
}
