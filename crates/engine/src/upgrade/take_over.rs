//! Takes over from the previous process image: its forwards here, the sessions of its workers in the
//! new workers (`worker/restore`).

use super::handoff::Handoff;
use super::orders::{Destination, TakeOver};
use crate::engine::Engine;
use crate::message::Message;
use crate::running::Unbound;
use crate::view::Reply;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use sys::kernel::Kernel;

/// Time limit for the workers to restore their sessions, which takes milliseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The result of a take-over.
#[derive(Debug)]
pub struct TakenOver {
    /// Number of restored sessions.
    pub sessions: u64,
    /// Number of sessions with damaged state, which were reset.
    pub lost: u64,
    /// Required forwards that could not be bound, and are skipped.
    pub unbound: Vec<Unbound>,
}

impl<K: Kernel> Engine<K> {
    /// Like the first [`Engine::apply`], with the state of the previous process image. It never fails:
    /// a forward that cannot be bound is skipped, and keeps its sessions.
    pub fn take_over(&mut self, forwards: &[Arc<plan::Forward>], handoff: Handoff<K>) -> TakenOver {
        let Handoff { forwards: saved, workers, sockets } = handoff;
        let open_before = open_sessions(&saved);
        let (arranged, unbound) = self.forwards.take_over(forwards, saved, sockets, &self.shared);
        let destinations = Arc::new(self.forwards.destinations());
        // Before the listeners are published: restored sessions must count towards the limits.
        let taken = self.hand_out(workers, &destinations);
        self.forwards.note_removed_targets(&self.shared);
        self.forwards.all().for_each(|forward| forward.targets.forget_inherited());
        let lost = settle(&destinations, &open_before, &taken);
        // Skipped forwards were reported by `Forwards::take_over`.
        arranged.take_effect(&self.shared).published.wait();
        self.shared.broadcast(|| Message::Begin);
        TakenOver { sessions: taken.values().sum(), lost, unbound }
    }

    /// Distributes the sessions to the workers. Returns the number restored, by forward.
    fn hand_out(
        &self,
        workers: Vec<Vec<u8>>,
        destinations: &Arc<BTreeMap<String, Destination>>,
    ) -> BTreeMap<String, u64> {
        let (sender, replies) = mpsc::channel();
        let count = workers.len();
        for (index, bytes) in workers.into_iter().enumerate() {
            let sender = sender.clone();
            let destinations = Arc::clone(destinations);
            let reply: Reply<_> = Box::new(move |taken| _ = sender.send(taken));
            let mailbox = &self.shared.mailboxes[index % self.shared.mailboxes.len()];
            mailbox.send(Message::TakeOver(TakeOver { bytes, destinations, reply }));
        }
        let kernel = &self.shared.kernel;
        let until = kernel.now().after(ANSWER_LIMIT);
        let mut taken = BTreeMap::new();
        for _ in 0..count {
            let left = until.since(kernel.now());
            let Some(of_worker) = kernel.wait_for(&replies, left) else { break };
            for (name, count) in of_worker {
                *taken.entry(name).or_default() += count;
            }
        }
        taken
    }
}

/// Makes the counters of each forward agree with its restored sessions. Returns the number of lost
/// sessions.
fn settle(
    destinations: &BTreeMap<String, Destination>,
    counted: &BTreeMap<String, u64>,
    taken: &BTreeMap<String, u64>,
) -> u64 {
    let number = |of: &BTreeMap<String, u64>, name| of.get(name).copied().unwrap_or(0);
    for (name, Destination { forward, .. }) in destinations {
        let (counted, taken) = (number(counted, name), number(taken, name));
        match counted.cmp(&taken) {
            Ordering::Greater => forward.counters.of(0).lost(counted - taken),
            // The saved counters were damaged, and the sessions were not.
            Ordering::Less => forward.counters.of(0).opened_before(taken - counted),
            Ordering::Equal => {}
        }
    }
    counted.iter().map(|(name, counted)| counted.saturating_sub(number(taken, name))).sum()
}

/// Open sessions of each forward according to the saved counters.
fn open_sessions(saved: &handover::Forwards) -> BTreeMap<String, u64> {
    let open = |forward: &handover::Forward| {
        let totals = forward.totals.as_ref().map(super::tally::totals);
        (forward.name.clone(), totals.map_or(0, |totals| totals.open()))
    };
    saved.forwards.iter().map(open).collect()
}
