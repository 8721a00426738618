//! The process as the supervisor presents it to the fleet.

use crate::supervisor::Supervisor;
use crate::supervisor::reload::{PublishedView, TrialEnd};
use engine::ForwardView;
use fleet::{Connects, Event, ForwardConnects};
use std::collections::HashSet;

/// Numbers of the status.
pub(super) struct Numbers {
    pub(super) sessions: u64,
    pub(super) connects: Connects,
}

impl Numbers {
    pub(super) fn of(supervisor: &Supervisor) -> Self {
        let connects = supervisor.engine().forwards().map(|forward| connects_of(&forward)).sum();
        Self { sessions: supervisor.observer().sessions().into(), connects }
    }
}

/// Sessions of each forward, or of those that are `judged`, and how many ended without a connection to a target.
pub(super) fn connects(
    supervisor: &Supervisor,
    judged: Option<&HashSet<String>>,
) -> ForwardConnects {
    let is_judged =
        |forward: &ForwardView<'_>| judged.is_none_or(|it| it.contains(&forward.plan.name));
    let connects = |forward: ForwardView<'_>| (forward.plan.name.clone(), connects_of(&forward));
    supervisor.engine().forwards().filter(is_judged).map(connects).collect()
}

fn connects_of(forward: &ForwardView<'_>) -> Connects {
    let totals = forward.totals();
    Connects { tried: totals.opened, failed: totals.failed() }
}

/// The end of a trial, as the follower's event.
pub(super) fn ended(view: PublishedView) -> Event {
    let how = view.ended.map_or(TrialEnd::Deadline, |ended| ended.how);
    Event::TrialEnded { why: how.to_string(), running: view.running }
}
