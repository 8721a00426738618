//! What the admin interface says, word for word: the server writes these, its clients read them,
//! and the OpenAPI document is made of them. Durations are seconds, times RFC 3339 in UTC, sizes
//! bytes.

mod event;
pub use event::{
    AcceptFailed, Close, ClosedTcp, ForwardSwitched, Lagged, LimitReached, Reloaded,
    ResourceExhausted, SessionClosed, SessionConnected, SessionOpened, Shutdown, TargetDown,
    Upgraded,
};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The process as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// `serving` or `draining`.
    pub state: String,
    /// The program's version.
    pub version: String,
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
    /// Seconds until the configuration is taken back, if it waits to be confirmed.
    pub confirm_within: Option<f64>,
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
}

/// An attempt to reload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastReload {
    /// When.
    pub at: String,
    /// Who asked: `SIGHUP`, `admin`, `watch`, or `unconfirmed` if the last one was taken back.
    pub by: String,
    /// Why it failed, in one line; nothing if it did not.
    pub error: Option<String>,
}

/// An attempt to upgrade.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastUpgrade {
    /// When.
    pub at: String,
    /// Who asked: `SIGUSR2` or `admin`.
    pub by: String,
    /// The version before; nothing if it failed.
    pub from: Option<String>,
    /// Sessions that went on.
    pub sessions: u64,
    /// Sessions that could not be taken over, and were reset.
    pub lost: u64,
    /// Seconds in which no session was served; nothing if it failed.
    pub pause: Option<f64>,
    /// Why it failed; nothing if it did not.
    pub error: Option<String>,
}

/// The answer to a request to upgrade: the program was checked, and is about to run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Upgrade {
    /// `upgrading`.
    pub state: String,
    /// The version that runs now.
    pub from: String,
    /// The version that will.
    pub to: String,
    /// How many upgrades there will have been, this one included: `upgrades` of the status.
    pub upgrades: u64,
}

/// One forward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Forward {
    /// Its name.
    pub name: String,
    /// `active`, `draining`, `skipped`: a line of the older format that could not be bound, or
    /// `removed`: no longer configured, with sessions that go on.
    pub state: String,
    /// Why it could not be bound, if it is skipped.
    pub error: Option<String>,
    /// Where it listens.
    pub listen: Vec<String>,
    /// Where it forwards to, for each listener.
    pub to: Vec<String>,
    /// Open sessions.
    pub sessions: u32,
    /// The most there may be.
    pub max_sessions: u32,
    /// Sessions so far.
    pub opened: u64,
    /// Clients refused by a limit.
    pub refused: u64,
    /// Seconds since one was last refused.
    pub last_refused: Option<f64>,
    /// Sessions that ended unconnected, neither by their client nor by an operator: no target was
    /// reached, or this host had nothing left for them.
    pub failed: u64,
    /// Seconds since one last failed.
    pub last_failed: Option<f64>,
    /// Sessions that ended, by close reason (`client/relay/fin`).
    pub closed: BTreeMap<String, u64>,
    /// Bytes from clients to targets.
    pub bytes_up: u64,
    /// Bytes from targets to clients.
    pub bytes_down: u64,
    /// How fast these grow; nothing if it was not asked for.
    pub rates: Option<Rates>,
    /// Connections that wait to be accepted.
    pub backlog: u32,
    /// Its settings, as in the configuration.
    pub settings: BTreeMap<String, String>,
}

/// How fast numbers grow, per second over the last moments.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rates {
    /// Bytes from clients to targets.
    pub bytes_up: f64,
    /// Bytes from targets to clients.
    pub bytes_down: f64,
    /// New sessions.
    pub opened: f64,
}

/// Some forwards, or all.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Forwards {
    /// How many there are that were asked for.
    pub total: usize,
    /// Those of them that were asked for, sorted; removed ones last if by configuration.
    pub forwards: Vec<Forward>,
}

/// One open session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its number, unique in this process.
    pub id: u64,
    /// The forward's name.
    pub forward: String,
    /// The client's address, or `unix`.
    pub client: String,
    /// The listen address, as configured.
    pub listener: String,
    /// The target, as configured.
    pub target: String,
    /// The address that was connected to, or is being tried.
    pub target_address: Option<String>,
    /// `connect`, `relay` or `drain`.
    pub phase: String,
    /// When the client was accepted.
    pub started: String,
    /// Seconds since then.
    pub age: f64,
    /// Seconds since a byte last moved.
    pub idle: f64,
    /// Seconds from acceptance to the connection with the target.
    pub connect_time: Option<f64>,
    /// From client to target.
    pub up: Lane,
    /// From target to client.
    pub down: Lane,
    /// `client-slow`, `target-slow`, `network-lossy`, `idle` or `ok`.
    pub verdict: String,
    /// The kernel's view of the client's connection.
    pub client_tcp: Option<Tcp>,
    /// The kernel's view of the target's connection.
    pub target_tcp: Option<Tcp>,
    /// The worker that serves it.
    pub worker: usize,
}

/// One direction of a session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lane {
    /// Bytes moved.
    pub bytes: u64,
    /// Bytes per second over the last moments; nothing if rates were not asked for.
    pub rate: Option<f64>,
    /// Bytes received that the other side did not take yet.
    pub held: u64,
    /// `copy` or `splice`, just now.
    pub path: String,
    /// Why it went from splice to copy: `none`, `small_messages`, `no_pipe` or `unsupported`.
    pub fallback: String,
    /// No more bytes come.
    pub ended: bool,
}

/// What the kernel knows of a TCP connection.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tcp {
    /// Smoothed round-trip time in seconds.
    pub rtt: f64,
    /// Segments sent again so far.
    pub retransmits: u32,
    /// Retransmission time-outs in a row, just now.
    pub backoffs: u8,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments held to be lost.
    pub lost: u32,
    /// Bytes that wait to be sent.
    pub unsent: u32,
    /// The congestion window in segments.
    pub congestion_window: u32,
}

/// Some sessions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// How many there are that were asked for.
    pub total: usize,
    /// As many of them as were asked for, sorted.
    pub sessions: Vec<Session>,
}

/// What a reload changed, or would.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// Nothing was changed: it was only asked what would be.
    pub dry_run: bool,
    /// The configuration that runs now.
    pub generation: u64,
    /// New forwards.
    pub added: Vec<ForwardSummary>,
    /// Forwards with other settings.
    pub changed: Vec<ChangedForward>,
    /// Forwards that are gone.
    pub removed: Vec<ForwardSummary>,
    /// Forwards that stay as they are but were skipped, because they could not be bound: now they
    /// are bound; in a dry run, those that would be tried again.
    #[serde(default)]
    pub retried: Vec<ForwardSummary>,
    /// How many forwards stay as they are.
    pub unchanged: usize,
    /// Other settings of `[process]` and `[log]`.
    pub settings: Vec<Change>,
    /// Lines that were skipped before and still are, and why.
    pub skipped: Vec<String>,
    /// Seconds until it is taken back, unless it is confirmed.
    pub confirm_within: Option<f64>,
}

/// A forward that comes or goes.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ForwardSummary {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: String,
    /// Where it forwards to.
    pub to: String,
    /// Its open sessions.
    pub sessions: u32,
}

/// A forward that stays, with other settings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedForward {
    /// Its name.
    pub name: String,
    /// Its open sessions.
    pub sessions: u32,
    /// What changes.
    pub changes: Vec<Change>,
}

/// Another value of a setting.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The setting.
    pub key: String,
    /// Its value until now.
    pub old: Option<String>,
    /// Its value from now on.
    pub new: Option<String>,
    /// For whom it holds: `new_sessions`, `all_sessions`, `process`, or `restart`.
    pub effect: String,
}

/// That something was done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// What: `killed`, `draining`, `active`, `confirmed`.
    pub state: String,
    /// Whether it changed anything: false if it was so before.
    pub changed: bool,
}

/// Why something was not done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The error.
    pub error: Error,
}

/// An error.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Error {
    /// A word for programs: `not_found`, `bad_request`, `invalid_config`, `unfit`, `draining`,
    /// `unauthorized`, ...
    pub code: String,
    /// A text for people.
    pub message: String,
}
