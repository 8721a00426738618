//! The fleet of the process, and its published configuration.

use super::{FleetState, Word};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The fleet as this instance sees it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Fleet {
    /// Name of this instance in the fleet; null before its first reading of the store.
    pub name: Option<String>,
    /// Address of the store, without secrets.
    pub store: String,
    /// The last reading of the store succeeded.
    pub store_up: bool,
    /// Why it failed, at most 500 characters.
    pub problem: Option<String>,
    /// Seconds since the last successful reading; null before the first.
    pub read_age: Option<f64>,
    /// The revision that is followed; null before the first.
    pub revision: Option<u64>,
    /// SHA-256 of the published text that runs; null without one.
    pub runs: Option<String>,
    /// State of the instance.
    #[schema(schema_with = Word::<FleetState>::schema)]
    pub state: Word<FleetState>,
    /// The reason for the state, or for a revision that is not followed, at most 500 characters.
    pub why: Option<String>,
    /// Time at which the state began, as RFC 3339.
    pub since: Option<String>,
}
