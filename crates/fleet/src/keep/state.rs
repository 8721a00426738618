//! The state of an instance, and the form in which it is kept.

use crate::model::{InstanceState, TextHash, parse_versioned, to_json as json_of};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The format that this version writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The state that survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepState {
    /// The store's cluster; 0 before the first reading.
    pub cluster: u64,
    /// The highest revision that was followed; 0 before the first.
    pub revision: u64,
    /// The text of the process from its start: the last one that was stable or confirmed.
    pub good: Option<PublishedText>,
    /// The trial that runs.
    pub trying: Option<Trying>,
    /// The last trial that this instance has ended.
    pub ended: Option<Ended>,
    /// A store that this instance does not follow.
    pub foreign: Option<Foreign>,
}

/// A text that was stable or confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedText {
    /// The hash of the text.
    pub hash: TextHash,
    /// The revision by which it was followed.
    pub revision: u64,
    /// The text.
    pub text: Arc<str>,
}

/// A trial that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// The revision by which the instance takes part in it.
    pub revision: u64,
    /// The text on trial.
    pub text: TextHash,
}

/// A trial that this instance has ended, and does not begin again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The last revision of the trial.
    pub revision: u64,
    /// The text that was on trial.
    pub text: TextHash,
    /// `Refused` or `FellBack`.
    pub state: InstanceState,
    /// The reason.
    pub why: String,
    /// Its time, in RFC 3339.
    pub since: String,
}

/// A store that went back, or another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// Its cluster.
    pub cluster: u64,
    /// The revision that a publication there has to exceed: that of the first refused reading.
    pub revision: u64,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    cluster: u64,
    revision: u64,
    good: Option<GoodName>,
    trying: Option<Trying>,
    ended: Option<Ended>,
    foreign: Option<Foreign>,
}

/// A text by its name.
#[derive(Serialize, Deserialize)]
struct GoodName {
    hash: TextHash,
    revision: u64,
}

/// Why a state cannot be understood.
#[derive(Debug)]
pub enum StateFault {
    /// Not a file, or a long one: a sentence without its subject.
    Unusable(String),
    /// Not the JSON of a state.
    NotJson(serde_json::Error),
    /// Written by a version with another format.
    Format(u32),
}

impl fmt::Display for StateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(message) => f.write_str(message),
            Self::NotJson(error) => write!(f, "is damaged ({error})"),
            Self::Format(format) => {
                write!(f, "has format {format}, and this version knows format {FORMAT}")
            }
        }
    }
}

impl Error for StateFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotJson(error) => Some(error),
            Self::Unusable(_) | Self::Format(_) => None,
        }
    }
}

/// A state whose text is not read yet.
pub(super) struct FoundState {
    pub(super) kept: KeepState,
    /// Hash and revision of the text.
    pub(super) good: Option<(TextHash, u64)>,
}

pub(super) fn parse(json: &[u8]) -> Result<FoundState, StateFault> {
    let found = parse_versioned(json, FORMAT).map_err(StateFault::NotJson)?;
    let found: Document = found.map_err(StateFault::Format)?;
    let kept = KeepState {
        cluster: found.cluster,
        revision: found.revision,
        good: None,
        trying: found.trying,
        ended: found.ended,
        foreign: found.foreign,
    };
    Ok(FoundState { kept, good: found.good.map(|good| (good.hash, good.revision)) })
}

pub(super) fn to_json(kept: &KeepState) -> Vec<u8> {
    let good = kept.good.as_ref();
    let document = Document {
        format: FORMAT,
        cluster: kept.cluster,
        revision: kept.revision,
        good: good.map(|good| GoodName { hash: good.hash, revision: good.revision }),
        trying: kept.trying,
        ended: kept.ended.clone(),
        foreign: kept.foreign,
    };
    json_of(&document)
}
