//! Runs the checks of all targets, a bounded number at once.

use super::attempt::check;
use super::probe::{CheckResult, Probe};
use super::timetable::Timetable;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// Checks that run at once. One group of targets gets half of them at most.
const MOST_RUNNING: usize = 64;
/// Pause while there is no target.
const IDLE: Duration = Duration::from_secs(3600);

/// The checks of a process. `K` names a target: the forward and its address, for example.
pub struct Checks<K> {
    timetable: Timetable<K>,
    probes: HashMap<K, Arc<Probe>>,
    running: JoinSet<(K, CheckResult)>,
}

impl<K> Default for Checks<K> {
    fn default() -> Self {
        Self { timetable: Timetable::default(), probes: HashMap::new(), running: JoinSet::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord + Send + 'static> Checks<K> {
    /// Adds a target of a group, or changes its check. The first one comes soon, and within `every`. Groups
    /// share the places fairly.
    pub fn set(&mut self, key: K, group: &Arc<str>, probe: Probe, every: Duration) {
        self.probes.insert(key.clone(), Arc::new(probe));
        self.timetable.add(key, group, every, Instant::now());
    }

    /// Removes a target.
    pub fn remove(&mut self, key: &K) {
        self.probes.remove(key);
        self.timetable.remove(key);
    }

    /// Makes the next check of a target come within `pause`, after the failed connect of a client.
    pub fn hasten(&mut self, key: &K, pause: Duration) {
        self.timetable.hasten(key, Instant::now() + pause);
    }

    /// Waits for the next result. The caller decides with it when the next check of this target comes, by
    /// [`Checks::ended`]. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> (K, CheckResult) {
        loop {
            for key in self.timetable.begin(Instant::now(), MOST_RUNNING) {
                if let Some(probe) = self.probes.get(&key).cloned() {
                    self.running.spawn(async move {
                        let result = check(&probe).await;
                        (key, result)
                    });
                }
            }
            let due = self.timetable.next_due().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                // While there are results, no timer is set.
                biased;
                Some(Ok(ended)) = self.running.join_next() => return ended,
                () = sleep_until(due.into()) => {}
            }
        }
    }

    /// Schedules the next check of a target after a result that took so long. False if the target was removed
    /// meanwhile: the result counts no more.
    pub fn ended(&mut self, key: K, took: Duration, pause: Duration) -> bool {
        let was_slow = self.probes.get(&key).is_some_and(|probe| took >= probe.timeout);
        self.timetable.ended(key, was_slow, pause, Instant::now())
    }

    /// Removes a target after a result that does not count.
    pub fn forget(&mut self, key: &K) {
        self.remove(key);
        self.timetable.ended(key.clone(), false, Duration::ZERO, Instant::now());
    }
}
