//! The descriptors of a process.

use super::state::slab::Key;
use sys::{Errno, Result};

/// A connected socket at its close(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// See [`super::SimSocket::connection`].
    pub connection: u64,
    /// Bytes in the receive queue.
    pub unread: usize,
    /// Bytes that sends of this socket took.
    pub taken: u64,
}

/// First number that is given out: the standard descriptors are open.
const FIRST: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Entry {
    file: Key,
    closes_on_exec: bool,
}

/// The descriptors of a process, by number.
#[derive(Debug)]
pub(crate) struct Table {
    /// From number [`FIRST`] on.
    entries: Vec<Option<Entry>>,
    /// All numbers below are used.
    lowest: usize,
    pub(crate) limit: usize,
    /// Number of execve(2) calls: handles of earlier images are inert.
    pub(crate) image: u64,
    /// Connected sockets that were closed; `None` if they are not recorded.
    pub(crate) closed: Option<Vec<Closed>>,
}

fn index(number: u32) -> usize {
    (number as usize).wrapping_sub(FIRST)
}

fn number(index: usize) -> u32 {
    u32::try_from(index + FIRST).unwrap_or(u32::MAX)
}

impl Table {
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), lowest: 0, limit, image: 0, closed: None }
    }

    /// The lowest free numbers.
    fn free(&mut self) -> impl Iterator<Item = usize> {
        while self.entries.get(self.lowest).is_some_and(Option::is_some) {
            self.lowest += 1;
        }
        (self.lowest..).filter(|at| self.entries.get(*at).is_none_or(Option::is_none))
    }

    /// Whether so many more descriptors may be opened. `EMFILE` if a number would reach the limit.
    pub(crate) fn check_room(&mut self, count: usize) -> Result<()> {
        let limit = self.limit;
        let last = self.free().take(count).last();
        if last.is_none_or(|last| last + FIRST < limit) { Ok(()) } else { Err(Errno::MFILE) }
    }

    /// Gives a file the lowest free number. execve(2) closes it.
    pub(crate) fn open(&mut self, file: Key) -> u32 {
        let at = self.free().next().expect("there is always a free number");
        if at >= self.entries.len() {
            self.entries.resize(at + 1, None);
        }
        self.entries[at] = Some(Entry { file, closes_on_exec: true });
        number(at)
    }

    fn entry(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index(number))?.as_mut()
    }

    pub(crate) fn file(&self, number: u32) -> Option<Key> {
        self.entries.get(index(number)).copied().flatten().map(|entry| entry.file)
    }

    /// Sets or clears close-on-exec, and returns the file and the former setting.
    pub(crate) fn set_close_on_exec(&mut self, number: u32, closes: bool) -> Result<(Key, bool)> {
        let entry = self.entry(number).ok_or(Errno::BADF)?;
        Ok((entry.file, std::mem::replace(&mut entry.closes_on_exec, closes)))
    }

    /// Frees a number.
    pub(crate) fn close(&mut self, number: u32) -> Option<Key> {
        let entry = self.entries.get_mut(index(number))?.take()?;
        self.lowest = self.lowest.min(index(number));
        Some(entry.file)
    }

    /// The open descriptors, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Key)> + '_ {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(at, entry)| entry.map(|entry| (number(at), entry.file)))
    }

    /// The descriptors that execve(2) keeps.
    pub(crate) fn kept(&self) -> impl Iterator<Item = u32> + '_ {
        let entries = self.entries.iter().enumerate();
        let is_kept = |entry: &Option<Entry>| entry.is_some_and(|entry| !entry.closes_on_exec);
        entries.filter(move |(_, entry)| is_kept(entry)).map(|(at, _)| number(at))
    }

    /// Ends the present image, and frees all numbers, or those that execve(2) closes. Returns their files,
    /// in ascending order of the numbers.
    pub(crate) fn end_image(&mut self, keeps: bool) -> Vec<Key> {
        self.image += 1;
        self.lowest = 0;
        let gone = |entry: &mut Option<Entry>| {
            entry.take_if(|entry| !keeps || entry.closes_on_exec).map(|entry| entry.file)
        };
        self.entries.iter_mut().filter_map(gone).collect()
    }
}
