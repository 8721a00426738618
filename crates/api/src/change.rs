//! The result of a reload.

use super::{Effect, Word};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The changes made by a reload, or those that a dry run found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// The reload was a dry run: nothing was changed.
    pub dry_run: bool,
    /// Absolute path of the configuration file that was read; null from versions that do not say it.
    #[serde(default)]
    pub file: Option<String>,
    /// Generation of the running configuration: how many have run since the start.
    pub generation: u64,
    /// Forwards that are new in the configuration.
    pub added: Vec<ForwardSummary>,
    /// Forwards with other settings.
    pub changed: Vec<ChangedForward>,
    /// Forwards that are no longer configured.
    pub removed: Vec<ForwardSummary>,
    /// Unchanged forwards that were skipped because they could not be bound, and are bound now; in a dry
    /// run, those that would be tried again.
    #[serde(default)]
    pub retried: Vec<ForwardSummary>,
    /// Unix listeners whose files were made again, because another program had removed them; in a dry
    /// run, those that would be made again.
    #[serde(default)]
    pub remade: Vec<RemadeFile>,
    /// Number of unchanged forwards.
    pub unchanged: usize,
    /// Changed settings of `[process]`, `[log]` and `[fleet]`.
    pub settings: Vec<Change>,
    /// Invalid lines of the older format that were skipped before and are skipped again, with the
    /// reasons.
    pub skipped: Vec<String>,
    /// The file of the admin tokens was read again, and has others; in a dry run, it would be.
    #[serde(default)]
    pub new_tokens: bool,
    /// Seconds until the reload is reverted, unless it is confirmed; null without a trial.
    pub confirm_within: Option<f64>,
}

/// An added, removed or retried forward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ForwardSummary {
    /// Name of the forward.
    pub name: String,
    /// Its listen addresses, as configured.
    pub listen: String,
    /// Its targets, as configured.
    pub to: String,
    /// Number of its open sessions.
    pub sessions: u32,
}

/// A Unix listener whose file was missing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RemadeFile {
    /// Name of its forward.
    pub name: String,
    /// The listen address, with the path of the file.
    pub listen: String,
}

/// A forward with changed settings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedForward {
    /// Name of the forward.
    pub name: String,
    /// Number of its open sessions.
    pub sessions: u32,
    /// The changed settings of the forward.
    pub changes: Vec<Change>,
}

/// A changed value of a setting.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Table of the setting: `[process]`, `[log]` or `[fleet]`; null for settings of a forward, and from versions
    /// that do not say it.
    #[serde(default)]
    pub section: Option<String>,
    /// Key of the setting, as in the configuration.
    pub key: String,
    /// The previous value; null if it was not set.
    pub old: Option<String>,
    /// The new value; null if it is not set any more.
    pub new: Option<String>,
    /// The differences of two lists in words, such as `added "db:5432"`; empty for other values.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Where the new value applies: `new_sessions`, `all_sessions`, `process`, or `restart`.
    #[schema(schema_with = Word::<Effect>::schema)]
    pub effect: Word<Effect>,
}
