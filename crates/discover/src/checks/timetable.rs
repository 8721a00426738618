//! When each target is checked next. Pure: the time comes in.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// The checks to come and the running ones, by the key of their target.
pub(crate) struct Timetable<K> {
    states: HashMap<K, State>,
    due: BTreeSet<(Instant, K)>,
    running: usize,
}

/// Time between the first checks of two targets that are added together.
const FIRST_PAUSE: Duration = Duration::from_micros(200);

#[derive(Clone, Copy)]
enum State {
    Due(Instant),
    Running,
    /// Removed while its check runs.
    Removed,
}

impl<K> Default for Timetable<K> {
    fn default() -> Self {
        Self { states: HashMap::new(), due: BTreeSet::new(), running: 0 }
    }
}

impl<K: Clone + Eq + Hash + Ord> Timetable<K> {
    /// Adds a target. Its first check comes within `every`, and soon if there are few: not all at once.
    pub(crate) fn add(&mut self, key: K, every: Duration, now: Instant) {
        match self.states.get(&key) {
            Some(State::Removed) => _ = self.states.insert(key, State::Running),
            Some(State::Due(_) | State::Running) => {}
            None => {
                let count = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
                let longest = every.min(FIRST_PAUSE.saturating_mul(count));
                let wait = longest * share(&key, 1000) / 1000;
                self.set_due(key, now + wait);
            }
        }
    }

    /// Removes a target. The caller drops the result of a running check.
    pub(crate) fn remove(&mut self, key: &K) {
        match self.states.get(key) {
            Some(State::Due(at)) => {
                self.due.remove(&(*at, key.clone()));
                self.states.remove(key);
            }
            Some(State::Running) => _ = self.states.insert(key.clone(), State::Removed),
            Some(State::Removed) | None => {}
        }
    }

    /// Moves the next check of a target to `at` if it would come later.
    pub(crate) fn hasten(&mut self, key: &K, at: Instant) {
        if let Some(State::Due(due)) = self.states.get(key).copied()
            && due > at
        {
            self.due.remove(&(due, key.clone()));
            self.set_due(key.clone(), at);
        }
    }

    /// The targets to check now, so that at most `most` checks run.
    pub(crate) fn begin(&mut self, now: Instant, most: usize) -> Vec<K> {
        let mut keys = Vec::new();
        while self.running < most
            && let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((_, key)) = self.due.pop_first()
        {
            self.states.insert(key.clone(), State::Running);
            self.running += 1;
            keys.push(key);
        }
        keys
    }

    /// The check of a target has ended; the next one begins after `pause`. False if the target was removed
    /// meanwhile.
    pub(crate) fn ended(&mut self, key: K, pause: Duration, now: Instant) -> bool {
        match self.states.get(&key) {
            Some(State::Running) => {
                self.running -= 1;
                self.set_due(key, now + pause);
                true
            }
            Some(State::Removed) => {
                self.running -= 1;
                self.states.remove(&key);
                false
            }
            Some(State::Due(_)) | None => false,
        }
    }

    /// When the next check is due. Past if more are due than may run.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Number of running checks.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    fn set_due(&mut self, key: K, at: Instant) {
        self.due.insert((at, key.clone()));
        self.states.insert(key, State::Due(at));
    }
}

/// A number below `bound`, by key.
fn share<K: Hash>(key: &K, bound: u32) -> u32 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    u32::try_from(hasher.finish() % u64::from(bound)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(2);

    fn all_begun(timetable: &mut Timetable<u32>, now: Instant) -> usize {
        timetable.begin(now, usize::MAX).len()
    }

    #[test]
    fn first_checks_are_spread_and_those_of_few_targets_come_at_once() {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        timetable.add(0, EVERY, start);
        assert_eq!(all_begun(&mut timetable, start), 1);
        for key in 1..20_000 {
            timetable.add(key, EVERY, start);
        }
        let mut begun = [(); 4].map(|()| 0);
        for (quarter, begun) in begun.iter_mut().enumerate() {
            let quarter = u32::try_from(quarter).unwrap() + 1;
            *begun = all_begun(&mut timetable, start + EVERY * quarter / 4);
        }
        assert_eq!(begun.iter().sum::<usize>(), 19_999);
        assert!(begun.iter().all(|count| *count > 2_000), "{begun:?}");
    }

    #[test]
    fn the_number_of_running_checks_is_bounded() {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        for key in 0..100 {
            timetable.add(key, EVERY, start);
        }
        let now = start + EVERY;
        let running = timetable.begin(now, 64);
        assert_eq!((running.len(), timetable.begin(now, 64).len()), (64, 0));
        assert!(timetable.next_due().unwrap() <= now);
        timetable.ended(running[0], EVERY, now);
        assert_eq!((timetable.begin(now, 64).len(), timetable.running()), (1, 64));
    }

    #[test]
    fn a_removed_target_is_not_checked_again() {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        timetable.add(1, EVERY, start);
        timetable.remove(&1);
        assert_eq!(timetable.next_due(), None);
        timetable.add(1, EVERY, start);
        timetable.begin(start + EVERY, 1);
        timetable.remove(&1);
        assert!(!timetable.ended(1, EVERY, start), "its result is dropped");
        assert_eq!((timetable.running(), timetable.next_due()), (0, None));
        // Removed and added again while its check runs: that check counts.
        timetable.add(1, EVERY, start);
        timetable.begin(start + EVERY, 1);
        timetable.remove(&1);
        timetable.add(1, EVERY, start);
        assert!(timetable.ended(1, EVERY, start));
    }

    #[test]
    fn a_check_can_be_hastened() {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        timetable.add(1, EVERY, start);
        let soon = start + Duration::from_millis(1);
        timetable.hasten(&1, start + 2 * EVERY);
        assert!(timetable.next_due().unwrap() <= start + EVERY);
        timetable.hasten(&1, soon);
        assert!(timetable.next_due().unwrap() <= soon);
    }
}
