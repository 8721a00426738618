//! The wait for the instances after a decision. It changes nothing about the decision.

use super::line::{Line, ResultLine, WarningLine};
use super::messages::Outcome;
use super::reading::FleetReading;
use crate::model::{Current, Instance, InstanceState, TextHash};
use std::time::Duration;

/// Time in which instances follow: they read `current` every 10 s if no watch wakes them.
const SETTLE_LIMIT: Duration = Duration::from_secs(12);

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
        Self { current, mod_revision, until: now + SETTLE_LIMIT, outcome }
    }

    /// Whether the wait is over. Adds the lines about the instances then.
    pub(super) fn is_over(
        &self,
        reading: &FleetReading,
        now: Duration,
        lines: &mut Vec<Line>,
    ) -> bool {
        let open = |instance: &Instance| !self.has_settled(instance) && !self.has_refused(instance);
        if reading.instances.values().any(open) && now < self.until {
            return false;
        }
        let unsettled = reading.instances.iter().filter(|(_, it)| !self.has_settled(it));
        let unsettled: Vec<Line> = unsettled
            .map(|(name, it)| {
                let (instance, why) = (name.clone(), it.why.clone());
                WarningLine::Unsettled { instance, state: it.state, why }.into()
            })
            .collect();
        let count = reading.instances.len();
        if unsettled.is_empty() && count > 0 && self.current.stable.is_some() {
            lines.push(ResultLine::Settled { count }.into());
        }
        lines.extend(unsettled);
        true
    }

    /// The decided revision.
    pub(super) fn revision(&self) -> u64 {
        self.current.revision
    }

    /// Whether every instance has followed the revision, or a later one.
    pub(super) fn is_followed(&self, reading: &FleetReading) -> bool {
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
    pub(super) fn named(&self) -> Vec<TextHash> {
        super::revise::named(&self.current)
    }
}
