//! Limits reports to one of a kind in five seconds: a flood of refused clients must not become a flood
//! of log lines.

use crate::report::{Outbox, Report};
use flow::{Cause, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::Wake;

const PAUSE: Duration = Duration::from_secs(5);
/// Lifetime of a count that waits for the next report of its kind.
const COUNT_HOLDS: Duration = Duration::from_secs(600);
/// Number of kinds below which none is evicted.
const MANY: usize = 1024;

/// The kind of a report. Constructed without an allocation, since most reports are suppressed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReportKind {
    /// A failure of a forward: its name, and the cause.
    Forward(Arc<str>, Cause),
    /// A missing resource: its purpose, and the cause.
    Resource(&'static str, Cause),
}

/// Time of the last report of a kind, and occurrences since then.
struct Entry {
    reported: Time,
    count: u64,
}

/// Rate limiter of reports, by kind.
pub(crate) struct RateLimit {
    kinds: HashMap<ReportKind, Entry>,
    /// Number of kinds at which old ones are evicted: at least twice as many as the last eviction
    /// left, so that a call visits few of them on average.
    forget_at: usize,
}

impl RateLimit {
    pub(crate) fn new() -> Self {
        Self { kinds: HashMap::new(), forget_at: MANY }
    }

    /// Counts one occurrence, and sends a report of all since the last report if the limit allows it.
    /// `make` gets their number.
    pub(crate) fn report<W: Wake>(
        &mut self,
        outbox: &Outbox<W>,
        now: Time,
        kind: ReportKind,
        make: impl FnOnce(u64) -> Report,
    ) {
        if self.kinds.len() >= self.forget_at {
            self.forget(now);
        }
        let mut is_new = false;
        let entry = self.kinds.entry(kind).or_insert_with(|| {
            is_new = true;
            Entry { reported: now, count: 0 }
        });
        entry.count += 1;
        if is_new || now.since(entry.reported) >= PAUSE {
            entry.reported = now;
            outbox.send(make(std::mem::take(&mut entry.count)));
        }
    }

    /// Evicts kinds without a pending count whose limit has passed, and counts older than
    /// [`COUNT_HOLDS`].
    fn forget(&mut self, now: Time) {
        self.kinds.retain(|_, entry| {
            let holds = if entry.count == 0 { PAUSE } else { COUNT_HOLDS };
            now.since(entry.reported) < holds
        });
        self.forget_at = (2 * self.kinds.len()).max(MANY);
        self.kinds.shrink_to(self.forget_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const FILES: ReportKind = ReportKind::Resource("a test", Cause::NoFiles);

    struct Trial {
        outbox: Arc<Outbox<sys::Waker>>,
        rate_limit: RateLimit,
        start: Time,
    }

    impl Trial {
        fn new() -> Self {
            let outbox = Arc::new(Outbox::new(sys::Waker::new().unwrap()));
            Self { outbox, rate_limit: RateLimit::new(), start: Time::from_micros(1) }
        }

        fn note(&mut self, after: Duration, kind: ReportKind) {
            let (cause, needed_for) = (Cause::NoFiles, "a test");
            self.rate_limit.report(&self.outbox, self.start.after(after), kind, |count| {
                Report::Exhausted { cause, needed_for, count }
            });
        }

        /// Counts of the sent reports.
        fn reported(&self) -> Vec<u64> {
            let reports = crate::Reports::<sys::kernel::Linux>(Arc::clone(&self.outbox))
                .exchange(VecDeque::new());
            let count = |report| match report {
                Report::Exhausted { count, .. } => count,
                _ => panic!("another report"),
            };
            reports.into_iter().map(count).collect()
        }
    }

    fn kind(number: usize) -> ReportKind {
        ReportKind::Forward(number.to_string().into(), Cause::OverLimit)
    }

    #[test]
    fn the_first_is_reported_at_once_and_the_rest_are_counted() {
        let mut trial = Trial::new();
        for after in [0, 1, 2, 4, 6, 7] {
            trial.note(Duration::from_secs(after), FILES);
        }
        assert_eq!(
            trial.reported(),
            [1, 4],
            "one at 0 s, four by 6 s, and 7 s is not reported yet"
        );
    }

    #[test]
    fn kinds_are_evicted_and_pending_counts_are_not() {
        let mut trial = Trial::new();
        trial.note(Duration::ZERO, FILES);
        trial.note(Duration::ZERO, FILES);
        for number in 0..10 * MANY {
            trial.note(Duration::ZERO, kind(number));
        }
        assert_eq!(trial.rate_limit.kinds.len(), 10 * MANY + 1, "all were reported just now");
        // Enough kinds to cause an eviction.
        for number in 0..10 * MANY {
            trial.note(2 * PAUSE, kind(100 * MANY + number));
        }
        assert!(trial.rate_limit.kinds.len() <= 10 * MANY + 1, "{}", trial.rate_limit.kinds.len());
        trial.reported();
        trial.note(2 * PAUSE, FILES);
        assert_eq!(trial.reported(), [2], "the one that was suppressed, and this one");
        for number in 0..20 * MANY {
            trial.note(2 * COUNT_HOLDS, kind(200 * MANY + number));
        }
        assert!(!trial.rate_limit.kinds.contains_key(&FILES));
    }

    #[test]
    fn the_cost_of_a_call_is_independent_of_the_number_of_kinds() {
        const CALLS: usize = 100 * MANY;
        let mut trial = Trial::new();
        let mut looked_at = 0;
        for number in 0..CALLS {
            let (kinds, forget_at) = (trial.rate_limit.kinds.len(), trial.rate_limit.forget_at);
            trial.note(Duration::ZERO, kind(number));
            if kinds >= forget_at {
                looked_at += kinds;
            }
        }
        assert!(looked_at <= 2 * CALLS, "{looked_at} entries looked at in {CALLS} calls");
    }
}
