//! What a plan asks of its host.

use host::{NoRoom, capacity, limit_for, workers};
use plan::{Forward, ListenAddress, Plan, Target};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// What a plan asks of its host.
pub(super) struct Demand<'a> {
    pub(super) plan: &'a Plan,
    pub(super) workers: usize,
    /// Sessions that should fit. Where `max_sessions` of `[process]` leaves it open, as many as the
    /// largest forward may have: nobody means ten thousand forwards to be full at the same time.
    pub(super) sessions: u64,
    /// Each once, in the order of the configuration.
    pub(super) targets: Vec<Wanted<'a>>,
}

/// A target that several forwards may lead to.
pub(super) struct Wanted<'a> {
    pub(super) target: &'a Target,
    /// Sessions that all these forwards together may have, as far as the process may.
    pub(super) sessions: u64,
    /// The longest that any of them waits for it.
    pub(super) connect_timeout: Duration,
}

/// A listener, and whether the process starts without it.
pub(super) struct Listening<'a> {
    pub(super) forward: &'a str,
    pub(super) address: &'a ListenAddress,
    pub(super) optional: bool,
}

impl<'a> Demand<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let most = plan.process.max_sessions.map(|most| u64::from(most.get()));
        let limits = plan.forwards.iter().map(|it| u64::from(it.settings.max_sessions.get()));
        let (largest, all) =
            limits.fold((0, 0), |(largest, all), limit| (limit.max(largest), all + limit));
        let targets = targets(plan, most.unwrap_or(u64::MAX));
        let sessions = most.map_or(largest, |most| most.min(all));
        Self { plan, workers: workers(plan), sessions, targets }
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = Listening<'a>> {
        self.plan.forwards.iter().flat_map(|forward| {
            let Forward { name, optional, .. } = &**forward;
            let listening =
                move |address| Listening { forward: name, address, optional: *optional };
            forward.routes.iter().map(move |route| listening(&route.listen))
        })
    }

    /// Sessions that a limit of open files allows, with so many open already. `Ok(None)` is more
    /// than can be counted.
    pub(super) fn fits_in(&self, files: u64, open: u64) -> Result<Option<u64>, NoRoom> {
        let possible = capacity(self.plan, self.workers, files, open)?.possible;
        Ok((possible < u32::MAX).then_some(possible.into()))
    }

    /// The limit of open files that so many sessions need.
    pub(super) fn files_for(&self, sessions: u64, open: u64) -> u64 {
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        limit_for(self.plan, self.workers, sessions, open)
    }

    /// The pipes that the process makes at most under this limit of open files.
    pub(super) fn pipes_in(&self, files: u64, open: u64) -> u64 {
        capacity(self.plan, self.workers, files, open).map_or(0, |room| room.pipes as u64)
    }
}

fn targets(plan: &Plan, most: u64) -> Vec<Wanted<'_>> {
    let mut targets: Vec<Wanted<'_>> = Vec::new();
    // Where each is, and the last forward that was counted for it.
    let mut known: HashMap<&Target, (usize, usize)> = HashMap::new();
    for (position, forward) in plan.forwards.iter().enumerate() {
        let limit = u64::from(forward.settings.max_sessions.get()).min(most);
        let connect_timeout = forward.settings.connect_timeout;
        for route in &forward.routes {
            let target = &route.target;
            match known.entry(target) {
                Entry::Vacant(entry) => {
                    entry.insert((targets.len(), position));
                    targets.push(Wanted { target, sessions: limit, connect_timeout });
                }
                // The limit is the forward's, however many of its routes lead there.
                Entry::Occupied(mut entry) if entry.get().1 != position => {
                    entry.get_mut().1 = position;
                    let wanted = &mut targets[entry.get().0];
                    wanted.sessions = (wanted.sessions + limit).min(most);
                    wanted.connect_timeout = wanted.connect_timeout.max(connect_timeout);
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn targets_are_counted_once_and_forwards_once_for_each() {
        let plan = plan_of(
            "[defaults]\nmax_sessions = 10\n\
             [[forward]]\nlisten = [':1', ':2']\nto = 'a:1'\n\
             [[forward]]\nlisten = ':3'\nto = 'a:1'\nmax_sessions = 5\nconnect_timeout = '9s'\n\
             [[forward]]\nlisten = ':4'\nto = 'b:1'\n",
        );
        let demand = Demand::of(&plan);
        let wanted: Vec<_> = demand.targets.iter().map(|it| it.sessions).collect();
        assert_eq!((wanted, demand.sessions), (vec![15, 10], 10));
        assert_eq!(demand.targets[0].connect_timeout, Duration::from_secs(9));
    }

    #[test]
    fn what_the_process_may_bounds_everything() {
        let forward = "[[forward]]\nlisten = ':3'\nto = 'a:1'\nmax_sessions = 50\n";
        for (most, expected) in [(7, 7), (70, 50)] {
            let plan = plan_of(&format!("[process]\nmax_sessions = {most}\n{forward}"));
            let demand = Demand::of(&plan);
            assert_eq!((demand.sessions, demand.targets[0].sessions), (expected, expected));
        }
    }
}
