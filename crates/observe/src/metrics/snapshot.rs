//! The values of all metrics at one moment.

use engine::{ForwardState, ForwardView, TargetView, Totals};
use std::time::SystemTime;

/// The values of all metrics.
#[derive(Debug, Default)]
pub struct MetricsSnapshot {
    /// Values of the process as a whole.
    pub process: ProcessMetrics,
    /// Values by forward. Names are unique, since the engine has no two forwards of the same name.
    pub forwards: Vec<ForwardMetrics>,
}

/// Values of the process as a whole.
#[derive(Debug)]
pub struct ProcessMetrics {
    /// Open descriptors; `None` without `/proc`.
    pub open_files: Option<u64>,
    /// The soft limit of `RLIMIT_NOFILE`.
    pub open_files_limit: u64,
    /// Pipes that exist, in use or not.
    pub pipes: u64,
    /// Spins of the workers that ended with an event.
    pub spin_hits: u64,
    /// Spins without one.
    pub spin_misses: u64,
    /// The limit of sessions of all forwards together.
    pub max_sessions: u32,
    /// Additional sessions that each limit of the host allows, by the name of the limit.
    pub headroom: Vec<(&'static str, u64)>,
    /// Number of the running configuration; the first one is 1.
    pub generation: u64,
    /// False after a refused reload.
    pub last_reload_succeeded: bool,
    /// Time of the last reload, or of the start.
    pub last_reload: SystemTime,
    /// Seconds until the configuration is reverted, if it is on trial.
    pub trial_left: Option<f64>,
    /// The fleet, if the process belongs to one.
    pub fleet: Option<FleetMetrics>,
    /// Forwards that could not be bound again after a fall-back or an upgrade.
    pub restoring: u64,
    /// Keys of the settings that take effect after a restart.
    pub waiting: Vec<&'static str>,
    /// Names of targets by the state of their answer.
    pub names: [(&'static str, u64); 3],
    /// Finished look-ups of names by result.
    pub name_look_ups: Vec<(&'static str, u64)>,
    /// Numbers of targets by the name whose records they are.
    pub name_targets: Vec<(String, u64)>,
    /// Denied requests to the admin interface by reason.
    pub admin_denied: Vec<(&'static str, u64)>,
    /// Lost log lines.
    pub log_dropped: crate::log::Dropped,
    /// Start time of the process.
    pub started: SystemTime,
    /// CPU time and memory.
    pub usage: sys::Usage,
}

/// Values of one forward.
#[derive(Debug, Default)]
pub struct ForwardMetrics {
    /// The name in the configuration.
    pub name: String,
    /// Whether the forward is skipped because it could not be bound.
    pub skipped: bool,
    /// Number of its Unix listeners with a removed or replaced file.
    pub lost_files: usize,
    /// Number of open sessions.
    pub active: u32,
    /// The most sessions that it may have at once.
    pub max_sessions: u32,
    /// Clients that wait in the queues of its listeners.
    pub backlog: u32,
    /// Counters, summed over all workers.
    pub totals: Totals,
    /// Its targets, if there are several or they are checked. One target has the figures of its forward.
    pub targets: Vec<TargetView>,
}

/// The fleet as this instance sees it.
#[derive(Clone, Copy, Debug)]
pub struct FleetMetrics {
    /// Whether the last reading of the store succeeded.
    pub store_up: bool,
    /// Seconds since the last successful reading; `None` before the first.
    pub read_age: Option<f64>,
    /// The revision that is followed; `None` before the first.
    pub revision: Option<u64>,
    /// The revision that the store named at the last reading; `None` if it had none.
    pub current_revision: Option<u64>,
    /// The latest revision whose text for this instance is the running one; `None` without one.
    pub running_revision: Option<u64>,
    /// State of the instance, as the API words it.
    pub state: &'static str,
    /// End of the client certificate; `None` without one.
    pub certificate_expiry: Option<SystemTime>,
    /// End of the store's authority; `None` without the file `ca`.
    pub ca_expiry: Option<SystemTime>,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        Self {
            open_files: None,
            open_files_limit: 0,
            pipes: 0,
            spin_hits: 0,
            spin_misses: 0,
            max_sessions: 0,
            headroom: Vec::new(),
            generation: 1,
            last_reload_succeeded: true,
            last_reload: SystemTime::UNIX_EPOCH,
            trial_left: None,
            fleet: None,
            restoring: 0,
            waiting: Vec::new(),
            names: [("resolved", 0), ("stale", 0), ("failing", 0)],
            name_look_ups: Vec::new(),
            name_targets: Vec::new(),
            admin_denied: Vec::new(),
            log_dropped: crate::log::Dropped::default(),
            started: SystemTime::UNIX_EPOCH,
            usage: sys::Usage::default(),
        }
    }
}

impl ForwardMetrics {
    /// The values of a forward from its view.
    pub fn new(view: &ForwardView<'_>) -> Self {
        let targets = view.targets();
        Self {
            name: view.plan.name.clone(),
            skipped: view.state == ForwardState::Skipped,
            lost_files: view.lost_files().count(),
            active: view.sessions(),
            max_sessions: view.plan.settings.max_sessions.get(),
            backlog: view.backlog(),
            totals: view.totals(),
            targets: if is_shown(&targets) { targets } else { Vec::new() },
        }
    }

    /// Whether the forward has had a session.
    pub fn was_used(&self) -> bool {
        self.totals.opened > 0
    }
}

/// Whether targets have series of their own.
fn is_shown(targets: &[TargetView]) -> bool {
    targets.len() > 1 || targets.iter().any(|target| target.checks.is_some())
}
