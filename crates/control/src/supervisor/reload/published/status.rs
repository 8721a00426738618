//! The fleet as this instance sees it: in views, in metrics, and as events when it changes.

use crate::api_format::{Moment, seconds_since, time};
use crate::supervisor::Supervisor;
use api::{EventName, Fleet, FleetKeep, FleetRevision, FleetState, FleetStateChanged, FleetStore};
use fleet::{Expiry, TextHash};
use observe::Events;
use observe::metrics::FleetMetrics;
use std::time::Instant;

/// The fleet as the task that follows its store sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetStatus {
    /// Name of this instance.
    pub(crate) name: String,
    /// Why the last reading of the store failed; `None` if it succeeded.
    pub(crate) problem: Option<String>,
    /// Time of the last successful reading.
    pub(crate) read_at: Option<Moment>,
    /// The revision that is followed; `None` before the first.
    pub(crate) revision: Option<u64>,
    /// The revision that the store named at the last reading.
    pub(crate) current_revision: Option<u64>,
    /// The latest revision whose text for this instance is the running one.
    pub(crate) running_revision: Option<u64>,
    pub(crate) state: FleetState,
    /// The reason for the state, or for a revision that is not followed.
    pub(crate) why: Option<String>,
    /// When the state began, as RFC 3339.
    pub(crate) since: Option<String>,
    pub(crate) keep: KeepStatus,
    pub(crate) expiry: Expiry,
}

/// The directory `keep`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeepStatus {
    /// The text that it holds, and its revision.
    pub(crate) held: Option<(TextHash, u64)>,
    /// Why it cannot be used, or has not taken the latest state.
    pub(crate) problem: Option<String>,
}

impl Supervisor {
    /// Shows this status in views from now on, and publishes its differences from the one before.
    pub(crate) fn set_fleet_status(&mut self, status: FleetStatus) {
        let before = self.fleet_view();
        self.fleet.status = Some(status);
        if let (Some(before), Some(now)) = (before, self.fleet_view()) {
            publish_changes(&self.reporting.events, &before, &now);
        }
    }

    /// The fleet for views; `None` for a process without one.
    pub(crate) fn fleet_view(&self) -> Option<Fleet> {
        let plan::Fleet { store, name, keep } = self.in_force.fleet(&self.plan)?;
        let status = self.fleet.status.as_ref();
        let published = self.plan.published.as_ref();
        let stands = if published.is_some() { FleetState::Stable } else { FleetState::Waiting };
        let read_at = status.and_then(|it| it.read_at);
        let revision = published.map(|it| it.revision);
        let trial = self.trials.of_fleet();
        let keep = status.map(|it| FleetKeep {
            directory: keep.display().to_string(),
            revision: it.keep.held.map(|(_, revision)| revision),
            text: it.keep.held.map(|(text, _)| text.to_string()),
            problem: it.keep.problem.clone(),
        });
        Some(Fleet {
            name: status.map(|it| it.name.clone()).or(name),
            store: store.url.to_string(),
            store_up: status.is_some_and(|it| it.problem.is_none() && it.read_at.is_some()),
            problem: status.and_then(|it| it.problem.clone()),
            read_age: read_at.map(|at| seconds_since(at.monotonic)),
            read_at: read_at.map(|at| time(at.wall)),
            revision: status.and_then(|it| it.revision).or(revision),
            current_revision: status.and_then(|it| it.current_revision),
            runs: published.map(|it| it.hash.clone()),
            running_revision: status.and_then(|it| it.running_revision).max(revision),
            state: status.map_or(stands, |it| it.state).into(),
            trial_left: trial.map(|trial| trial.left(Instant::now()).as_secs_f64()),
            why: status.and_then(|it| it.why.clone()),
            since: status.and_then(|it| it.since.clone()),
            keep,
        })
    }

    /// The fleet for metrics; `None` for a process without one.
    pub(crate) fn fleet_metrics(&self) -> Option<FleetMetrics> {
        let Fleet {
            store_up, read_age, revision, current_revision, running_revision, state, ..
        } = self.fleet_view()?;
        let state = FleetState::ALL.iter().find(|it| state == **it).map_or("", |it| it.as_str());
        let Expiry { certificate, ca } =
            self.fleet.status.as_ref().map(|it| it.expiry).unwrap_or_default();
        Some(FleetMetrics {
            store_up,
            read_age,
            revision,
            current_revision,
            running_revision,
            state,
            certificate_expiry: certificate,
            ca_expiry: ca,
        })
    }
}

/// Publishes what differs between two views of the fleet.
fn publish_changes(events: &Events, before: &Fleet, now: &Fleet) {
    // Before the first reading, a store is neither up nor silent.
    let store = |it: &Fleet| (it.store_up, it.problem.is_some());
    if store(before) != store(now) {
        events.publish(EventName::FleetStore, || FleetStore {
            up: now.store_up,
            problem: now.problem.clone(),
            read_at: now.read_at.clone(),
        });
    }
    if let Some(revision) = now.revision.filter(|_| before.revision != now.revision) {
        let before = before.revision;
        events.publish(EventName::FleetRevision, || FleetRevision { revision, before });
    }
    // A reason may name a time, and differ from one reading to the next.
    if before.state != now.state || before.why.is_some() != now.why.is_some() {
        events.publish(EventName::FleetState, || FleetStateChanged {
            state: now.state.clone(),
            before: before.state.clone(),
            revision: now.revision,
            why: now.why.clone(),
        });
    }
}
