//! At most one report of a kind in five seconds, however often it happens: a flood of refused
//! clients must not become a flood of log lines.

use crate::report::{Outbox, Report};
use flow::Time;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(5);
/// Kinds remembered. Beyond them a report is sent as it comes, after the oldest were forgotten.
const MOST_KINDS: usize = 4096;

/// How often each kind happened since it was last reported, and when that was.
pub(crate) struct Notices<K> {
    kinds: HashMap<K, (Time, u64)>,
}

impl<K: Hash + Eq> Notices<K> {
    pub(crate) fn new() -> Self {
        Self { kinds: HashMap::new() }
    }

    /// It happened once more. `report` makes the report from how many times it has by now.
    pub(crate) fn note(
        &mut self,
        outbox: &Outbox,
        now: Time,
        kind: K,
        report: impl FnOnce(u64) -> Report,
    ) {
        if self.kinds.len() >= MOST_KINDS {
            self.kinds.retain(|_, (last, _)| now.since(*last) < PAUSE);
        }
        let (last, count) = self.kinds.entry(kind).or_insert((Time::default(), 0));
        *count += 1;
        let first = *last == Time::default();
        if first || now.since(*last) >= PAUSE {
            *last = now;
            outbox.send(report(std::mem::take(count)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::Cause;
    use std::collections::VecDeque;

    #[test]
    fn the_first_is_told_at_once_and_the_rest_are_counted() {
        let outbox = std::sync::Arc::new(Outbox::new().unwrap());
        let reports = crate::Reports(outbox.clone());
        let mut notices = Notices::new();
        let start = Time::from_micros(1);
        for after in [0, 1, 2, 4, 6, 7] {
            let now = start.after(Duration::from_secs(after));
            notices.note(&outbox, now, "files", |count| Report::Exhausted {
                cause: Cause::NoFiles,
                needed_for: "a test",
                count,
            });
        }
        let counts: Vec<u64> = reports
            .exchange(VecDeque::new())
            .into_iter()
            .map(|report| match report {
                Report::Exhausted { count, .. } => count,
                _ => panic!("another report"),
            })
            .collect();
        assert_eq!(counts, [1, 4], "one at 0 s, four by 6 s, and 7 s is not told yet");
    }
}
