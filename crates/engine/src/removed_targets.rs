//! Targets that have left the sets of a running forward, and still have sessions.

use crate::forward::Forward;
use crate::rule::Route;
use crate::target::Target;
use flow::Time;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The removed targets with sessions.
#[derive(Default)]
pub(crate) struct RemovedTargets(Vec<RemovedTarget>);

struct RemovedTarget {
    forward: Arc<Forward>,
    target: Arc<Target>,
    since: Time,
}

/// The targets in the sets of these routes.
pub(crate) struct Present(HashSet<usize>);

impl Present {
    pub(crate) fn of(routes: &[Arc<Route>]) -> Self {
        let mut present = HashSet::new();
        for route in routes {
            let set = route.targets.load();
            present.extend(set.members().iter().map(|member| Arc::as_ptr(&member.target).addr()));
        }
        Self(present)
    }

    fn contains(&self, target: &Arc<Target>) -> bool {
        self.0.contains(&Arc::as_ptr(target).addr())
    }
}

impl RemovedTargets {
    /// Compares the targets of a forward that have sessions with those in its sets: others were removed by
    /// `now`, and those that are in a set again were not.
    pub(crate) fn update(&mut self, forward: &Arc<Forward>, routes: &[Arc<Route>], now: Time) {
        let present = Present::of(routes);
        let is_gone = |target: &Arc<Target>| target.gate.taken() > 0 && !present.contains(target);
        let is_of = |it: &RemovedTarget| Arc::ptr_eq(&it.forward, forward);
        self.0.retain(|it| !is_of(it) || is_gone(&it.target));
        let known: HashSet<usize> =
            self.0.iter().filter(|it| is_of(it)).map(|it| Arc::as_ptr(&it.target).addr()).collect();
        let new = forward
            .targets
            .all()
            .into_iter()
            .filter(|target| is_gone(target) && !known.contains(&Arc::as_ptr(target).addr()));
        let removed = |target| RemovedTarget { forward: Arc::clone(forward), target, since: now };
        self.0.extend(new.map(removed));
    }

    /// Forgets targets whose sessions have ended, and calls `cut` for those removed at least `limit` ago.
    pub(crate) fn tidy(
        &mut self,
        limit: Option<Duration>,
        now: Time,
        cut: impl Fn(&Arc<Forward>, &Arc<Target>),
    ) {
        self.0.retain(|it| it.target.gate.taken() > 0);
        let is_over = |it: &&RemovedTarget| limit.is_some_and(|limit| now.since(it.since) >= limit);
        self.0.iter().filter(is_over).for_each(|it| cut(&it.forward, &it.target));
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
