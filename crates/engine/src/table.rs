//! The sessions of a worker, with the schedule of those that are served without an event.

use crate::rules::Rules;
use crate::session::Session;
use crate::slots::{Key, Slots};
use crate::wheel::Wheel;
use flow::Time;
use std::collections::VecDeque;
use sys::kernel::Kernel;

/// All sessions of a worker.
pub(crate) struct Table<K: Kernel> {
    sessions: Slots<Session<K>>,
    schedule: Schedule,
}

/// Sessions to serve without an event: by deadline, and by turn.
struct Schedule {
    wheel: Wheel,
    /// Sessions that wait for their share of a turn: bulk, and those that used up their last share.
    run_queue: VecDeque<Key>,
}

/// One session of the table, looked up once per event and passed to every handler of the event.
pub(crate) struct Entry<'a, K: Kernel> {
    pub(crate) key: Key,
    pub(crate) session: &'a mut Session<K>,
    schedule: &'a mut Schedule,
}

impl<K: Kernel> Entry<'_, K> {
    /// Like [`Self::set_timer_by`], with the current rules of the forward.
    pub(crate) fn set_timer(&mut self) {
        let rules = self.session.rules();
        self.set_timer_by(&rules);
    }

    /// Makes the wheel fire no later than the session's deadline. A deadline that moved later costs
    /// nothing here: the session is entered again when the wheel fires.
    pub(crate) fn set_timer_by(&mut self, rules: &Rules) {
        self.session.flow.take_due_earlier();
        let Some(deadline) = self.session.deadline(rules) else { return };
        if deadline < self.session.timer {
            self.session.timer = deadline;
            self.schedule.wheel.schedule(self.key.index(), deadline);
        }
    }

    /// Puts the session into the run queue, unless it is there.
    pub(crate) fn enqueue(&mut self) {
        if !self.session.flags.queued() {
            self.session.flags.set_queued(true);
            self.schedule.run_queue.push_back(self.key);
        }
    }
}

impl<K: Kernel> Table<K> {
    pub(crate) fn new(now: Time) -> Self {
        let schedule = Schedule { wheel: Wheel::new(now), run_queue: VecDeque::new() };
        Self { sessions: Slots::new(), schedule }
    }

    /// Read access to the places of the table.
    pub(crate) fn slots(&self) -> &Slots<Session<K>> {
        &self.sessions
    }

    /// Looks up a session; `None` if it has ended.
    #[inline]
    pub(crate) fn entry(&mut self, key: Key) -> Option<Entry<'_, K>> {
        let session = self.sessions.get_mut(key)?;
        Some(Entry { key, session, schedule: &mut self.schedule })
    }

    pub(crate) fn insert(&mut self, session: Session<K>) -> Key {
        self.sessions.insert(|_| session)
    }

    /// Fills the empty table with restored sessions under their previous keys ([`Slots::fill`]).
    pub(crate) fn fill(
        &mut self,
        sessions: Vec<(Key, Session<K>)>,
        next_generation: u32,
    ) -> Vec<Session<K>> {
        self.sessions.fill(sessions, next_generation)
    }

    /// Removes a session and its timer. Its key may stay in the run queue, and finds nothing there.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Session<K>> {
        let session = self.sessions.remove(key)?;
        self.schedule.wheel.cancel(key.index());
        Some(session)
    }

    /// Frees chunks without sessions ([`Slots::give_back`]).
    pub(crate) fn give_back(&mut self) -> usize {
        self.sessions.give_back()
    }

    /// Time at which the wheel next fires.
    #[inline]
    pub(crate) fn next_due_at(&self) -> Option<Time> {
        self.schedule.wheel.next_at()
    }

    /// The earliest time at which the wheel may fire for a session; `None` if it is not there.
    pub(crate) fn fires_from(&self, key: Key) -> Option<Time> {
        self.schedule.wheel.fires_from(key.index())
    }

    /// The keys in the run queue, including those of ended sessions.
    pub(crate) fn run_queue(&self) -> Vec<Key> {
        self.schedule.run_queue.iter().copied().collect()
    }

    /// Takes a session whose timer has fired by `now`. Its timer is cleared.
    #[inline]
    pub(crate) fn next_due(&mut self, now: Time) -> Option<Entry<'_, K>> {
        let key = loop {
            let index = self.schedule.wheel.pop(now)?;
            if let Some(key) = self.sessions.key_at(index) {
                break key;
            }
        };
        let entry = self.entry(key)?;
        entry.session.timer = Time::NEVER;
        Some(entry)
    }

    /// Length of the run queue, including ended sessions.
    #[inline]
    pub(crate) fn queued(&self) -> usize {
        self.schedule.run_queue.len()
    }

    /// Takes the first session of the run queue; `None` if it has ended.
    #[inline]
    pub(crate) fn dequeue(&mut self) -> Option<Entry<'_, K>> {
        let key = self.schedule.run_queue.pop_front()?;
        let entry = self.entry(key)?;
        entry.session.flags.set_queued(false);
        Some(entry)
    }
}
