//! The numbers of one moment.

use engine::{ForwardState, ForwardView, Totals};
use std::time::SystemTime;

/// All that is told.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The process as a whole.
    pub process: Process,
    /// One per name: the engine has no two forwards of the same name.
    pub forwards: Vec<Forward>,
}

/// What holds for the process as a whole.
#[derive(Debug)]
pub struct Process {
    /// `None` without `/proc`.
    pub open_files: Option<u64>,
    /// The soft limit of `RLIMIT_NOFILE`.
    pub open_files_limit: u64,
    /// Pipes that exist, in use or not.
    pub pipes: u64,
    /// The limit of sessions of all forwards together.
    pub max_sessions: u32,
    /// Further sessions that each limit of the host allows, by its name.
    pub headroom: Vec<(&'static str, u64)>,
    /// Configurations that ran since the start; 1 is the first.
    pub generation: u64,
    /// False after a refused reload.
    pub last_reload_succeeded: bool,
    /// Of the last attempt to reload; before the first, of the start.
    pub last_reload: SystemTime,
    /// Seconds until the configuration is reverted, if it is on trial.
    pub trial_left: Option<f64>,
    /// Forwards that a fall-back or an upgrade could not bind yet.
    pub restoring: u64,
    /// The keys of the settings that wait for a restart.
    pub waiting: Vec<&'static str>,
    /// Lines of the log that were lost.
    pub log_dropped: crate::log::Dropped,
    /// The start of the process.
    pub started: SystemTime,
    /// CPU time and memory.
    pub usage: sys::Usage,
}

/// One forward.
#[derive(Debug, Default)]
pub struct Forward {
    /// As in the configuration.
    pub name: String,
    /// It could not be bound.
    pub skipped: bool,
    /// Number of its Unix listeners whose files are gone.
    pub lost_files: usize,
    /// Open sessions.
    pub active: u32,
    /// Clients that wait in the queues of its listeners.
    pub backlog: u32,
    /// Counters of all workers together.
    pub totals: Totals,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            open_files: None,
            open_files_limit: 0,
            pipes: 0,
            max_sessions: 0,
            headroom: Vec::new(),
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
    /// The numbers of a forward as the engine shows it.
    pub fn new(view: &ForwardView<'_>) -> Self {
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
    pub fn was_used(&self) -> bool {
        self.totals.opened > 0
    }
}
