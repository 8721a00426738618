//! The process as a whole, and its latest changes.

use super::{Attention, Change, Origin, ProcessState, Rates, Word};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The process as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// `serving` or `draining`.
    #[schema(schema_with = Word::<ProcessState>::schema)]
    pub state: Word<ProcessState>,
    /// The program's version.
    pub version: String,
    /// The commit that it was built from, with a `+` if its sources differed from that; nothing if
    /// it is unknown.
    pub build: Option<String>,
    /// The process id.
    pub pid: u32,
    /// When it started.
    pub started: String,
    /// Seconds since then.
    pub uptime: f64,
    /// The configuration file, or nothing if the forwards were given on the command line.
    pub config: Option<String>,
    /// How many configurations have run, this one included.
    pub generation: u64,
    /// The last attempt to reload, if there was one.
    pub last_reload: Option<LastReload>,
    /// Seconds until the configuration is reverted, if it waits for confirmation.
    pub confirm_within: Option<f64>,
    /// Forwards that must run and could not be bound when a configuration was reverted, or by an
    /// upgrade: they are skipped, and tried again until they listen.
    #[serde(default)]
    pub restoring: usize,
    /// Settings that wait for a restart: `old` is the value in force, `new` the one of
    /// the configuration that runs.
    #[serde(default)]
    pub waiting: Vec<Change>,
    /// How many times the process has become another program since its start.
    pub upgrades: u64,
    /// The last attempt to, if there was one.
    pub last_upgrade: Option<LastUpgrade>,
    /// Whether the kernel keeps the process to the directories of its configuration.
    #[serde(default)]
    pub sandboxed: bool,
    /// Threads that move bytes.
    pub workers: usize,
    /// Configured forwards.
    pub forwards: usize,
    /// Listening sockets.
    pub listeners: usize,
    /// Open sessions.
    pub sessions: u32,
    /// The most sessions there may be.
    pub max_sessions: u32,
    /// Sessions since the start.
    pub sessions_opened: u64,
    /// Bytes from clients to targets since the start.
    pub bytes_up: u64,
    /// Bytes from targets to clients since the start.
    pub bytes_down: u64,
    /// How fast these grow; nothing if it was not asked for.
    pub rates: Option<Rates>,
    /// Log lines that were lost since the start.
    pub log_dropped: u64,
    /// Seconds since one was last lost.
    pub last_log_dropped: Option<f64>,
    /// Open file descriptors.
    pub open_files: u64,
    /// The most there may be.
    pub open_files_limit: u64,
    /// Pipes for splicing, lent or spare.
    pub pipes: usize,
    /// Resident memory in bytes.
    pub resident_memory: u64,
    /// Why an operator should act on it, apart from single forwards; empty if nothing is wrong.
    #[serde(default)]
    pub attention: Vec<Attention>,
}

/// An attempt to reload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastReload {
    /// When.
    pub at: String,
    /// Who asked: `SIGHUP`, `admin`, `watch`, or `unconfirmed` if the last one was reverted.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// Why it failed, in one line; nothing if it did not.
    pub error: Option<String>,
}

/// An attempt to upgrade.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastUpgrade {
    /// When.
    pub at: String,
    /// Who asked: `SIGUSR2` or `admin`.
    #[schema(schema_with = Word::<Origin>::schema)]
    pub by: Word<Origin>,
    /// The version before; nothing if it failed.
    pub from: Option<String>,
    /// The commit that it was built from; nothing if the upgrade failed or the commit is unknown.
    pub from_build: Option<String>,
    /// Sessions that went on.
    pub sessions: u64,
    /// Sessions that could not be taken over, and were reset.
    pub lost: u64,
    /// Seconds in which no session was served; nothing if it failed.
    pub pause: Option<f64>,
    /// Why it failed; nothing if it did not.
    pub error: Option<String>,
    /// Warnings about anything the upgrade could not keep; empty if all was kept.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The answer to a request to upgrade: the program was checked, and is about to run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Upgrade {
    /// `upgrading`.
    pub state: String,
    /// The version that runs now.
    pub from: String,
    /// The commit that it was built from; nothing if it is unknown.
    pub from_build: Option<String>,
    /// The version that will.
    pub to: String,
    /// The commit that it was built from; nothing if it is unknown.
    pub to_build: Option<String>,
    /// How many upgrades there will have been, this one included: `upgrades` of the status.
    pub upgrades: u64,
}
