//! Forwards.

use super::{Attention, ForwardState, Word};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One forward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Forward {
    /// Its name.
    pub name: String,
    /// `active`, `draining`, `skipped`: a line of the older format that could not be bound, or
    /// `removed`: no longer configured, with sessions that go on.
    #[schema(schema_with = Word::<ForwardState>::schema)]
    pub state: Word<ForwardState>,
    /// Why clients do not reach it, or not all of its listeners: it could not be bound (`skipped`),
    /// or another program removed or replaced the file of its Unix socket.
    pub error: Option<String>,
    /// Why an operator should act on it; empty if nothing is wrong.
    #[serde(default)]
    pub attention: Vec<Attention>,
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
