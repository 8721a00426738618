//! Targets that have left the sets of a running forward, and still have sessions.

use crate::forward::Forward;
use crate::rule::{Route, with_routes_by_hello};
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
struct Present(HashSet<usize>);

impl Present {
    fn of(routes: &[Arc<Route>]) -> Self {
        let mut present = HashSet::new();
        for route in with_routes_by_hello(routes) {
            let set = route.targets.load();
            present.extend(set.members().iter().map(|member| id(&member.target)));
        }
        Self(present)
    }

    fn contains(&self, target: &Arc<Target>) -> bool {
        self.0.contains(&id(target))
    }
}

impl RemovedTargets {
    /// Compares the targets of a forward that have sessions with those in its sets: others were removed by
    /// `now`.
    pub(crate) fn update(&mut self, forward: &Arc<Forward>, routes: &[Arc<Route>], now: Time) {
        let is_of = |it: &RemovedTarget| Arc::ptr_eq(&it.forward, forward);
        let mut open = forward.targets.all();
        open.retain(|target| target.gate.taken() > 0);
        if open.is_empty() {
            // The usual case at a start, of thousands of forwards.
            self.retain(|it| !is_of(it));
            return;
        }
        let present = Present::of(routes);
        self.retain(|it| !is_of(it) || !present.contains(&it.target));
        let known = self.0.iter().filter(|it| is_of(it)).map(|it| id(&it.target));
        let known: HashSet<usize> = known.collect();
        open.retain(|target| !present.contains(target) && !known.contains(&id(target)));
        let removed = |target: Arc<Target>| {
            let since = target.note_removed(now);
            RemovedTarget { forward: Arc::clone(forward), target, since }
        };
        // They come from a hash map.
        open.sort_by(|a, b| a.text.cmp(&b.text));
        self.0.extend(open.into_iter().map(removed));
    }

    /// Forgets targets whose sessions have ended, and calls `cut` for those removed at least `limit` ago.
    pub(crate) fn tidy(
        &mut self,
        limit: Option<Duration>,
        now: Time,
        cut: impl Fn(&Arc<Forward>, &Arc<Target>),
    ) {
        self.retain(|it| it.target.gate.taken() > 0);
        let is_over = |it: &&RemovedTarget| limit.is_some_and(|limit| now.since(it.since) >= limit);
        self.0.iter().filter(is_over).for_each(|it| cut(&it.forward, &it.target));
    }

    fn retain(&mut self, keeps: impl Fn(&RemovedTarget) -> bool) {
        self.0.retain(|it| {
            let is_kept = keeps(it);
            if !is_kept {
                it.target.clear_removed();
            }
            is_kept
        });
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Identifies a target among those that exist.
fn id(target: &Arc<Target>) -> usize {
    Arc::as_ptr(target).addr()
}
