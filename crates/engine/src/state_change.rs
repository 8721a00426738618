//! A change of the state of a target, also for an upgrade.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A change of the state of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// When.
    pub at: SystemTime,
    /// Why it is down or unreachable; `None` if it is up.
    pub why: Option<Arc<str>>,
}

impl StateChange {
    pub(crate) fn restored(saved: &handover::StateChange) -> Self {
        let why = Some(saved.why.as_str()).filter(|why| !why.is_empty());
        Self { at: since_epoch(saved.at), why: why.map(Into::into) }
    }

    pub(crate) fn saved(&self) -> handover::StateChange {
        handover::StateChange {
            at: micros_since_epoch(self.at),
            why: self.why.as_deref().unwrap_or_default().to_owned(),
        }
    }
}

pub(crate) fn micros_since_epoch(at: SystemTime) -> u64 {
    handover::micros(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

pub(crate) fn since_epoch(micros: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
}
