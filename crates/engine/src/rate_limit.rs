//! Limits reports to one of a kind in five seconds: a flood of refused clients must not become a flood
//! of log lines. Occurrences in between are reported when the five seconds are over, so that the counts of
//! all reports add up to the occurrences.

use crate::report::{Outbox, Report};
use crate::top_clients::TopClients;
use flow::{Cause, Prefix, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::Wake;

const PAUSE: Duration = Duration::from_secs(5);
/// Shortest time between two visits of all kinds for late reports.
const VISITS: Duration = Duration::from_secs(1);
/// Number of kinds below which none is evicted.
const MANY: usize = 1024;

/// The kind of a report. Constructed without an allocation, since most reports are suppressed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReportKind {
    /// A failure of a forward: its name, and the cause.
    Forward(Arc<str>, Cause),
    /// Sessions of a forward that could not be connected to this target, or to none.
    Unreached(Arc<str>, Option<Arc<str>>),
    /// A missing resource: its purpose, and the cause.
    Resource(&'static str, Cause),
}

/// Time of the last report of a kind, and occurrences since then.
struct Entry {
    reported: Time,
    count: u64,
    /// Time of the last occurrence.
    latest: Time,
    /// How often each client was among these, as far as that is known.
    clients: TopClients,
    /// The report of the first of these, or of the first one of the most frequent client.
    late: Option<(Report, Option<Prefix>)>,
}

/// Rate limiter of reports, by kind.
pub(crate) struct RateLimit {
    kinds: HashMap<ReportKind, Entry>,
    /// Number of kinds at which old ones are evicted: at least twice as many as the last eviction
    /// left, so that a call visits few of them on average.
    forget_at: usize,
    /// When the first late report may be sent; `None` if no occurrence waits for that.
    due_at: Option<Time>,
}

impl RateLimit {
    pub(crate) fn new() -> Self {
        Self { kinds: HashMap::new(), forget_at: MANY, due_at: None }
    }

    /// When [`Self::report_late`] has something to do.
    pub(crate) fn due_at(&self) -> Option<Time> {
        self.due_at
    }

    /// The failures of forwards that are counted and not reported yet; without a cause, sessions that could not be
    /// connected.
    pub(crate) fn unreported(&self) -> Vec<(Arc<str>, Option<Cause>, u64)> {
        let counted = self.kinds.iter().filter(|(_, entry)| entry.count > 0);
        let counted = counted.filter_map(|(kind, entry)| match kind {
            ReportKind::Forward(forward, cause) => {
                Some((Arc::clone(forward), Some(*cause), entry.count))
            }
            ReportKind::Unreached(forward, _) => Some((Arc::clone(forward), None, entry.count)),
            ReportKind::Resource(..) => None,
        });
        counted.collect()
    }

    /// Counts one occurrence, by this client, and sends a report of all since the last report if the limit allows
    /// it. `make` gets their number.
    pub(crate) fn report<W: Wake>(
        &mut self,
        outbox: &Outbox<W>,
        now: Time,
        kind: ReportKind,
        client: Option<Prefix>,
        make: impl FnOnce(u64) -> Report,
    ) {
        if self.kinds.len() >= self.forget_at {
            self.forget(now);
        }
        let mut is_new = false;
        let entry = self.kinds.entry(kind).or_insert_with(|| {
            is_new = true;
            Entry {
                reported: now,
                count: 0,
                latest: now,
                clients: TopClients::default(),
                late: None,
            }
        });
        entry.count += 1;
        entry.latest = now;
        let is_top = client.is_none_or(|client| entry.clients.count(client));
        // The report names the most frequent client of all that it counts.
        if entry.late.as_ref().is_none_or(|(_, of)| is_top && *of != client) {
            entry.late = Some((make(0), client));
        }
        if is_new || now.since(entry.reported) >= PAUSE {
            entry.send_late(outbox, now);
        }
        if entry.late.is_some() {
            let due_at = entry.reported.after(PAUSE);
            self.due_at = Some(self.due_at.map_or(due_at, |at| at.min(due_at)));
        }
    }

    /// Sends the reports of occurrences whose pause is over.
    pub(crate) fn report_late<W: Wake>(&mut self, outbox: &Outbox<W>, now: Time) {
        self.due_at = None;
        for entry in self.kinds.values_mut().filter(|entry| entry.late.is_some()) {
            if entry.reported.after(PAUSE) <= now {
                entry.send_late(outbox, now);
            }
            if entry.late.is_some() {
                let visit = entry.reported.after(PAUSE).max(now.after(VISITS));
                self.due_at = Some(self.due_at.map_or(visit, |at| at.min(visit)));
            }
        }
    }

    /// Sends the reports of all occurrences so far: the worker ends, or is replaced by an upgrade.
    pub(crate) fn report_all<W: Wake>(&mut self, outbox: &Outbox<W>, now: Time) {
        self.due_at = None;
        for entry in self.kinds.values_mut() {
            entry.send_late(outbox, now);
            if entry.late.take().is_some() {
                outbox.count_dropped();
            }
        }
    }

    /// Evicts kinds without a pending count whose limit has passed.
    fn forget(&mut self, now: Time) {
        self.kinds.retain(|_, entry| entry.count > 0 || now.since(entry.reported) < PAUSE);
        self.forget_at = (2 * self.kinds.len()).max(MANY);
        self.kinds.shrink_to(self.forget_at);
    }
}

impl Entry {
    /// Sends the report of all occurrences since the last one. If too many reports wait, these are counted with the
    /// next ones.
    fn send_late<W: Wake>(&mut self, outbox: &Outbox<W>, now: Time) {
        let Some((late, client)) = self.late.take() else { return };
        self.reported = now;
        if let Some(late) = outbox.try_send(late.with_count(self.count, self.latest)) {
            self.late = Some((late, client));
            return;
        }
        self.count = 0;
        self.clients.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::{By, Phase};
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
            self.rate_limit.report(&self.outbox, self.start.after(after), kind, None, |count| {
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

    /// The client of each report in a flood, in which an occurrence may come at the end of a pause.
    #[test]
    fn a_report_names_the_most_frequent_client_of_those_that_it_counts() {
        let mut trial = Trial::new();
        let client = |last| Prefix::around([127, 0, 0, last].into(), 32, 128);
        let mut refuse = |after, last| {
            let (now, client) = (trial.start.after(Duration::from_secs(after)), client(last));
            trial.rate_limit.report(&trial.outbox, now, FILES, Some(client), |count| {
                let reason = flow::CloseReason::new(By::Limit, Phase::Admit, Cause::OverLimit);
                Report::Refused {
                    forward: "f".into(),
                    reason,
                    limit: 1,
                    sessions: None,
                    is_of_process: false,
                    client: Some(client),
                    count,
                }
            });
        };
        for (after, last) in [(0, 1), (1, 2), (2, 3), (3, 3), (5, 4)] {
            refuse(after, last);
        }
        let reports = crate::Reports::<sys::kernel::Linux>(Arc::clone(&trial.outbox))
            .exchange(VecDeque::new());
        let named = |report| match report {
            Report::Refused { client, count, .. } => (client, count),
            _ => panic!("another report"),
        };
        let named: Vec<_> = reports.into_iter().map(named).collect();
        assert_eq!(named, [(Some(client(1)), 1), (Some(client(3)), 4)]);
    }

    #[test]
    fn what_the_queue_does_not_take_is_counted_with_the_next_report() {
        let mut trial = Trial::new();
        let fill = |outbox: &Outbox<sys::Waker>| {
            let report = || Report::Exhausted { cause: Cause::NoFiles, needed_for: "", count: 0 };
            while outbox.try_send(report()).is_none() {}
        };
        let rest = |trial: &Trial| trial.reported().into_iter().filter(|count| *count > 0);
        fill(&trial.outbox);
        trial.note(Duration::ZERO, FILES);
        trial.note(Duration::from_secs(1), FILES);
        let late = |trial: &mut Trial, after| {
            trial
                .rate_limit
                .report_late(&trial.outbox, trial.start.after(Duration::from_secs(after)));
        };
        late(&mut trial, 5);
        assert_eq!(rest(&trial).count(), 0);
        trial.note(Duration::from_secs(6), FILES);
        late(&mut trial, 10);
        assert_eq!(rest(&trial).collect::<Vec<_>>(), [3]);
        let reports = crate::Reports::<sys::kernel::Linux>(Arc::clone(&trial.outbox));
        assert_eq!(reports.take_dropped(), 0);
        trial.note(Duration::from_secs(11), FILES);
        fill(&trial.outbox);
        trial.rate_limit.report_all(&trial.outbox, trial.start.after(Duration::from_secs(12)));
        assert_eq!(reports.take_dropped(), 1, "the worker has ended");
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
        assert_eq!(trial.reported(), [1, 4], "one at 0 s, and four by 6 s");
    }

    #[test]
    fn what_was_counted_is_reported_when_the_pause_is_over() {
        let mut trial = Trial::new();
        for (after, number) in [(0, 1), (0, 1), (1, 2), (3, 1), (4, 2)] {
            trial.note(Duration::from_secs(after), kind(number));
        }
        assert_eq!(trial.reported(), [1, 1]);
        let late = |trial: &mut Trial, after: u64| {
            let now = trial.start.after(Duration::from_secs(after));
            trial.rate_limit.report_late(&trial.outbox, now);
            let due_at = trial.rate_limit.due_at();
            (trial.reported(), due_at.map(|at| at.since(trial.start).as_secs()))
        };
        assert_eq!(late(&mut trial, 4), (vec![], Some(5)));
        assert_eq!(late(&mut trial, 5), (vec![2], Some(6)));
        assert_eq!(late(&mut trial, 6), (vec![1], None));
        trial.note(Duration::from_secs(7), kind(1));
        assert_eq!(trial.reported(), [], "the late report counts as one");
        trial.rate_limit.report_all(&trial.outbox, trial.start.after(Duration::from_secs(8)));
        assert_eq!((trial.reported(), trial.rate_limit.due_at()), (vec![1], None));
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
            trial.note(4 * PAUSE, kind(200 * MANY + number));
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
