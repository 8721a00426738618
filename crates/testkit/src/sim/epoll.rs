//! Epoll instances (epoll(7)): a list of items that were woken, whose state is read at the wait.

use super::poll::{ANY, ERR, HUP, IN, Mask, OUT, PRI, RDHUP};
use super::world::{FileKey, World};
use flow::Time;
use std::collections::{BTreeMap, VecDeque};
use sys::{Errno, Event, Result};

/// A registration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) token: u64,
    pub(super) interest: Mask,
    /// Reported once per wake-up.
    pub(super) edge: bool,
    /// A wake-up of the file wakes one of several instances (`EPOLLEXCLUSIVE`).
    pub(super) exclusive: bool,
}

/// An epoll instance.
#[derive(Debug, Default)]
pub(super) struct Epoll {
    items: BTreeMap<FileKey, Item>,
    /// Woken items, in the order of their wake-ups.
    ready: VecDeque<FileKey>,
    /// The end of the present wait; `None` if no thread waits.
    pub(super) waits_until: Option<Time>,
}

impl Epoll {
    fn push(&mut self, file: FileKey) {
        if !self.ready.contains(&file) {
            self.ready.push_back(file);
        }
    }

    /// The end of the wait of a thread, unless an item was woken.
    pub(super) fn blocked_until(&self) -> Option<Time> {
        self.waits_until.filter(|_| self.ready.is_empty())
    }
}

fn event(token: u64, mask: Mask) -> Event {
    let ended = mask & (HUP | ERR) != 0;
    Event {
        token,
        readable: ended || mask & (IN | RDHUP | PRI) != 0,
        writable: ended || mask & OUT != 0,
        mark: ended || mask & (RDHUP | PRI) != 0,
        error: mask & ERR != 0,
    }
}

impl World {
    /// Registers a file. An item that is ready already is reported by the next wait.
    pub(super) fn watch(&mut self, epoll: FileKey, file: FileKey, item: Item) -> Result<()> {
        if self.epoll(epoll)?.items.contains_key(&file) {
            return Err(Errno::EXIST);
        }
        self.epoll(epoll)?.items.insert(file, item);
        self.watchers.entry(file).or_default().push(epoll);
        let state = self.poll(file);
        if state & (item.interest | ERR | HUP) != 0 {
            let instance = self.epoll(epoll)?;
            instance.push(file);
            instance.waits_until = None;
        }
        Ok(())
    }

    /// Removes a registration.
    pub(super) fn unwatch(&mut self, epoll: FileKey, file: FileKey) -> Result<()> {
        self.epoll(epoll)?.items.remove(&file).ok_or(Errno::NOENT)?;
        self.epoll(epoll)?.ready.retain(|ready| *ready != file);
        if let Some(watchers) = self.watchers.get_mut(&file) {
            watchers.retain(|watcher| *watcher != epoll);
        }
        Ok(())
    }

    /// Removes all registrations of a closed file.
    pub(super) fn unwatch_everywhere(&mut self, file: FileKey) {
        for epoll in self.watchers.remove(&file).unwrap_or_default() {
            if let Ok(instance) = self.epoll(epoll) {
                instance.items.remove(&file);
                instance.ready.retain(|ready| *ready != file);
            }
        }
    }

    /// Removes a closed instance from the files that it watched.
    pub(super) fn forget_watcher(&mut self, epoll: FileKey) {
        for watchers in self.watchers.values_mut() {
            watchers.retain(|watcher| *watcher != epoll);
        }
    }

    /// Wakes the waiters of a file (`__wake_up_common`): all that are not exclusive, then exclusive ones
    /// until one has a thread that waits. `key` is the reason.
    pub(super) fn wake(&mut self, file: FileKey, key: Mask) {
        let Some(watchers) = self.watchers.get(&file) else { return };
        let watchers = watchers.clone();
        let mut exclusive = Vec::new();
        for epoll in watchers {
            let Ok(instance) = self.epoll(epoll) else { continue };
            let Some(item) = instance.items.get(&file).copied() else { continue };
            if item.exclusive {
                exclusive.push((epoll, item));
            } else if key == ANY || key & (item.interest | ERR | HUP) != 0 {
                instance.push(file);
                instance.waits_until = None;
            }
        }
        for (epoll, item) in exclusive {
            if key != ANY && key & (item.interest | ERR | HUP) == 0 {
                continue;
            }
            let Ok(instance) = self.epoll(epoll) else { continue };
            instance.push(file);
            // A change of state wakes all (`sock_def_wakeup`).
            if instance.waits_until.take().is_some() && key != ANY {
                break;
            }
        }
    }

    /// Takes at most `room` events. Without one, the thread waits until `until`; `None` if it does not
    /// wait.
    pub(super) fn take_events(
        &mut self,
        epoll: FileKey,
        room: usize,
        until: Option<Time>,
    ) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let mut again = Vec::new();
        self.epoll(epoll)?.waits_until = None;
        while events.len() < room {
            let Some(file) = self.epoll(epoll)?.ready.pop_front() else { break };
            let Some(item) = self.epoll(epoll)?.items.get(&file).copied() else { continue };
            let mask = self.poll(file) & (item.interest | ERR | HUP);
            if mask == 0 {
                continue;
            }
            events.push(event(item.token, mask));
            if !item.edge {
                again.push(file);
            }
        }
        let percent = self.conditions.spurious_events;
        if self.random.happens(percent) {
            self.add_spurious_event(epoll, &mut events, room);
        }
        let instance = self.epoll(epoll)?;
        for file in again {
            instance.push(file);
        }
        if events.is_empty() {
            instance.waits_until = until;
        }
        Ok(events)
    }

    /// Reports the present state of a file that nothing has woken: a wake-up may find its cause gone, or
    /// another one in its place.
    fn add_spurious_event(&mut self, epoll: FileKey, events: &mut Vec<Event>, room: usize) {
        let Ok(instance) = self.epoll(epoll) else { return };
        let edges: Vec<(FileKey, Item)> =
            instance.items.iter().filter(|(_, it)| it.edge).map(|(key, it)| (*key, *it)).collect();
        let Some((file, item)) = self.random.choose(&edges) else { return };
        let mask = self.poll(file) & (item.interest | ERR | HUP);
        let reported = events.iter().any(|event| event.token == item.token);
        if mask != 0 && !reported && events.len() < room {
            events.push(event(item.token, mask));
        }
    }
}
