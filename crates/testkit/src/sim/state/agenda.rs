//! The things that happen at a time, in order.

use super::segment::Segment;
use super::slab::Key;
use super::timers::Timer;
use flow::Time;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Due {
    Arrival(Segment),
    /// A timer of a TCP end. It may have been set to a later time since.
    Timer(Key, Timer),
}

#[derive(Debug)]
struct Entry {
    at: Time,
    /// Entries of one time keep their order.
    number: u64,
    due: Due,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    last: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Time, due: Due) {
        self.last += 1;
        self.entries.push(Reverse(Entry { at, number: self.last, due }));
    }

    /// The first entry, with its time.
    pub(crate) fn first(&self) -> Option<(Time, &Due)> {
        self.entries.peek().map(|Reverse(entry)| (entry.at, &entry.due))
    }

    /// Takes the first entry, if its time is not after `now`.
    pub(crate) fn take(&mut self, now: Time) -> Option<(Time, Due)> {
        self.first().filter(|(at, _)| *at <= now)?;
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.due))
    }
}
