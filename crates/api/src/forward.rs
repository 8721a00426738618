//! Forwards as listed by the admin interface.

use super::{Attention, ForwardState, TargetState, Word};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// State, counters and settings of a forward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Forward {
    /// Name of the forward, as configured.
    pub name: String,
    /// `active`, `draining`, `skipped`: a line of the older format that could not be bound, or
    /// `removed`: no longer configured; its sessions go on, or a trial may bring it back.
    #[schema(schema_with = Word::<ForwardState>::schema)]
    pub state: Word<ForwardState>,
    /// Why clients cannot reach the forward or one of its listeners: an address could not be bound
    /// (`skipped`), or another program removed or replaced the file of its Unix socket.
    pub error: Option<String>,
    /// Conditions that need attention; empty if all is well.
    #[serde(default)]
    pub attention: Vec<Attention>,
    /// Its listen addresses, as configured.
    pub listen: Vec<String>,
    /// Its targets for each listen address, as configured.
    pub to: Vec<String>,
    /// The state of its targets; one for all listen addresses that share it.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// Number of open sessions.
    pub sessions: u32,
    /// Limit on its open sessions.
    pub max_sessions: u32,
    /// Sessions opened since the start of the process.
    pub opened: u64,
    /// Clients refused by a limit.
    pub refused: u64,
    /// Seconds since a client was last refused by a limit.
    pub last_refused: Option<f64>,
    /// Clients refused by `allow` and `deny`.
    #[serde(default)]
    pub not_allowed: u64,
    /// Clients refused by their share, or by `sessions` of `per_client`.
    #[serde(default)]
    pub client_limit: u64,
    /// Clients refused by `new` of `per_client`.
    #[serde(default)]
    pub rate_limit: u64,
    /// Sessions that ended unconnected, for a reason other than their client or an operator: no target
    /// was reached, or this host lacked a resource.
    pub failed: u64,
    /// Seconds since a session last failed.
    pub last_failed: Option<f64>,
    /// Ended sessions by close reason (`client/relay/fin`).
    pub closed: BTreeMap<String, u64>,
    /// Bytes from clients to targets.
    pub bytes_up: u64,
    /// Bytes from targets to clients.
    pub bytes_down: u64,
    /// Rates of the counters; null unless requested.
    pub rates: Option<Rates>,
    /// Connections in the accept queues of its listeners.
    pub backlog: u32,
    /// Its settings, as in the configuration.
    pub settings: BTreeMap<String, String>,
}

impl Forward {
    /// Clients refused for any cause.
    pub fn all_refused(&self) -> u64 {
        self.refused + self.not_allowed + self.client_limit + self.rate_limit
    }
}

/// State and counters of a target.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// Its address: as configured, or of a record of `set`.
    pub address: String,
    /// The entry of `to` whose records are targets, such as `dns:db.internal:5432`; null for a target that
    /// stands in `to` itself.
    pub set: Option<String>,
    /// The listen addresses whose sessions it serves.
    pub listen: Vec<String>,
    /// The routes that lead to it, by their first server name and first protocol
    /// (`sni=db.example`, `alpn=postgresql`); empty if only `to` does.
    #[serde(default)]
    pub routes: Vec<String>,
    /// `up`, `down`, `drained`, or `unknown`: its first check has not ended, or it is an entry of `to` (`dns:`
    /// or `srv:`) whose name has no answer yet.
    #[schema(schema_with = Word::<TargetState>::schema)]
    pub state: Word<TargetState>,
    /// When the state changed last; null if it never has.
    #[serde(default)]
    pub since: Option<String>,
    /// Why it is or, while it is drained, would be down; or the failure of its name.
    #[serde(default)]
    pub why: Option<String>,
    /// Seconds until a client may try it again, if only failed connects keep it down; 0: the next client may.
    #[serde(default)]
    pub retry_in: Option<f64>,
    /// Its checks since the start of the process; null if it is not checked.
    #[serde(default)]
    pub checks: Option<CheckCounts>,
    /// The last check; null before the first.
    #[serde(default)]
    pub last_check: Option<LastCheck>,
    /// Number of its open sessions.
    pub sessions: u32,
    /// Limit on its open sessions; null if there is none.
    pub max_sessions: Option<u32>,
    /// Its share of new sessions, relative to the other targets.
    pub weight: u32,
    /// Whether it serves only while all others are down.
    pub backup: bool,
    /// Connects to it since the start of the process.
    pub connects: u64,
    /// Attempts to connect, and look-ups of its name, that failed, or attempts that another target overtook.
    pub failed_connects: u64,
    /// Seconds that a connect usually takes; null before the first.
    pub connect_time: Option<f64>,
}

/// Numbers of checks of a target.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckCounts {
    /// Successful checks.
    pub succeeded: u64,
    /// Failed checks.
    pub failed: u64,
}

/// The last check of a target.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LastCheck {
    /// `ok`, or why it failed.
    pub result: String,
    /// When it ended.
    pub at: String,
    /// How long it took, in seconds.
    pub took: f64,
}

/// Rates of counters, per second over the last moments.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rates {
    /// Bytes per second from clients to targets.
    pub bytes_up: f64,
    /// Bytes per second from targets to clients.
    pub bytes_down: f64,
    /// Sessions opened per second.
    pub opened: f64,
}

/// A page of forwards.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Forwards {
    /// Number of forwards that match the query, on all pages.
    pub total: usize,
    /// The forwards of the page, in the requested order; in the order of the configuration, removed
    /// ones come last.
    pub forwards: Vec<Forward>,
}
