//! The last ended sessions, kept for operators whether or not their records are logged.
//!
//! Each worker has a ring, whose lock only queries contend for. Sessions are numbered across workers in the
//! order of their ends; a record is evicted once [`ENDED_KEPT`] later ones exist. Reports could not serve as
//! the source: they are dropped while the log is slow.

use crate::report::SessionRecord;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Number of ended sessions that are kept.
pub const ENDED_KEPT: usize = 1000;

/// The last [`ENDED_KEPT`] ended sessions.
pub struct EndedSessions {
    /// Every session that has ended since then is among the records: the start of this process image, or the
    /// end of the oldest record.
    pub since: SystemTime,
    /// Their records, the newest first.
    pub records: Vec<SessionRecord>,
}

/// A record, and the number of sessions that had ended before.
type Numbered = (u64, SessionRecord);

/// The rings of all workers.
pub(crate) struct Ended {
    start: SystemTime,
    /// Number of sessions that have ended.
    count: AtomicU64,
    rings: Box<[Mutex<VecDeque<Numbered>>]>,
}

impl Ended {
    /// Empty rings; they allocate as sessions end.
    pub(crate) fn new(workers: usize, start: SystemTime) -> Self {
        let rings = (0..workers).map(|_| Mutex::default()).collect();
        Self { start, count: AtomicU64::new(0), rings }
    }

    /// Adds a session that has ended on `worker`.
    pub(crate) fn add(&self, worker: usize, record: SessionRecord) {
        let mut ring = lock(&self.rings[worker]);
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        // Up to two per insertion, so that an oversized ring shrinks in bounded turns.
        for _ in 0..2 {
            if ring.front().is_some_and(|(oldest, _)| is_over(*oldest, number)) {
                ring.pop_front();
            }
        }
        ring.push_back((number, record));
    }

    /// The last [`ENDED_KEPT`] sessions that have ended.
    pub(crate) fn list(&self) -> EndedSessions {
        let kept = self.newest();
        let since = match kept.last() {
            Some((oldest, record)) if *oldest > 0 => record.ended(),
            _ => self.start,
        };
        EndedSessions { since, records: kept.into_iter().map(|(_, record)| record).collect() }
    }

    fn newest(&self) -> Vec<Numbered> {
        // All at once: one after the other, a session could end on a ring that has been read, and later ones
        // on the next.
        let rings: Vec<_> = self.rings.iter().map(lock).collect();
        let mut kept: Vec<Numbered> = rings.iter().flat_map(|ring| ring.iter().cloned()).collect();
        drop(rings);
        kept.sort_unstable_by_key(|(number, _)| Reverse(*number));
        kept.truncate(ENDED_KEPT);
        kept
    }
}

/// Whether the record with this number is none of the last [`ENDED_KEPT`] ones.
fn is_over(number: u64, newest: u64) -> bool {
    newest - number.min(newest) >= ENDED_KEPT as u64
}

fn lock(ring: &Mutex<VecDeque<Numbered>>) -> MutexGuard<'_, VecDeque<Numbered>> {
    // No code panics while it holds the lock, so a poisoned lock guards a sound ring.
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::tests::ending;
    use flow::{By, Cause, CloseReason, Phase, Verdict};
    use std::time::Duration;
    use sys::Address;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn record(id: u64) -> SessionRecord {
        let reason = CloseReason::new(By::Client, Phase::Relay, Cause::Fin);
        SessionRecord {
            id,
            forward: "web".into(),
            listener: ":1".into(),
            selected: None,
            client: Address::UNIX,
            proxy: None,
            server_name: None,
            target_address: None,
            attempts: 1,
            started: at(id),
            ending: ending(reason, Duration::from_secs(5)),
            verdict: Verdict::Ok,
            client_tcp: None,
            target_tcp: None,
        }
    }

    fn ids(ended: &Ended) -> Vec<u64> {
        ended.list().records.iter().map(|record| record.id).collect()
    }

    fn held(ended: &Ended) -> usize {
        ended.rings.iter().map(|ring| lock(ring).len()).sum()
    }

    #[test]
    fn the_last_of_all_workers_are_listed_the_newest_first() {
        let most = ENDED_KEPT as u64;
        let ended = Ended::new(2, at(0));
        assert!(ids(&ended).is_empty() && ended.list().since == at(0));
        for id in 1..=most {
            ended.add(usize::from(id % 3 == 0), record(id));
        }
        assert_eq!(ids(&ended), (1..=most).rev().collect::<Vec<_>>());
        assert_eq!(ended.list().since, at(0), "none is forgotten");
        ended.add(1, record(most + 1));
        assert_eq!(ids(&ended), (2..=most + 1).rev().collect::<Vec<_>>());
        assert_eq!(ended.list().since, at(2 + 5), "the end of the oldest one");
    }

    #[test]
    fn rings_shrink_when_sessions_end_on_other_workers() {
        let most = ENDED_KEPT as u64;
        let ended = Ended::new(2, at(0));
        (0..most).for_each(|id| ended.add(0, record(id)));
        (most..2 * most).for_each(|id| ended.add(1, record(id)));
        assert_eq!(held(&ended), 2 * ENDED_KEPT, "the first worker has had no turn since");
        assert_eq!(ids(&ended), (most..2 * most).rev().collect::<Vec<_>>());
        for id in 2 * most..4 * most {
            ended.add(usize::from(id % 2 == 0), record(id));
        }
        assert_eq!(held(&ended), ENDED_KEPT);
        assert_eq!(ids(&ended), (3 * most..4 * most).rev().collect::<Vec<_>>());
    }

    #[test]
    fn no_session_is_missing_while_others_end() {
        let ended = Ended::new(2, at(0));
        let workers_end = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for worker in [0, 1] {
                let (ended, workers_end) = (&ended, &workers_end);
                scope.spawn(move || {
                    (0..5000).for_each(|id| ended.add(worker, record(id)));
                    workers_end.fetch_add(1, Ordering::Relaxed);
                });
            }
            while workers_end.load(Ordering::Relaxed) < 2 {
                let numbers: Vec<_> = ended.newest().iter().map(|(number, _)| *number).collect();
                let newest = numbers.first().map_or(0, |newest| newest + 1);
                let expected = (newest.saturating_sub(ENDED_KEPT as u64)..newest).rev();
                assert!(numbers.iter().copied().eq(expected), "{numbers:?}");
            }
        });
    }

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<Numbered>() <= 320, "{}", size_of::<Numbered>());
    }
}
