//! The numbers of one moment.

use engine::{ForwardState, ForwardView, Totals};
use host::Rooms;
use std::time::SystemTime;

/// All that is told.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) process: Process,
    /// One per name: the engine has no two forwards of the same name.
    pub(crate) forwards: Vec<Forward>,
}

/// What holds for the process as a whole.
#[derive(Debug)]
pub(crate) struct Process {
    /// `None` without `/proc`.
    pub(crate) open_files: Option<u64>,
    pub(crate) open_files_limit: u64,
    pub(crate) pipes: u64,
    pub(crate) max_sessions: u32,
    /// What the limits of the host leave, by limit.
    pub(crate) headroom: Rooms,
    pub(crate) generation: u64,
    pub(crate) last_reload_succeeded: bool,
    /// Of the last attempt to reload; before the first, of the start.
    pub(crate) last_reload: SystemTime,
    /// Seconds until the configuration is taken back, if it is on trial.
    pub(crate) trial_left: Option<f64>,
    /// Forwards that a fall-back or an upgrade could not bind yet.
    pub(crate) restoring: u64,
    /// The keys of the settings that wait for a restart.
    pub(crate) waiting: Vec<&'static str>,
    pub(crate) log_dropped: crate::log::Dropped,
    pub(crate) started: SystemTime,
    pub(crate) usage: sys::Usage,
}

/// One forward.
#[derive(Debug, Default)]
pub(crate) struct Forward {
    pub(crate) name: String,
    /// It could not be bound.
    pub(crate) skipped: bool,
    /// Number of its Unix listeners whose files are gone.
    pub(crate) lost_files: usize,
    pub(crate) active: u32,
    pub(crate) backlog: u32,
    pub(crate) totals: Totals,
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
    pub(crate) fn new(view: &ForwardView<'_>) -> Self {
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
    pub(crate) fn was_used(&self) -> bool {
        self.totals.opened > 0
    }
}
