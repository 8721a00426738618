//! The state of the process, with its last reload and upgrade.

use super::{Attention, Change, Fleet, Origin, ProcessState, Rates, Word};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of the process.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// `serving` or `draining`.
    #[schema(schema_with = Word::<ProcessState>::schema)]
    pub state: Word<ProcessState>,
    /// Version of the running program.
    pub version: String,
    /// The commit of its build, with a `+` if the sources differed from it; null if it is unknown.
    pub build: Option<String>,
    /// Process id, unchanged by upgrades.
    pub pid: u32,
    /// Time at which the process started.
    pub started: String,
    /// Seconds since the process started.
    pub uptime: f64,
    /// Path of the configuration file; null if the forwards are given on the command line.
    pub config: Option<String>,
    /// Number of configurations that have run, including the running one.
    pub generation: u64,
    /// The last attempt to reload; null if there was none.
    pub last_reload: Option<LastReload>,
    /// Seconds until the running configuration is reverted, unless it is confirmed; null without a
    /// trial.
    pub confirm_within: Option<f64>,
    /// Number of required forwards that could not be bound after a revert or an upgrade. They are
    /// skipped, and retried until they listen.
    #[serde(default)]
    pub restoring: usize,
    /// Settings that need a restart: `old` is the value in force, `new` that of the running
    /// configuration.
    #[serde(default)]
    pub waiting: Vec<Change>,
    /// Number of upgrades since the start of the process.
    pub upgrades: u64,
    /// The last attempt to upgrade; null if there was none.
    pub last_upgrade: Option<LastUpgrade>,
    /// Whether the kernel restricts the process to the directories of its configuration.
    #[serde(default)]
    pub sandboxed: bool,
    /// Number of worker threads.
    pub workers: usize,
    /// Number of configured forwards.
    pub forwards: usize,
    /// Number of listeners.
    pub listeners: usize,
    /// Number of open sessions.
    pub sessions: u32,
    /// Limit on open sessions.
    pub max_sessions: u32,
    /// Sessions opened since the start.
    pub sessions_opened: u64,
    /// Bytes from clients to targets since the start.
    pub bytes_up: u64,
    /// Bytes from targets to clients since the start.
    pub bytes_down: u64,
    /// Clients refused since the start, for any cause.
    #[serde(default)]
    pub refused: u64,
    /// Sessions that failed since the start: `failed` of all forwards, those of removed ones included.
    #[serde(default)]
    pub failed: u64,
    /// Rates of the counters; null unless requested.
    pub rates: Option<Rates>,
    /// Log lines lost since the start.
    pub log_dropped: u64,
    /// Seconds since a log line was last lost.
    pub last_log_dropped: Option<f64>,
    /// Number of names of targets in the configuration whose last look-up failed.
    #[serde(default)]
    pub names_failing: usize,
    /// The first ten of these names in alphabetical order.
    #[serde(default)]
    pub failing_names: Vec<FailingName>,
    /// Number of open file descriptors.
    pub open_files: u64,
    /// Limit on open file descriptors.
    pub open_files_limit: u64,
    /// Number of pipes for splicing, lent or spare.
    pub pipes: usize,
    /// Resident memory in bytes.
    pub resident_memory: u64,
    /// The fleet of the process; null without `[fleet]`, and from versions that have none.
    #[serde(default)]
    pub fleet: Option<Fleet>,
    /// Conditions of the process that need attention; empty if all is well. Forwards have their own.
    #[serde(default)]
    pub attention: Vec<Attention>,
}

/// The name of a target whose look-ups fail.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FailingName {
    /// The name, in lower case.
    pub name: String,
    /// Why the last look-up failed.
    pub error: String,
    /// Seconds since the first failed look-up.
    pub since: f64,
    /// Number of addresses of the last good answer, which serve on; 0 if there was none.
    pub addresses: usize,
}

/// An attempt to reload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastReload {
    /// Time of the attempt.
    pub at: String,
    /// Origin of the request: `SIGHUP`, `admin`, `watch`, or `unconfirmed` for the revert of a trial.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// The error in one line; null after a success.
    pub error: Option<String>,
}

/// An attempt to upgrade.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastUpgrade {
    /// Time of the attempt.
    pub at: String,
    /// Origin of the request: `SIGUSR2` or `admin`.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// The previous version; null after a failure.
    pub from: Option<String>,
    /// The commit of its build; null after a failure, or if the commit is unknown.
    pub from_build: Option<String>,
    /// Number of restored sessions.
    pub sessions: u64,
    /// Number of sessions that could not be restored, and were reset.
    pub lost: u64,
    /// Seconds during which no session was served; null after a failure.
    pub pause: Option<f64>,
    /// The error; null after a success.
    pub error: Option<String>,
    /// State that the upgrade could not preserve, one text each; empty if all was preserved.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The answer to an upgrade request: the new program has passed its check, and is about to run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Upgrade {
    /// Always the word `upgrading`.
    pub state: String,
    /// The running version.
    pub from: String,
    /// The commit of its build; null if it is unknown.
    pub from_build: Option<String>,
    /// Version of the new program.
    pub to: String,
    /// The commit of its build; null if it is unknown.
    pub to_build: Option<String>,
    /// Value of `upgrades` in the status after this upgrade.
    pub upgrades: u64,
}
