//! Arrivals and timers in the order of their times.

use super::segment::Segment;
use super::slab::{Key, Slab};
use super::timers::Timer;
use flow::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Due {
    Arrival(Segment),
    /// A timer of a TCP end. It may have been set to a later time since.
    Timer(Key, Timer),
}

#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// Time, number and key of each entry. Entries of one time keep their order.
    order: BinaryHeap<Reverse<(Time, u64, Key)>>,
    /// Apart from their order, which would move them often.
    entries: Slab<Due>,
    last: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Time, due: Due) {
        self.last += 1;
        let key = self.entries.insert(due);
        self.order.push(Reverse((at, self.last, key)));
    }

    /// The first entry, with its time.
    pub(crate) fn first(&self) -> Option<(Time, &Due)> {
        let Reverse((at, _, key)) = self.order.peek()?;
        Some((*at, self.entries.get(*key)?))
    }

    /// Takes the first entry, if its time is not after `now`.
    pub(crate) fn take(&mut self, now: Time) -> Option<(Time, Due)> {
        let Reverse((at, _, key)) = *self.order.peek()?;
        if at > now {
            return None;
        }
        self.order.pop();
        Some((at, self.entries.remove(key)?))
    }
}
