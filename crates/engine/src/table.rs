//! The sessions of a worker, and when each is looked at without an event.

use crate::rules::Rules;
use crate::session::Session;
use crate::slots::{Key, Slots};
use crate::wheel::Wheel;
use flow::Time;
use std::collections::VecDeque;

/// All sessions of a worker.
pub(crate) struct Table {
    sessions: Slots<Session>,
    schedule: Schedule,
}

/// When sessions are looked at next.
struct Schedule {
    wheel: Wheel,
    /// Sessions that wait for their share: bulk, and those that used up their last one.
    run_queue: VecDeque<Key>,
}

/// One session, looked up: every function that handles an event of it works on this.
pub(crate) struct Entry<'a> {
    pub(crate) key: Key,
    pub(crate) session: &'a mut Session,
    schedule: &'a mut Schedule,
}

impl Entry<'_> {
    /// Like [`Self::set_timer_by`], with the rules of this moment.
    pub(crate) fn set_timer(&mut self) {
        let rules = self.session.rules();
        self.set_timer_by(&rules);
    }

    /// Makes the wheel fire no later than the session's deadline. A deadline that has moved later is
    /// noticed when the wheel fires.
    pub(crate) fn set_timer_by(&mut self, rules: &Rules) {
        self.session.flow.take_due_earlier();
        let Some(deadline) = self.session.deadline(rules) else { return };
        if deadline < self.session.timer {
            self.session.timer = deadline;
            self.schedule.wheel.schedule(self.key.index(), deadline);
        }
    }

    /// Puts the session into the run queue, once.
    pub(crate) fn enqueue(&mut self) {
        if !self.session.queued {
            self.session.queued = true;
            self.schedule.run_queue.push_back(self.key);
        }
    }
}

impl Table {
    pub(crate) fn new(now: Time) -> Self {
        let schedule = Schedule { wheel: Wheel::new(now), run_queue: VecDeque::new() };
        Self { sessions: Slots::new(), schedule }
    }

    /// The places of the table, to be read.
    pub(crate) fn slots(&self) -> &Slots<Session> {
        &self.sessions
    }

    /// The session, if it still lives.
    #[inline]
    pub(crate) fn entry(&mut self, key: Key) -> Option<Entry<'_>> {
        let session = self.sessions.get_mut(key)?;
        Some(Entry { key, session, schedule: &mut self.schedule })
    }

    pub(crate) fn insert(&mut self, session: Session) -> Key {
        self.sessions.insert(|_| session)
    }

    /// Fills the empty table with sessions under the keys that they had ([`Slots::fill`]).
    pub(crate) fn fill(
        &mut self,
        sessions: Vec<(Key, Session)>,
        next_generation: u32,
    ) -> Vec<Session> {
        self.sessions.fill(sessions, next_generation)
    }

    /// Takes a session out, and its timer with it. In the run queue its key finds nothing.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Session> {
        let session = self.sessions.remove(key)?;
        self.schedule.wheel.cancel(key.index());
        Some(session)
    }

    /// Gives memory back that holds no session ([`Slots::give_back`]).
    pub(crate) fn give_back(&mut self) -> usize {
        self.sessions.give_back()
    }

    /// When the wheel brings the next session up.
    #[inline]
    pub(crate) fn next_due_at(&self) -> Option<Time> {
        self.schedule.wheel.next_at()
    }

    /// A session that the wheel brings up by now. It has no timer from here on.
    #[inline]
    pub(crate) fn next_due(&mut self, now: Time) -> Option<Entry<'_>> {
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

    /// The length of the run queue, ended sessions included.
    #[inline]
    pub(crate) fn queued(&self) -> usize {
        self.schedule.run_queue.len()
    }

    /// Takes the first of the run queue; `None` if that session has ended.
    #[inline]
    pub(crate) fn dequeue(&mut self) -> Option<Entry<'_>> {
        let key = self.schedule.run_queue.pop_front()?;
        let entry = self.entry(key)?;
        entry.session.queued = false;
        Some(entry)
    }
}
