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
    /// Time of that reading, as RFC 3339. While `store_up` is false, the store has been silent since then.
    #[serde(default)]
    pub read_at: Option<String>,
    /// The revision that is followed; null before the first.
    pub revision: Option<u64>,
    /// The revision that the store named at the last reading, followed or not; null if it had none.
    #[serde(default)]
    pub current_revision: Option<u64>,
    /// SHA-256 of the published text that runs; null without one.
    pub runs: Option<String>,
    /// The latest revision whose text for this instance is the running one; null without one.
    #[serde(default)]
    pub running_revision: Option<u64>,
    /// State of the instance.
    #[schema(schema_with = Word::<FleetState>::schema)]
    pub state: Word<FleetState>,
    /// Seconds until the text on trial falls back, unless the fleet keeps it; null without a trial of the fleet.
    #[serde(default)]
    pub trial_left: Option<f64>,
    /// The reason for the state, or for a revision that is not followed, at most 500 characters.
    pub why: Option<String>,
    /// Time at which the state began, as RFC 3339.
    pub since: Option<String>,
    /// The directory `keep`; null before it is open.
    #[serde(default)]
    pub keep: Option<FleetKeep>,
}

/// The directory `keep`, from which the process starts without its store.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FleetKeep {
    /// Path of the directory.
    pub directory: String,
    /// Revision of the text that it holds; null if it holds none.
    pub revision: Option<u64>,
    /// SHA-256 of that text.
    pub text: Option<String>,
    /// Why it cannot be used, or has not taken the latest state, at most 500 characters.
    pub problem: Option<String>,
}
