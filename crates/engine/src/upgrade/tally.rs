//! Conversion of counters to messages of crate `handover` and back.

use crate::counters::{Classes, Sums, Totals};
use flow::{By, Cause, Fallback, Phase, Time};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn saved_totals(totals: &Totals) -> handover::Totals {
    let reason = |(by, phase, cause): &(By, Phase, Cause)| {
        format!("{} {} {}", by.as_str(), phase.as_str(), cause.as_str())
    };
    let mut by_other_causes = totals.refused.clone();
    by_other_causes.remove(&Cause::OverLimit);
    handover::Totals {
        opened: totals.opened,
        closed: saved_counts(&totals.closed, reason),
        bytes: totals.bytes.as_flattened().to_vec(),
        refused: totals.refused_by(Cause::OverLimit),
        refused_otherwise: saved_counts(&by_other_causes, |cause| cause.as_str().to_owned()),
        accept_errors: saved_counts(&totals.accept_errors, ToString::to_string),
        fallbacks: saved_counts(&totals.fallbacks, |fallback| fallback.as_str().to_owned()),
        connecting: Some(saved_classes(&totals.connecting)),
        living: Some(saved_classes(&totals.living)),
        last_failed: totals.last_failed.map(Time::as_micros),
        last_refused: totals.last_refused.map(Time::as_micros),
        stalled: totals.stalled.map(handover::micros).to_vec(),
    }
}

/// The reverse of [`saved_totals`]. A close reason with a word unknown to this version counts as the
/// nearest known one, so that the sum of ended sessions stays right.
pub(crate) fn totals(saved: &handover::Totals) -> Totals {
    let reason = |text: &str| {
        let mut words = text.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let by = By::of(next()).unwrap_or(By::Operator);
        let phase = Phase::of(next()).unwrap_or(Phase::Relay);
        Some((by, phase, Cause::of(next()).unwrap_or(Cause::IoError)))
    };
    let mut refused = counts(&saved.refused_otherwise, Cause::of);
    if saved.refused > 0 {
        refused.insert(Cause::OverLimit, saved.refused);
    }
    let mut totals = Totals {
        opened: saved.opened,
        closed: counts(&saved.closed, reason),
        refused,
        accept_errors: counts(&saved.accept_errors, |text| text.parse().ok()),
        fallbacks: counts(&saved.fallbacks, Fallback::of),
        connecting: saved.connecting.as_ref().map(classes).unwrap_or_default(),
        living: saved.living.as_ref().map(classes).unwrap_or_default(),
        last_failed: saved.last_failed.map(Time::from_micros),
        last_refused: saved.last_refused.map(Time::from_micros),
        ..Totals::default()
    };
    for (bytes, saved) in totals.bytes.as_flattened_mut().iter_mut().zip(&saved.bytes) {
        *bytes = *saved;
    }
    for (stalled, saved) in totals.stalled.iter_mut().zip(&saved.stalled) {
        *stalled = Duration::from_micros(*saved);
    }
    totals
}

pub(crate) fn saved_sums(sums: &Sums) -> Vec<u64> {
    // Append only: another version may read them.
    vec![sums.opened, sums.bytes_up, sums.bytes_down, sums.refused, sums.failed]
}

pub(crate) fn sums(saved: &[u64]) -> Sums {
    let number = |at: usize| saved.get(at).copied().unwrap_or(0);
    Sums {
        opened: number(0),
        bytes_up: number(1),
        bytes_down: number(2),
        refused: number(3),
        failed: number(4),
    }
}

fn saved_counts<K>(counts: &BTreeMap<K, u64>, word: impl Fn(&K) -> String) -> Vec<handover::Count> {
    let count = |(key, count): (&K, &u64)| handover::Count { word: word(key), count: *count };
    counts.iter().map(count).collect()
}

fn counts<K: Ord>(saved: &[handover::Count], key: impl Fn(&str) -> Option<K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for (key, count) in saved.iter().filter_map(|saved| Some((key(&saved.word)?, saved.count))) {
        *counts.entry(key).or_default() += count;
    }
    counts
}

fn saved_classes(classes: &Classes) -> handover::Durations {
    handover::Durations { classes: classes.counts.to_vec(), sum: handover::micros(classes.sum) }
}

fn classes(saved: &handover::Durations) -> Classes {
    let mut classes = Classes { sum: Duration::from_micros(saved.sum), ..Classes::default() };
    for (count, saved) in classes.counts.iter_mut().zip(&saved.classes) {
        *count = *saved;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counters;
    use crate::counters::tests::ending;
    use flow::{CloseReason, Direction, Path};

    #[test]
    fn counters_are_restored_as_they_were_saved() {
        let counters = Counters::default();
        for _ in 0..3 {
            counters.opened();
        }
        counters.moved(Direction::Up, Path::Splice, 5);
        counters.moved(Direction::Down, Path::Copy, 7);
        counters.connected(Duration::from_millis(3));
        counters.refused(Time::from_micros(11), Cause::OverLimit);
        counters.refused(Time::from_micros(11), Cause::NotAllowed);
        counters.accept_failed(sys::Errno::MFILE);
        let reason = CloseReason::new(By::Client, Phase::Relay, Cause::Reset);
        let mut first = ending(reason, Duration::from_secs(7));
        first.lanes[0].fallback = Fallback::NoPipe;
        first.lanes[1].stalled = Duration::from_millis(17);
        counters.closed(Time::from_micros(12), &first);
        let reason = CloseReason::new(By::Target, Phase::Connect, Cause::Refused);
        counters.closed(Time::from_micros(13), &ending(reason, Duration::ZERO));
        let mut before = Totals::default();
        before.add(&counters);

        let next = Counters::default();
        next.seed(&totals(&saved_totals(&before)));
        let mut after = Totals::default();
        after.add(&next);
        assert_eq!(format!("{after:?}"), format!("{before:?}"));
    }

    #[test]
    fn close_reasons_of_another_version_are_counted() {
        let closed = vec![handover::Count { word: "gateway dreaming miracle".into(), count: 4 }];
        let saved = handover::Totals { opened: 4, closed, ..handover::Totals::default() };
        assert_eq!(totals(&saved).open(), 0);
    }
}
