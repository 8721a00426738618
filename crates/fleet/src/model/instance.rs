//! The status that an instance writes under its lease.

use super::TextHash;
use super::json::to_json;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;

/// The status of one instance. Written when it changes, and while a trial runs also when its numbers change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The highest revision that the instance has followed; 0 before the first.
    #[serde(deserialize_with = "super::current::revision")]
    pub revision: u64,
    /// The published text that it runs.
    pub runs: Option<TextHash>,
    /// The result of `revision` at this instance.
    pub state: InstanceState,
    /// Why the instance does not run the text of `revision`, or the fault of the store; empty without
    /// one.
    pub why: String,
    /// Version of the program.
    pub version: String,
    /// Number of the running configuration of the process.
    pub generation: u64,
    /// Open sessions of the process.
    pub sessions: u64,
    /// Sessions of the process since the text runs, local forwards included, and those that reached no target; after an
    /// upgrade outside a trial, since the start of the process.
    pub connects: Connects,
    /// Since when `state` holds, in RFC 3339.
    pub since: String,
}

/// Connects to targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connects {
    /// Tried connects, failed ones included.
    pub tried: u64,
    /// Failed connects.
    pub failed: u64,
}

impl Sum for Connects {
    fn sum<I: Iterator<Item = Self>>(connects: I) -> Self {
        connects.fold(Self::default(), |sum, it| Self {
            tried: sum.tried.saturating_add(it.tried),
            failed: sum.failed.saturating_add(it.failed),
        })
    }
}

/// The result of a revision at an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// The stable text runs, or will run: see `runs` and `why`.
    Stable,
    /// The text on trial runs.
    Trying,
    /// The text cannot run here; the one before it runs.
    Refused,
    /// The trial ended here; the text before it runs.
    FellBack,
    /// The text of the last trial has become stable, and stays.
    Confirmed,
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Trying => "trying",
            Self::Refused => "refused",
            Self::FellBack => "fell_back",
            Self::Confirmed => "confirmed",
        })
    }
}

impl Instance {
    /// Parses the value of the instance's key.
    ///
    /// # Errors
    ///
    /// It is not the JSON of an instance. That of a newer version may be none here.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Whether the instance runs this text on trial.
    pub fn tries(&self, text: TextHash) -> bool {
        self.state == InstanceState::Trying && self.runs == Some(text)
    }

    /// The value of the instance's key.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}
