//! The wait for the instances after a decision. It changes nothing about the decision.

use super::line::Line;
use super::messages::Outcome;
use super::reading::Reading;
use crate::model::{Current, Instance, InstanceState};
use std::time::Duration;

/// Instances read `current` every 10 s if no watch wakes them.
const WAIT: Duration = Duration::from_secs(12);

/// A decided `current` whose instances follow.
#[derive(Clone, Debug)]
pub(super) struct Settling {
    current: Current,
    pub(super) mod_revision: i64,
    pub(super) until: Duration,
    pub(super) outcome: Outcome,
}

impl Settling {
    pub(super) fn new(
        current: Current,
        mod_revision: i64,
        now: Duration,
        outcome: Outcome,
    ) -> Self {
        Self { current, mod_revision, until: now + WAIT, outcome }
    }

    /// Whether the wait is over, and what there is to say then.
    pub(super) fn is_over(&self, reading: &Reading, now: Duration, lines: &mut Vec<Line>) -> bool {
        let open = |instance: &Instance| !self.has_settled(instance) && !self.has_refused(instance);
        if reading.instances.values().any(open) && now < self.until {
            return false;
        }
        let unsettled = reading.instances.iter().filter(|(_, it)| !self.has_settled(it));
        let unsettled: Vec<Line> = unsettled
            .map(|(name, it)| {
                let (instance, why) = (name.clone(), it.why.clone());
                Line::Unsettled { instance, state: it.state, why }
            })
            .collect();
        let count = reading.instances.len();
        if unsettled.is_empty() && count > 0 && self.current.stable.is_some() {
            lines.push(Line::Settled { count });
        }
        lines.extend(unsettled);
        true
    }

    /// Whether every instance has followed the revision, or a later one.
    pub(super) fn is_followed(&self, reading: &Reading) -> bool {
        reading.instances.values().all(|instance| instance.revision >= self.current.revision)
    }

    fn has_settled(&self, instance: &Instance) -> bool {
        instance.revision >= self.current.revision
            && instance.state != InstanceState::Trying
            && (self.current.stable.is_none() || instance.runs == self.current.stable)
    }

    fn has_refused(&self, instance: &Instance) -> bool {
        instance.revision >= self.current.revision && instance.state == InstanceState::Refused
    }

    /// The texts that stay in the store.
    pub(super) fn named(&self) -> Vec<crate::model::TextHash> {
        super::revise::named(&self.current)
    }
}
