//! The process as the supervisor presents it to the fleet.

use crate::supervisor::Supervisor;
use crate::supervisor::reload::{PublishedView, TrialEnd};
use engine::{Attempts, ForwardView};
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

/// Sessions of each forward, or of those that are `judged`, and how many ended without a connection to a target. Forwards
/// without a session are left out: there may be many.
pub(super) fn connects(
    supervisor: &Supervisor,
    judged: Option<&HashSet<String>>,
) -> ForwardConnects {
    let of = |forward: ForwardView<'_>| {
        let (connects, name) = (connects_of(&forward), &forward.plan.name);
        let is_judged = || judged.is_none_or(|judged| judged.contains(name));
        (connects.tried > 0 && is_judged()).then(|| (name.clone(), connects))
    };
    supervisor.engine().forwards().filter_map(of).collect()
}

fn connects_of(forward: &ForwardView<'_>) -> Connects {
    let Attempts { opened, failed } = forward.attempts();
    Connects { tried: opened, failed }
}

/// The end of a trial, as the follower's event.
pub(super) fn ended(view: PublishedView) -> Event {
    let how = view.ended.map_or(TrialEnd::Deadline, |ended| ended.how);
    Event::TrialEnded { why: how.to_string(), running: view.running }
}
