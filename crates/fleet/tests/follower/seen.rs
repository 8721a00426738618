//! Counts of what happened in histories, so that a fault of theirs that avoids it is noticed.

/// How often things happened.
#[derive(Default)]
pub(crate) struct Seen {
    counts: [u64; 14],
}

const NAMES: [&str; 14] = [
    "trials begun",
    "trials confirmed",
    "trials extended",
    "fall-backs ordered",
    "trials ended by time",
    "texts refused",
    "stores refused",
    "restarts during a trial",
    "upgrades during a trial",
    "failed saves",
    "operators' trials",
    "losses of keep",
    "upgrades without the record of the trial",
    "trials missed",
];

impl Seen {
    pub(crate) fn count(&mut self, name: &str) {
        let index = NAMES.iter().position(|it| *it == name).expect("a listed name");
        self.counts[index] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
    }

    pub(crate) fn assert_all(&self) {
        for (name, count) in NAMES.iter().zip(self.counts) {
            assert!(count >= 200, "only {count} {name}");
        }
    }
}
