//! What a reload changes.

use super::{Effect, Word};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// Unix listeners whose files another program had removed: they are made again; in a dry run,
    /// those that would be.
    #[serde(default)]
    pub remade: Vec<RemadeFile>,
    /// How many forwards stay as they are.
    pub unchanged: usize,
    /// Other settings of `[process]` and `[log]`.
    pub settings: Vec<Change>,
    /// Lines that were skipped before and still are, and why.
    pub skipped: Vec<String>,
    /// Seconds until it is reverted, unless confirmed.
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

/// A Unix listener whose file was gone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RemadeFile {
    /// Its forward.
    pub name: String,
    /// Where it listens.
    pub listen: String,
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
    #[schema(schema_with = Word::<Effect>::schema)]
    pub effect: Word<Effect>,
}
