//! Taking over: each worker is given the sessions of one in the previous process image. What it makes of
//! them is in `worker/restore`.

use super::orders::TakeOver;
use crate::Engine;
use crate::forward::Forward;
use crate::message::Message;
use crate::running::Unbound;
use crate::view::Reply;
use rustix::fd::OwnedFd;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How long the workers may take to take their sessions over. They need milliseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// All that the image before has left to the engine.
#[derive(Default)]
pub struct Inheritance {
    /// The forwards, and what was counted.
    pub forwards: handover::Forwards,
    /// The sessions, by worker: each an encoded [`handover::Worker`].
    pub workers: Vec<Vec<u8>>,
    /// Listening sockets that are not written down, because what was is damaged.
    pub sockets: Vec<OwnedFd>,
}

/// What came of taking over.
#[derive(Debug)]
pub struct TakenOver {
    /// Sessions that go on.
    pub sessions: u64,
    /// Sessions that could not be read, and were reset.
    pub lost: u64,
    /// Forwards that could not be bound, and are skipped.
    pub unbound: Vec<Unbound>,
}

impl Engine {
    /// Like the first [`Engine::apply`], going on with what the image before had. Nothing can fail
    /// here any more that would be worth ending the sessions: a forward that cannot be bound is
    /// skipped.
    pub fn take_over(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        inheritance: Inheritance,
    ) -> TakenOver {
        let Inheritance { forwards: saved, workers, sockets } = inheritance;
        let open_before = open_sessions(&saved);
        let (arranged, unbound) = self.forwards.take_over(forwards, saved, sockets, &self.shared);
        let by_name: HashMap<String, Arc<Forward>> =
            self.forwards.all().map(|forward| (forward.name.to_string(), forward)).collect();
        let by_name = Arc::new(by_name);
        // Before anybody is accepted: these have their places within the limits already.
        let taken = self.hand_out(workers, &by_name);
        let lost = settle(&by_name, &open_before, &taken);
        // What is skipped was skipped before.
        arranged.take_effect(&self.shared);
        self.shared.tell_all(|| Message::Begin);
        TakenOver { sessions: taken.values().sum(), lost, unbound }
    }

    /// Gives the sessions to the workers. Returns how many each forward has again.
    fn hand_out(
        &self,
        workers: Vec<Vec<u8>>,
        forwards: &Arc<HashMap<String, Arc<Forward>>>,
    ) -> HashMap<String, u64> {
        let (sender, replies) = mpsc::channel();
        let count = workers.len();
        for (index, bytes) in workers.into_iter().enumerate() {
            let sender = sender.clone();
            let forwards = Arc::clone(forwards);
            let reply: Reply<_> = Box::new(move |taken| _ = sender.send(taken));
            let mailbox = &self.shared.mailboxes[index % self.shared.mailboxes.len()];
            // Without a limit a mailbox is never full.
            let _ = mailbox.send(Message::TakeOver(TakeOver { bytes, forwards, reply }));
        }
        let until = Instant::now() + ANSWER_LIMIT;
        let mut taken = HashMap::new();
        for _ in 0..count {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(of_worker) = replies.recv_timeout(left) else { break };
            for (name, count) in of_worker {
                *taken.entry(name).or_default() += count;
            }
        }
        taken
    }
}

/// Has the counters agree with the sessions that are there, by forward. Returns how many were lost.
fn settle(
    forwards: &HashMap<String, Arc<Forward>>,
    counted: &HashMap<String, u64>,
    taken: &HashMap<String, u64>,
) -> u64 {
    let number = |of: &HashMap<String, u64>, name| of.get(name).copied().unwrap_or(0);
    for (name, forward) in forwards {
        let (counted, taken) = (number(counted, name), number(taken, name));
        match counted.cmp(&taken) {
            Ordering::Greater => forward.counters.of(0).lost(counted - taken),
            // What was counted cannot be read: the sessions are there all the same.
            Ordering::Less => forward.counters.of(0).opened_before(taken - counted),
            Ordering::Equal => {}
        }
    }
    counted.iter().map(|(name, counted)| counted.saturating_sub(number(taken, name))).sum()
}

/// By forward, as they were counted.
fn open_sessions(saved: &handover::Forwards) -> HashMap<String, u64> {
    let open = |forward: &handover::Forward| {
        let totals = forward.totals.as_ref().map(super::tally::totals);
        (forward.name.clone(), totals.map_or(0, |totals| totals.open()))
    };
    saved.forwards.iter().map(open).collect()
}
