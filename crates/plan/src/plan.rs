//! The plan: what the configuration means once everything in it has been checked.
//!
//! No field here says "use the default" in disguise: whoever holds a [`Plan`] need not look anything
//! up. The only exceptions are the two `auto` values that depend on the host the plan runs on.
//!
//! Each field of [`Process`], [`Log`] and [`ForwardSettings`] is a setting, and has a row in
//! `settings.rs`, where its default is.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow::{AtLimit, Keepalive, PathChoice};

use crate::address::{ListenAddress, Target};
use crate::problem::Location;

/// The checked, immutable result of reading the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What holds for the process as a whole.
    pub process: Process,
    /// What is logged, and how.
    pub log: Log,
    /// The rules, in the order in which they were written; never empty. Shared with who runs them.
    pub forwards: Vec<Arc<Forward>>,
    /// The file that was read, as it was named; `None` if all forwards were given as one line each.
    pub config: Option<PathBuf>,
    /// What the file held then: the file may be another one by now.
    pub text: Option<Arc<str>>,
}

/// What holds for the process as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Threads that move bytes; `None` is "auto": the CPUs this process may use.
    pub workers: Option<NonZeroU32>,
    /// Sessions of all forwards together; `None` is "auto": what the open-file limit allows.
    pub max_sessions: Option<NonZeroU32>,
    /// How long a shutdown waits for living sessions.
    pub shutdown_timeout: Duration,
    /// How long sessions may go on after a reload has removed their forward; `None` is as long as
    /// they like.
    pub removed_timeout: Option<Duration>,
    /// Whether a change of the configuration file is a request to reload it.
    pub watch: bool,
    /// Where the admin interface is served.
    pub admin: Admin,
    /// The file that holds the token of an admin interface on a port; `None` if it is not on one.
    pub admin_token_file: Option<PathBuf>,
    /// The user that the process becomes at its start, by name or number; `None` is the one that
    /// started it.
    pub user: Option<String>,
    /// The group that goes with `user`, likewise; `None` is the user's own. Never without `user`.
    pub group: Option<String>,
    /// Whether the process is kept to the directories that the configuration names.
    pub sandbox: bool,
}

/// Where the admin interface is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    /// On a Unix socket in a directory that depends on the host; nowhere if [`Plan::config`] is
    /// `None`.
    Auto,
    /// Nowhere.
    Off,
    /// On a Unix socket at this absolute path.
    Unix(PathBuf),
    /// On a TCP port, protected by the token of [`Process::admin_token_file`]. Always a loopback
    /// address: the interface is not encrypted.
    Tcp(SocketAddr),
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is still written.
    pub level: Level,
    /// How a record looks.
    pub format: LogFormat,
    /// Whether each ended session leaves one record.
    pub sessions: bool,
    /// The file that records are appended to; `None` is standard error.
    pub file: Option<PathBuf>,
    /// The size in bytes at which `file` is rotated.
    pub rotate_size: Option<u64>,
    /// The age at which `file` is rotated.
    pub rotate_age: Option<Duration>,
    /// How many rotated files are kept.
    pub keep: NonZeroU32,
}

/// How important a log record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something is broken that we should not have broken.
    Error,
    /// Something is wrong, and work goes on.
    Warn,
    /// What an operator wants to read.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

/// How a log record looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// One rule: where to listen, where to send, under which limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Unique within the plan; by default the first listen address.
    pub name: String,
    /// One per listener, never empty: a port range has become one route per port.
    pub routes: Vec<Route>,
    /// The limits its sessions live under.
    pub settings: ForwardSettings,
    /// Whether the process starts without it, after a warning, if its listener cannot be bound:
    /// what holds for a line of the seed format.
    pub optional: bool,
    /// Where it is written.
    pub location: Location,
}

/// One listener of a forward and the target its sessions go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where clients connect.
    pub listen: ListenAddress,
    /// Where their bytes go.
    pub target: Target,
}

/// The limits the sessions of one forward live under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardSettings {
    /// How long the target may take to accept a connection.
    pub connect_timeout: Duration,
    /// A session without a byte in either lane for this long ends.
    pub idle_timeout: Option<Duration>,
    /// One lane has ended and the other carried no byte for this long: the session ends.
    pub half_close_timeout: Option<Duration>,
    /// A session older than this ends, busy or not.
    pub max_age: Option<Duration>,
    /// Sessions of this forward at the same time.
    pub max_sessions: NonZeroU32,
    /// What happens to one more.
    pub at_limit: AtLimit,
    /// What a client sees whose target cannot be connected.
    pub on_refusal: OnRefusal,
    /// TCP keepalive on both sockets.
    pub keepalive: Option<Keepalive>,
    /// How long sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`).
    pub user_timeout: Option<Duration>,
    /// How a lane moves bytes.
    pub path: PathChoice,
}

/// What a client sees whose target cannot be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnRefusal {
    /// An RST, as if it had connected to the target itself.
    Reset,
    /// The end of the stream, for clients that take a reset badly.
    Fin,
}
