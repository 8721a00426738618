//! Episodes: conditions of many occurrences, each logged when it begins, at most once in five seconds while it
//! goes on, and when it is over. The counts of the lines add up to the occurrences.
//!
//! Pure: the time is an input, and the caller writes the lines.

use flow::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Shortest time between two lines about a topic of a forward.
const PAUSE: Duration = Duration::from_secs(5);
/// An end is logged when it has lasted so long: by then, each worker has reported what occurred before it.
const SETTLED: Duration = Duration::from_secs(7);
/// An episode that nothing ends is over after so long without an occurrence.
const QUIET: Duration = Duration::from_secs(60);
/// An episode that waits for its end is forgotten after so long without an occurrence: its target may be gone.
const FORGET: Duration = Duration::from_secs(24 * 3600);
/// Shortest time between two visits of all episodes.
const VISITS: Duration = Duration::from_secs(1);

/// Identifies an episode. Those of one topic and forward share lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) topic: Topic,
    pub(crate) forward: Arc<str>,
    /// The target, or another detail; empty without one.
    pub(crate) detail: Arc<str>,
}

/// What an episode is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// Sessions cannot be connected to a target.
    Unreached,
    /// A limit of the forward or the process is reached.
    AtLimit,
    /// A client has reached its limit.
    ClientLimit,
    /// Clients are not allowed. No line says that it is over: the next one may come at any time.
    NotAllowed,
    /// accept(2) fails.
    AcceptFailed,
    /// A resource of the host is exhausted.
    Exhausted,
    /// Lines of the log are lost.
    LinesLost,
}

/// A line to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line<E> {
    /// An episode begins or goes on.
    Occurred {
        event: E,
        /// Occurrences since the last such line of the topic and forward.
        count: u64,
        /// Further episodes of the topic and forward that are counted here.
        others: usize,
    },
    /// An episode is over.
    Over {
        event: E,
        /// All its occurrences.
        total: u64,
        lasted: Duration,
        /// Further episodes of the topic and forward that are over at the same time.
        others: usize,
    },
}

/// All present episodes.
pub(crate) struct Episodes<E> {
    present: BTreeMap<Key, Episode<E>>,
    /// The time of the last line, by topic and forward.
    last_lines: BTreeMap<(Topic, Arc<str>), Time>,
    /// When [`Self::visit`] has something to do.
    due_at: Option<Time>,
}

struct Episode<E> {
    /// Its most frequent event since the last line, with the number of its occurrences.
    event: (E, u64),
    began: Time,
    last: Time,
    total: u64,
    /// Occurrences that no line has counted.
    pending: u64,
    /// When it was seen to end, if nothing has occurred since.
    ended: Option<Time>,
    /// Whether something ends it. Otherwise it is over when it has been quiet for long enough.
    awaits_end: bool,
}

impl<E: Clone> Episodes<E> {
    pub(crate) fn new() -> Self {
        Self { present: BTreeMap::new(), last_lines: BTreeMap::new(), due_at: None }
    }

    /// When [`Self::visit`] has something to do.
    pub(crate) fn due_at(&self) -> Option<Time> {
        self.due_at
    }

    /// Counts occurrences, of which the last was at `latest`; they are reported now. Returns the line to write now, if
    /// there is one.
    pub(crate) fn occurred(
        &mut self,
        key: Key,
        event: E,
        count: u64,
        awaits_end: bool,
        [latest, now]: [Time; 2],
    ) -> Option<Line<E>> {
        let group = (key.topic, Arc::clone(&key.forward));
        let episode = self.present.entry(key).or_insert_with(|| Episode {
            event: (event.clone(), 0),
            began: latest,
            last: latest,
            total: 0,
            pending: 0,
            ended: None,
            awaits_end,
        });
        if count >= episode.event.1 || episode.pending == 0 {
            episode.event = (event, count);
        }
        episode.total += count;
        episode.pending += count;
        episode.last = episode.last.max(latest);
        episode.ended = episode.ended.filter(|ended| *ended >= latest);
        let over_at = episode.over_at();
        self.due(over_at);
        match self.last_lines.get(&group) {
            Some(logged) if now.since(*logged) < PAUSE => {
                self.due(logged.after(PAUSE));
                None
            }
            _ => self.line(&group, now),
        }
    }

    /// Notes that what an episode is about worked again at `at`. Something may have occurred since, or occur soon.
    pub(crate) fn ended(&mut self, key: &Key, at: Time) {
        let episode = self.present.get_mut(key).filter(|episode| episode.last <= at);
        let Some(episode) = episode else { return };
        episode.ended = Some(at);
        let over_at = episode.over_at();
        self.due(over_at);
    }

    /// The lines that are due.
    pub(crate) fn visit(&mut self, now: Time) -> Vec<Line<E>> {
        if self.due_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.due_at = None;
        let is_due = |logged: Time| now.since(logged) >= PAUSE;
        let groups = self.pending().into_iter();
        let due: Vec<_> = groups
            .filter(|group| self.last_lines.get(group).is_none_or(|logged| is_due(*logged)))
            .collect();
        let mut lines: Vec<_> = due.iter().filter_map(|group| self.line(group, now)).collect();
        lines.extend(self.take_over(now));
        let logged = self.pending();
        let logged =
            logged.iter().filter_map(|group| self.last_lines.get(group)).map(|it| it.after(PAUSE));
        let over = self.present.values().map(Episode::over_at);
        let next = logged.chain(over).min();
        self.due_at = next.map(|next| next.max(now.after(VISITS)));
        lines
    }

    /// The lines about all occurrences that no line has counted: nothing is logged any more.
    pub(crate) fn finish(&mut self, now: Time) -> Vec<Line<E>> {
        let groups = self.pending().into_iter();
        let groups: Vec<_> = groups.collect();
        groups.iter().filter_map(|group| self.line(group, now)).collect()
    }

    fn due(&mut self, at: Time) {
        self.due_at = Some(self.due_at.map_or(at, |due| due.min(at)));
    }

    /// The topics and forwards with occurrences that no line has counted.
    fn pending(&self) -> BTreeSet<(Topic, Arc<str>)> {
        let pending = self.present.iter().filter(|(_, episode)| episode.pending > 0);
        pending.map(|(key, _)| (key.topic, Arc::clone(&key.forward))).collect()
    }

    /// The line about a topic of a forward, with the event of the most frequent episode.
    fn line(&mut self, group: &(Topic, Arc<str>), now: Time) -> Option<Line<E>> {
        let first = Key { topic: group.0, forward: Arc::clone(&group.1), detail: "".into() };
        let of_group = self.present.range_mut(first..);
        let of_group = of_group
            .take_while(|(key, _)| (key.topic, &key.forward) == (group.0, &group.1))
            .map(|(_, episode)| episode)
            .filter(|episode| episode.pending > 0);
        let (mut top, mut count, mut others): (Option<(&E, u64)>, _, _) = (None, 0, 0);
        for episode in of_group {
            let pending = std::mem::take(&mut episode.pending);
            count += pending;
            others += usize::from(top.is_some());
            if top.is_none_or(|(_, most)| pending > most) {
                top = Some((&episode.event.0, pending));
            }
        }
        let (event, _) = top?;
        self.last_lines.insert(group.clone(), now);
        Some(Line::Occurred { event: event.clone(), count, others })
    }

    /// Removes the episodes that are over, and returns the lines about them.
    fn take_over(&mut self, now: Time) -> Vec<Line<E>> {
        let is_over = |episode: &Episode<E>| episode.pending == 0 && episode.over_at() <= now;
        let ended = self.present.iter().filter(|(_, episode)| is_over(episode));
        let ended: Vec<Key> = ended.map(|(key, _)| key.clone()).collect();
        let mut over: BTreeMap<(Topic, Arc<str>), Line<E>> = BTreeMap::new();
        for key in ended {
            let Some(episode) = self.present.remove(&key) else { continue };
            let Key { topic, forward, .. } = key;
            let (is_known, lasted) = episode.lasted();
            if !is_known || topic == Topic::NotAllowed {
                continue;
            }
            let (event, total) = (episode.event.0, episode.total);
            let line = over.entry((topic, forward));
            line.and_modify(|line| {
                if let Line::Over { others, .. } = line {
                    *others += 1;
                }
            })
            .or_insert(Line::Over { event, total, lasted, others: 0 });
        }
        let left: BTreeSet<_> =
            self.present.keys().map(|key| (key.topic, Arc::clone(&key.forward))).collect();
        self.last_lines.retain(|group, logged| left.contains(group) || now.since(*logged) < PAUSE);
        over.into_values().collect()
    }
}

impl<E> Episode<E> {
    /// When it is over, if nothing occurs until then.
    fn over_at(&self) -> Time {
        match (self.ended, self.awaits_end) {
            (Some(ended), _) => ended.after(SETTLED),
            (None, true) => self.last.after(FORGET),
            (None, false) => self.last.after(QUIET),
        }
    }

    /// Whether its end is known, and how long it lasted.
    fn lasted(&self) -> (bool, Duration) {
        let end = self.ended.unwrap_or(self.last);
        (self.ended.is_some() || !self.awaits_end, end.since(self.began))
    }
}

#[cfg(test)]
mod tests;
