//! The status of this instance: in the views of the process, in the store, and in the log.

use super::process::Numbers;
use super::{STATUS_PERIOD, Task};
use crate::handle::Gone;
use crate::supervisor::reload::{FleetStatus, KeepStatus};
use api::FleetState;
use fleet::{Connects, Expiry, Instance, InstanceState, Status, bounded};
use std::time::Instant;

impl Task {
    /// Shows the status in the views and in the store, and logs what an operator must know.
    pub(super) async fn show(&mut self) -> Result<(), Gone> {
        let status = self.follower.status();
        self.log(&status);
        self.health.log_if_due();
        self.certificates.read_if_due(&self.client).await;
        self.show_view().await?;
        self.report(status).await
    }

    /// Shows the status in the views, unless they have it.
    pub(super) async fn show_view(&mut self) -> Result<(), Gone> {
        let view = self.view();
        if self.shown.as_ref() == Some(&view) {
            return Ok(());
        }
        self.shown = Some(view.clone());
        self.handle.ask(move |it| it.set_fleet_status(view)).await
    }

    fn view(&mut self) -> FleetStatus {
        let status = self.follower.status();
        let unwritten = self.reporter.problem(self.health.readable_since());
        let why = Some(status.why).filter(|why| !why.is_empty());
        let why = [why, unwritten, self.reporter.namesake()];
        let why = why.into_iter().flatten().reduce(|all, why| format!("{all}; {why}"));
        FleetStatus {
            name: self.name.clone(),
            problem: self.health.problem().map(|it| bounded(&it)),
            read_at: self.health.read_at(),
            revision: (status.revision > 0).then_some(status.revision),
            current_revision: status.named,
            running_revision: status.running_revision,
            state: shown(status.state, status.runs.is_some()),
            why: why.map(|it| bounded(&it)),
            since: Some(status.since.rfc3339()),
            keep: KeepStatus { held: status.held, problem: status.save_error },
            expiry: self.certificates.expiry(),
        }
    }

    /// Has the status written to the store: when it changes, and now and then during a trial, whose numbers change.
    async fn report(&mut self, status: Status) -> Result<(), Gone> {
        if !self.follower.has_read() {
            return Ok(());
        }
        let generation = self.handle.ask(|it| it.generation()).await?;
        let Status { revision, runs, state, why, since, .. } = status;
        let is_same = |it: &Instance| {
            (it.revision, it.runs, it.state, it.generation) == (revision, runs, state, generation)
                && it.why == why
        };
        let is_due = self.reported_at.is_none_or(|at| at.elapsed() >= STATUS_PERIOD);
        let is_reported = self.reported.as_ref().is_some_and(is_same);
        if is_reported && !(is_due && self.follower.is_on_trial()) {
            return Ok(());
        }
        let numbers = self.handle.ask(|it| Numbers::of(it)).await?;
        let Numbers { sessions, connects } = numbers;
        if self.base_of != runs {
            (self.base, self.base_of) = (connects, runs);
        }
        let connects = Connects {
            tried: connects.tried.saturating_sub(self.base.tried),
            failed: connects.failed.saturating_sub(self.base.failed),
        };
        let version = observe::Version::of_program().number.clone();
        let since = since.rfc3339();
        let instance =
            Instance { revision, runs, state, why, version, generation, sessions, connects, since };
        self.reporter.report(instance.clone());
        (self.reported, self.reported_at) = (Some(instance), Some(Instant::now()));
        Ok(())
    }

    /// Logs each reason once, unless the supervisor has logged it.
    fn log(&mut self, status: &Status) {
        let Status { unlogged: why, revision, .. } = status;
        if self.logged == *why {
            return;
        }
        self.logged.clone_from(why);
        // A new fleet waits for its first publication.
        if !why.is_empty() && *revision > 0 {
            tracing::warn!(why, "the fleet's configuration is not followed");
        }
    }
}

/// The status of an instance whose directory cannot be used.
pub(super) fn unopened(name: &str, problem: &str) -> FleetStatus {
    let problem = bounded(problem);
    FleetStatus {
        name: name.to_owned(),
        problem: None,
        read_at: None,
        revision: None,
        current_revision: None,
        running_revision: None,
        state: FleetState::Waiting,
        why: Some(problem.clone()),
        since: None,
        keep: KeepStatus { held: None, problem: Some(problem) },
        expiry: Expiry::default(),
    }
}

fn shown(state: InstanceState, has_text: bool) -> FleetState {
    match state {
        InstanceState::Stable if !has_text => FleetState::Waiting,
        InstanceState::Stable => FleetState::Stable,
        InstanceState::Trying => FleetState::Trying,
        InstanceState::Refused => FleetState::Refused,
        InstanceState::FellBack => FleetState::FellBack,
        InstanceState::Confirmed => FleetState::Confirmed,
    }
}
