//! The episodes of the process, shared by the journal, which writes their lines, and the supervisor, which knows of
//! removed targets and upgrades.

use crate::episodes::{End, Episodes, Key, Line, Saved, Topic};
use crate::log;
use crate::occurrence::{LinesLost, Occurrence};
use flow::Time;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Conditions that the log has reported and that are not over. They outlive the journal, whose thread ends before an
/// upgrade.
#[derive(Clone)]
pub struct OpenEpisodes(Arc<Mutex<State>>);

struct State {
    episodes: Episodes<Occurrence>,
    /// Lines for which the queue had no room, as far as they are reported.
    lost: u64,
}

impl Default for OpenEpisodes {
    /// None. Lines that were lost so far are not reported.
    fn default() -> Self {
        let lost = log::dropped().queue_full;
        Self(Arc::new(Mutex::new(State { episodes: Episodes::new(), lost })))
    }
}

impl OpenEpisodes {
    /// The targets that cannot be connected, each with its forward.
    pub fn targets(&self) -> Vec<[Arc<str>; 2]> {
        self.lock().episodes.targets()
    }

    /// Records the removal of a target. The caller wakes the journal.
    pub fn target_removed(&self, forward: &Arc<str>, target: &Arc<str>) {
        self.lock().episodes.ended(forward, target, End::Removed, now());
    }

    /// The episodes, for the next process image.
    pub fn saved(&self) -> Vec<handover::Episode> {
        self.lock().episodes.saved().into_iter().map(Into::into).collect()
    }

    /// Restores the episodes of the previous process image. One that this version does not know is left out.
    pub fn restore(&self, saved: &[handover::Episode]) {
        let mut state = self.lock();
        // Those of the previous image are reported.
        state.lost = log::dropped().queue_full;
        state.episodes.restore(saved.iter().filter_map(restored).collect());
    }

    /// When [`Self::due`] has lines.
    pub(crate) fn due_at(&self) -> Option<Time> {
        self.lock().episodes.due_at()
    }

    /// Counts occurrences of which the last was at `latest`. Returns the line to write now, if there is one.
    pub(crate) fn occurred(
        &self,
        occurrence: Occurrence,
        latest: Time,
    ) -> Option<Line<Occurrence>> {
        let (key, count) = (occurrence.key(), occurrence.count());
        self.lock().episodes.occurred(key, occurrence, count, [latest, now()])
    }

    /// Notes that a target was connected.
    pub(crate) fn target_works(&self, forward: &Arc<str>, target: &Arc<str>, at: Time) {
        self.lock().episodes.ended(forward, target, End::Works, at);
    }

    /// The lines about counts that have waited long enough, about lost lines, and about episodes that are over.
    pub(crate) fn due(&self) -> Vec<Line<Occurrence>> {
        let (mut state, now) = (self.lock(), now());
        let lost = log::dropped().queue_full;
        let dropped = lost.saturating_sub(std::mem::replace(&mut state.lost, lost));
        let occurrence = (dropped > 0).then_some(Occurrence::LinesLost(LinesLost { dropped }));
        let first = occurrence.and_then(|occurrence| {
            state.episodes.occurred(occurrence.key(), occurrence, dropped, [now; 2])
        });
        first.into_iter().chain(state.episodes.visit(now)).collect()
    }

    /// The lines about all that has been counted.
    pub(crate) fn finish(&self) -> Vec<Line<Occurrence>> {
        self.lock().episodes.finish(now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Saved> for handover::Episode {
    fn from(saved: Saved) -> Self {
        let Saved { key: Key { topic, forward, detail }, began, last, total, ended } = saved;
        Self {
            topic: topic.word().to_owned(),
            forward: forward.to_string(),
            detail: detail.to_string(),
            began: began.as_micros(),
            last: last.as_micros(),
            total,
            ended: ended.map(|(at, _)| at.as_micros()),
            removed: ended.is_some_and(|(_, end)| end == End::Removed),
        }
    }
}

fn restored(saved: &handover::Episode) -> Option<Saved> {
    let topic = Topic::ALL.into_iter().find(|topic| topic.word() == saved.topic)?;
    let (forward, detail) = (saved.forward.as_str().into(), saved.detail.as_str().into());
    let end = if saved.removed { End::Removed } else { End::Works };
    Some(Saved {
        key: Key { topic, forward, detail },
        began: Time::from_micros(saved.began),
        last: Time::from_micros(saved.last),
        total: saved.total,
        ended: saved.ended.map(|at| (Time::from_micros(at), end)),
    })
}

/// The time of the workers' clock.
pub(crate) fn now() -> Time {
    Time::from_micros(sys::monotonic_micros())
}
