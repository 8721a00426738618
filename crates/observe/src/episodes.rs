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

impl Key {
    /// Whether something ends the episode. Otherwise it is over when it has been quiet for long enough.
    fn awaits_end(&self) -> bool {
        self.topic.is_about_targets() && !self.detail.is_empty()
    }

    fn group(&self) -> Group {
        (self.topic, Arc::clone(&self.forward))
    }
}

/// The episodes that share lines.
type Group = (Topic, Arc<str>);

/// What an episode is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// A target cannot be connected, and no session has tried.
    Unanswered,
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

impl Topic {
    pub(crate) const ALL: [Self; 8] = [
        Self::Unanswered,
        Self::Unreached,
        Self::AtLimit,
        Self::ClientLimit,
        Self::NotAllowed,
        Self::AcceptFailed,
        Self::Exhausted,
        Self::LinesLost,
    ];

    /// Identifies the topic in the state for the next process image.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Unreached => "unreached",
            Self::AtLimit => "at_limit",
            Self::ClientLimit => "client_limit",
            Self::NotAllowed => "not_allowed",
            Self::AcceptFailed => "accept_failed",
            Self::Exhausted => "exhausted",
            Self::LinesLost => "lines_lost",
        }
    }

    /// Whether the detail of its episodes is a target.
    fn is_about_targets(self) -> bool {
        matches!(self, Self::Unanswered | Self::Unreached)
    }

    /// Shortest time between two lines about a forward.
    fn pause(self) -> Duration {
        // Each target once, and each is named.
        if self == Self::Unanswered { Duration::ZERO } else { PAUSE }
    }
}

/// How an episode ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// The target is reachable again.
    Works,
    /// Nothing has occurred for a minute.
    Quiet,
    /// Its target was removed.
    Removed,
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
        key: Key,
        end: End,
        /// All its occurrences, and those of the others.
        total: u64,
        /// From the first one to the end; the longest of all.
        lasted: Duration,
        /// Further episodes of the topic and forward that are over at the same time.
        others: usize,
    },
}

/// All present episodes.
pub(crate) struct Episodes<E> {
    present: BTreeMap<Key, Episode<E>>,
    /// The time of the last line, by topic and forward.
    last_lines: BTreeMap<Group, Time>,
    /// When [`Self::visit`] has something to do.
    due_at: Option<Time>,
}

struct Episode<E> {
    /// Its most frequent event since the last line, with the number of its occurrences; `None` in a later process image
    /// than the last occurrence.
    event: Option<(E, u64)>,
    began: Time,
    last: Time,
    total: u64,
    /// Occurrences that no line has counted.
    pending: u64,
    /// When and how it was seen to end, if nothing has occurred since.
    ended: Option<(Time, End)>,
}

/// An episode that is not over, for the next process image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) key: Key,
    pub(crate) began: Time,
    pub(crate) last: Time,
    pub(crate) total: u64,
    pub(crate) ended: Option<(Time, End)>,
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
        [latest, now]: [Time; 2],
    ) -> Option<Line<E>> {
        let (group, awaits_end) = (key.group(), key.awaits_end());
        if key.topic == Topic::Unreached {
            // The line about sessions replaces that of the probe.
            self.present.remove(&Key { topic: Topic::Unanswered, ..key.clone() });
        }
        // A fall-back brings a removed target back before its end is logged.
        let is_known = key.topic == Topic::Unanswered && self.present.contains_key(&key);
        let episode = self.present.entry(key).or_insert_with(|| Episode {
            event: None,
            began: latest,
            last: latest,
            total: 0,
            pending: 0,
            ended: None,
        });
        let most = episode.event.as_ref().filter(|_| episode.pending > 0).map_or(0, |it| it.1);
        if count >= most {
            episode.event = Some((event, count));
        }
        episode.last = episode.last.max(latest);
        episode.ended = episode.ended.filter(|(ended, _)| *ended >= latest);
        if is_known {
            return None;
        }
        episode.total += count;
        episode.pending += count;
        let over_at = episode.over_at(awaits_end);
        self.due(over_at);
        match self.last_lines.get(&group) {
            Some(logged) if now.since(*logged) < group.0.pause() => {
                self.due(logged.after(group.0.pause()));
                None
            }
            _ => self.line(&group, now),
        }
    }

    /// Notes that a target of a forward worked again at `at`, or was removed. Something may have occurred since, or
    /// occur soon.
    pub(crate) fn ended(&mut self, forward: &Arc<str>, target: &Arc<str>, end: End, at: Time) {
        for topic in Topic::ALL.into_iter().filter(|topic| topic.is_about_targets()) {
            let (forward, detail) = (Arc::clone(forward), Arc::clone(target));
            let episode = self.present.get_mut(&Key { topic, forward, detail });
            // A client may connect before the result of the probe is noted: the end counts whatever its time.
            let applies = |last: Time| last <= at || topic == Topic::Unanswered;
            let Some(episode) = episode.filter(|episode| applies(episode.last)) else { continue };
            episode.ended = Some((at.max(episode.last), end));
            let over_at = episode.over_at(true);
            self.due(over_at);
        }
    }

    /// The targets that cannot be connected, each with its forward.
    pub(crate) fn targets(&self) -> Vec<[Arc<str>; 2]> {
        let goes_on =
            |(key, episode): &(&Key, &Episode<E>)| key.awaits_end() && episode.ended.is_none();
        let keys = self.present.iter().filter(goes_on).map(|(key, _)| key);
        keys.map(|key| [Arc::clone(&key.forward), Arc::clone(&key.detail)]).collect()
    }

    /// The episodes that are not over.
    pub(crate) fn saved(&self) -> Vec<Saved> {
        let saved = self.present.iter().map(|(key, episode)| {
            let Episode { began, last, total, ended, .. } = *episode;
            Saved { key: key.clone(), began, last, total, ended }
        });
        saved.collect()
    }

    /// Restores the episodes of the previous process image.
    pub(crate) fn restore(&mut self, saved: Vec<Saved>) {
        for Saved { key, began, last, total, ended } in saved {
            let episode = Episode { event: None, began, last, total, pending: 0, ended };
            self.due(episode.over_at(key.awaits_end()));
            self.present.entry(key).or_insert(episode);
        }
    }

    /// The lines that are due.
    pub(crate) fn visit(&mut self, now: Time) -> Vec<Line<E>> {
        if self.due_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.due_at = None;
        let next_line = |lines: &Self, group: &Group| {
            lines.last_lines.get(group).map(|logged| logged.after(group.0.pause()))
        };
        let mut due: Vec<_> = self.pending().into_iter().collect();
        due.retain(|group| next_line(self, group).is_none_or(|at| at <= now));
        let mut lines: Vec<_> = due.iter().filter_map(|group| self.line(group, now)).collect();
        lines.extend(self.take_over(now));
        let pending = self.pending();
        let logged = pending.iter().filter_map(|group| next_line(self, group));
        let over = self.present.iter().map(|(key, episode)| episode.over_at(key.awaits_end()));
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
    fn pending(&self) -> BTreeSet<Group> {
        let pending = self.present.iter().filter(|(_, episode)| episode.pending > 0);
        pending.map(|(key, _)| key.group()).collect()
    }

    /// The line about a topic of a forward, with the event of the most frequent episode.
    fn line(&mut self, group: &Group, now: Time) -> Option<Line<E>> {
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
            if let Some((event, _)) = &episode.event
                && top.is_none_or(|(_, most)| pending > most)
            {
                top = Some((event, pending));
            }
        }
        let (event, _) = top?;
        self.last_lines.insert(group.clone(), now);
        Some(Line::Occurred { event: event.clone(), count, others })
    }

    /// Removes the episodes that are over, and returns the lines about them.
    fn take_over(&mut self, now: Time) -> Vec<Line<E>> {
        let is_over = |(key, episode): &(&Key, &Episode<E>)| {
            episode.pending == 0 && episode.over_at(key.awaits_end()) <= now
        };
        let ended = self.present.iter().filter(is_over);
        let ended: Vec<Key> = ended.map(|(key, _)| key.clone()).collect();
        let mut over: BTreeMap<(Group, End), Line<E>> = BTreeMap::new();
        for key in ended {
            let Some(episode) = self.present.remove(&key) else { continue };
            let quiet = (!key.awaits_end()).then_some((episode.last, End::Quiet));
            // One that waits for its end is forgotten without a line.
            let Some((at, end)) = episode.ended.or(quiet) else { continue };
            if key.topic == Topic::NotAllowed {
                continue;
            }
            let (all, longest) = (episode.total, at.since(episode.began));
            let line = over.entry((key.group(), end));
            line.and_modify(|line| {
                if let Line::Over { total, lasted, others, .. } = line {
                    (*total, *lasted) = (*total + all, longest.max(*lasted));
                    *others += 1;
                }
            })
            .or_insert(Line::Over {
                key,
                end,
                total: all,
                lasted: longest,
                others: 0,
            });
        }
        let left: BTreeSet<_> = self.present.keys().map(Key::group).collect();
        self.last_lines.retain(|group, logged| left.contains(group) || now.since(*logged) < PAUSE);
        over.into_values().collect()
    }
}

impl<E> Episode<E> {
    /// When it is over, if nothing occurs until then.
    fn over_at(&self, awaits_end: bool) -> Time {
        match (self.ended, awaits_end) {
            (Some((ended, _)), _) => ended.after(SETTLED),
            (None, true) => self.last.after(FORGET),
            (None, false) => self.last.after(QUIET),
        }
    }
}

#[cfg(test)]
mod tests;
