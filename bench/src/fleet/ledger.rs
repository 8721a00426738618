//! The observations of both ends of the traffic, shared by their threads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::failure::{Failure, Result};

/// Faults described in words; further ones are only counted.
const DESCRIBED_MAX: usize = 5;

/// Counters of a run, and its faults.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The number of kills and starts of each instance: odd while it is down.
    eras: Vec<AtomicU32>,
    /// Clients begin no session, and end theirs.
    pub(super) clients_end: AtomicBool,
    /// Targets end: no client is left.
    pub(super) targets_end: AtomicBool,
    /// Long sessions that have had an answer and are open.
    pub(super) long: AtomicU64,
    /// Short sessions that have ended as they should.
    pub(super) short: AtomicU64,
    /// Messages of which every byte came back right.
    pub(super) messages: AtomicU64,
    /// Bytes compared at the clients and at the targets.
    pub(super) bytes: AtomicU64,
    /// Sessions that ended with a killed instance.
    pub(super) killed: AtomicU64,
    faults: Mutex<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    count: u64,
    described: Vec<String>,
}

/// Counters at one moment, or their growth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) short: u64,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) killed: u64,
}

/// An instance as a session begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) instance: u16,
    pub(super) era: u32,
}

impl Ledger {
    /// A ledger of instances that run.
    pub(super) fn new(instances: usize) -> Self {
        Self {
            eras: (0..instances).map(|_| AtomicU32::new(0)).collect(),
            clients_end: AtomicBool::new(false),
            targets_end: AtomicBool::new(false),
            long: AtomicU64::new(0),
            short: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            killed: AtomicU64::new(0),
            faults: Mutex::default(),
        }
    }

    /// Notes that an instance is about to be killed, or that it serves again.
    pub(super) fn turn_era(&self, instance: u16) {
        self.eras[usize::from(instance)].fetch_add(1, Ordering::SeqCst);
    }

    /// The beginning of a session at an instance; `None` while it is down.
    pub(super) fn begin(&self, instance: u16) -> Option<Begun> {
        let era = self.eras[usize::from(instance)].load(Ordering::SeqCst);
        era.is_multiple_of(2).then_some(Begun { instance, era })
    }

    /// Takes the end of a session that did not end as it should: a fault, unless its instance was killed.
    pub(super) fn ended(&self, begun: Begun, end: &str, words: &str) {
        let era = self.eras.get(usize::from(begun.instance));
        if era.is_some_and(|era| era.load(Ordering::SeqCst) != begun.era) {
            // The other end counts, too; the client's counter is the one that is shown.
            self.killed.fetch_add(u64::from(end == "client"), Ordering::Relaxed);
        } else {
            self.fault(format!("{end} of edge-{}: {words}", begun.instance + 1));
        }
    }

    /// A fault that no kill of an instance explains.
    pub(super) fn fault(&self, words: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.count += 1;
        if faults.described.len() < DESCRIBED_MAX {
            faults.described.push(words);
        }
    }

    /// The counters as they are.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            short: self.short.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            killed: self.killed.load(Ordering::Relaxed),
        }
    }

    /// An error that describes the faults, if there are any.
    pub(super) fn verdict(&self) -> Result<()> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.count == 0 {
            return Ok(());
        }
        let words = faults.described.join("; ");
        Err(Failure::new(format!("{} sessions went wrong: {words}", faults.count)))
    }
}

impl Counts {
    /// The growth since an earlier moment.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            short: self.short - before.short,
            messages: self.messages - before.messages,
            bytes: self.bytes - before.bytes,
            killed: self.killed - before.killed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sessions_of_a_killed_instance_may_end() {
        let ledger = Ledger::new(2);
        let sessions = [0, 1].map(|instance| ledger.begin(instance).unwrap());
        ledger.turn_era(1);
        assert_eq!(ledger.begin(1), None);
        ledger.ended(sessions[1], "client", "reset");
        ledger.turn_era(1);
        ledger.ended(sessions[1], "target", "reset");
        ledger.verdict().unwrap();
        assert_eq!(ledger.counts().killed, 1);
        ledger.ended(ledger.begin(1).unwrap(), "client", "reset");
        ledger.ended(sessions[0], "client", "an end");
        let error = ledger.verdict().unwrap_err().to_string();
        assert_eq!(
            error,
            "2 sessions went wrong: client of edge-2: reset; client of edge-1: an end"
        );
    }
}
