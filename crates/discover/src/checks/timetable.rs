//! When each target is checked next. Pure: the time comes in.
//!
//! Targets belong to groups, such as the forwards of a process. A group may begin another check only while it
//! has fewer running ones than there are free places: silent targets of one group leave places to the others.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The checks to come and the running ones, by the key of their target.
pub(crate) struct Timetable<K> {
    entries: HashMap<K, Entry>,
    due: BTreeSet<(Instant, K)>,
    groups: HashMap<Arc<str>, Group<K>>,
    running: usize,
}

/// Time between the first checks of two targets that are added together.
const FIRST_PAUSE: Duration = Duration::from_micros(200);

struct Entry {
    group: Arc<str>,
    state: State,
    /// Its last check has used up its time: quick ones of the group go first.
    was_slow: bool,
}

#[derive(Clone, Copy)]
enum State {
    Due(Instant),
    /// Due, and its group may begin no further check.
    Waiting(Instant),
    Running,
    /// Removed while its check runs.
    Removed,
}

struct Group<K> {
    running: usize,
    waiting: BTreeSet<(bool, Instant, K)>,
}

impl<K> Group<K> {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

impl<K> Default for Group<K> {
    fn default() -> Self {
        Self { running: 0, waiting: BTreeSet::new() }
    }
}

impl<K> Default for Timetable<K> {
    fn default() -> Self {
        Self { entries: HashMap::new(), due: BTreeSet::new(), groups: HashMap::new(), running: 0 }
    }
}

impl<K: Clone + Eq + Hash + Ord> Timetable<K> {
    /// Adds a target of a group. Its first check comes within `every`, and soon if there are few: not all at
    /// once.
    pub(crate) fn add(&mut self, key: K, group: &Arc<str>, every: Duration, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&key) {
            if let State::Removed = entry.state {
                entry.state = State::Running;
            }
            return;
        }
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let longest = every.min(FIRST_PAUSE.saturating_mul(count));
        let at = now + longest * share(&key, 1000) / 1000;
        self.due.insert((at, key.clone()));
        let entry = Entry { group: Arc::clone(group), state: State::Due(at), was_slow: false };
        self.entries.insert(key, entry);
    }

    /// Removes a target. The caller drops the result of a running check.
    pub(crate) fn remove(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match entry.state {
            State::Due(at) => _ = self.due.remove(&(at, key.clone())),
            State::Waiting(at) => {
                if let Some(group) = self.groups.get_mut(&entry.group) {
                    group.waiting.remove(&(entry.was_slow, at, key.clone()));
                    if group.is_idle() {
                        self.groups.remove(&entry.group);
                    }
                }
            }
            State::Running | State::Removed => {
                entry.state = State::Removed;
                return;
            }
        }
        self.entries.remove(key);
    }

    /// Moves the next check of a target to `at` if it would come later.
    pub(crate) fn hasten(&mut self, key: &K, at: Instant) {
        if let Some(entry) = self.entries.get_mut(key)
            && let State::Due(due) = entry.state
            && due > at
        {
            entry.state = State::Due(at);
            self.due.remove(&(due, key.clone()));
            self.due.insert((at, key.clone()));
        }
    }

    /// The targets to check now, so that at most `most` checks run.
    pub(crate) fn begin(&mut self, now: Instant, most: usize) -> Vec<K> {
        while let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((at, key)) = self.due.pop_first()
            && let Some(entry) = self.entries.get_mut(&key)
        {
            entry.state = State::Waiting(at);
            let group = self.groups.entry(Arc::clone(&entry.group)).or_default();
            group.waiting.insert((entry.was_slow, at, key));
        }
        let mut begun = Vec::new();
        let mut free = most.saturating_sub(self.running);
        // The group with the fewest running checks is the next one.
        while let Some(group) = self.next_group()
            && group.running < free
            && let Some((_, _, key)) = group.waiting.pop_first()
        {
            group.running += 1;
            free -= 1;
            self.running += 1;
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.state = State::Running;
            }
            begun.push(key);
        }
        begun
    }

    /// The check of a target has ended; the next one begins after `pause`. False if the target was removed
    /// meanwhile.
    pub(crate) fn ended(&mut self, key: K, was_slow: bool, pause: Duration, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        let is_wanted = match entry.state {
            State::Running => true,
            State::Removed => false,
            State::Due(_) | State::Waiting(_) => return false,
        };
        self.running -= 1;
        if let Some(group) = self.groups.get_mut(&entry.group) {
            group.running -= 1;
            if group.is_idle() {
                self.groups.remove(&entry.group);
            }
        }
        if is_wanted {
            (entry.state, entry.was_slow) = (State::Due(now + pause), was_slow);
            self.due.insert((now + pause, key));
        } else {
            self.entries.remove(&key);
        }
        is_wanted
    }

    /// When the next check is due, after [`Timetable::begin`]; those that wait for a place are not counted.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn next_group(&mut self) -> Option<&mut Group<K>> {
        let waiting = self.groups.values_mut().filter(|group| !group.waiting.is_empty());
        waiting.min_by_key(|group| group.running)
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

    fn group(name: &str) -> Arc<str> {
        name.into()
    }

    fn all_begun(timetable: &mut Timetable<u32>, now: Instant) -> usize {
        timetable.begin(now, usize::MAX).len()
    }

    /// A timetable with so many targets in each of these groups, all of them due at the returned time.
    fn with_groups(groups: &[(&str, u32)]) -> (Timetable<u32>, Instant) {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        let mut key = 0;
        for (name, count) in groups {
            for _ in 0..*count {
                timetable.add(key, &group(name), EVERY, start);
                key += 1;
            }
        }
        (timetable, start + EVERY)
    }

    #[test]
    fn first_checks_are_spread_and_those_of_few_targets_come_at_once() {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        timetable.add(0, &group("a"), EVERY, start);
        assert_eq!(all_begun(&mut timetable, start), 1);
        for key in 1..20_000 {
            timetable.add(key, &group("a"), EVERY, start);
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
    fn one_group_takes_half_of_the_places_and_others_find_some() {
        let (mut timetable, now) = with_groups(&[("silent", 100), ("mute", 100)]);
        let begun = timetable.begin(now, 64);
        assert_eq!(begun.len(), 43, "of 21 or 22 each, with as many free");
        timetable.add(1_000, &group("db"), EVERY, now);
        assert_eq!(timetable.begin(now + EVERY, 64), [1_000]);
        let (mut alone, now) = with_groups(&[("silent", 100)]);
        assert_eq!((alone.begin(now, 64).len(), alone.begin(now, 64).len()), (32, 0));
        assert_eq!(alone.next_due(), None, "nothing to do until a check ends");
        alone.ended(0, true, EVERY, now);
    }

    #[test]
    fn a_place_goes_to_a_target_that_answers_before_silent_ones() {
        let (mut timetable, now) = with_groups(&[("web", 40)]);
        let begun = timetable.begin(now, 64);
        for key in &begun {
            timetable.ended(*key, *key != begun[9], Duration::ZERO, now);
        }
        let again = timetable.begin(now, 64);
        let quick = again.iter().position(|key| *key == begun[9]);
        assert!(
            quick.is_some_and(|at| at < 9),
            "{quick:?}: with the eight that were not checked yet"
        );
    }

    #[test]
    fn a_removed_target_is_not_checked_again() {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        let web = group("web");
        timetable.add(1, &web, EVERY, start);
        timetable.remove(&1);
        assert_eq!(timetable.next_due(), None);
        timetable.add(1, &web, EVERY, start);
        timetable.begin(start + EVERY, 64);
        timetable.remove(&1);
        assert!(!timetable.ended(1, false, EVERY, start), "its result is dropped");
        assert_eq!((timetable.running, timetable.next_due()), (0, None));
        // Removed and added again while its check runs: that check counts.
        timetable.add(1, &web, EVERY, start);
        timetable.begin(start + EVERY, 64);
        timetable.remove(&1);
        timetable.add(1, &web, EVERY, start);
        assert!(timetable.ended(1, false, EVERY, start));
        let (mut full, now) = with_groups(&[("web", 40)]);
        let begun = full.begin(now, 64);
        (0..40).for_each(|key| full.remove(&key));
        for key in begun {
            full.ended(key, false, EVERY, now);
        }
        assert!(full.begin(now + EVERY, 64).is_empty() && full.groups.is_empty());
    }

    #[test]
    fn a_check_can_be_hastened() {
        let (mut timetable, start) = (Timetable::default(), Instant::now());
        timetable.add(1, &group("web"), EVERY, start);
        let soon = start + Duration::from_millis(1);
        timetable.hasten(&1, start + 2 * EVERY);
        assert!(timetable.next_due().unwrap() <= start + EVERY);
        timetable.hasten(&1, soon);
        assert!(timetable.next_due().unwrap() <= soon);
    }
}
