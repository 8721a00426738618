//! Registrations, wake-ups and waits (epoll(7)), and the closing of files.

use crate::sim::state::endpoint::Endpoint;
use crate::sim::state::epoll::{Interest, Item};
use crate::sim::state::file::{File, OpenFile};
use crate::sim::state::listener::Listener;
use crate::sim::state::poll::{ANY, HUP, IN, Mask, OUT, RDHUP};
use crate::sim::state::slab::Key;
use crate::sim::world::World;
use flow::Time;
use sys::{Errno, Event, Result};

/// Registrations that are looked at to find one for a spurious event.
const LOOKS: usize = 4;

impl World {
    pub(crate) fn add_file(&mut self, file: File) -> Key {
        self.files.insert(OpenFile { file, watchers: Vec::new(), taken: 0 })
    }

    /// Closes a file description whose last descriptor was closed.
    pub(crate) fn close(&mut self, key: Key, linger: bool) {
        if let Ok(pipe) = self.pipe(key) {
            pipe.open_ends -= 1;
            if pipe.open_ends > 0 {
                return;
            }
            self.pipe_pages -= self.pipe(key).map_or(0, |pipe| pipe.pages());
        }
        self.unwatch_everywhere(key);
        match self.files.remove(key).map(|open| open.file) {
            Some(File::Tcp(end)) => self.close_end(end, linger),
            Some(File::Unix(side)) => self.close_unix(side),
            Some(File::Listener(listener)) => self.close_listener(key, listener),
            Some(File::Epoll(_)) => self.forget_watcher(key),
            Some(File::Pipe(_) | File::Counter(_)) | None => {}
        }
        self.settle();
    }

    /// The present state of a file, as poll(2) reports it. Like there, a look at a full send buffer asks
    /// for an event when it has room again.
    pub(crate) fn poll(&mut self, key: Key) -> Mask {
        match self.file(key) {
            None | Some(File::Pipe(_) | File::Epoll(_)) => 0,
            Some(File::Listener(listener)) => poll_listener(listener),
            Some(File::Tcp(end)) => {
                let end = *end;
                self.ends.get_mut(end).map_or(HUP | OUT, Endpoint::poll)
            }
            Some(File::Unix(side)) => self.look_at_side(*side),
            Some(File::Counter(count)) => OUT | if *count > 0 { IN } else { 0 },
        }
    }

    /// Registers a file. An item that is ready already is reported by the next wait (`ep_insert`).
    pub(crate) fn watch(&mut self, epoll: Key, file: Key, interest: Interest) -> Result<()> {
        self.epoll(epoll)?;
        if self.item(epoll, file).is_some() {
            return Err(Errno::EXIST);
        }
        let item = self.items.insert(Item { epoll, file, interest, is_woken: false });
        self.files.get_mut(file).ok_or(Errno::BADF)?.watchers.push(item);
        if interest.is_in(self.poll(file)) != 0 {
            self.wake_item(item);
        }
        Ok(())
    }

    fn item(&self, epoll: Key, file: Key) -> Option<Key> {
        let is_of = |item: &Key| self.items.get(*item).is_some_and(|item| item.epoll == epoll);
        self.files.get(file)?.watchers.iter().copied().find(is_of)
    }

    /// Removes a registration.
    pub(crate) fn unwatch(&mut self, epoll: Key, file: Key) -> Result<()> {
        let item = self.item(epoll, file).ok_or(Errno::NOENT)?;
        if let Some(open) = self.files.get_mut(file) {
            open.watchers.retain(|watcher| *watcher != item);
        }
        self.drop_item(item);
        Ok(())
    }

    fn drop_item(&mut self, key: Key) {
        let Some(item) = self.items.remove(key).filter(|item| item.is_woken) else { return };
        if let Ok(epoll) = self.epoll(item.epoll) {
            epoll.woken.retain(|woken| *woken != key);
        }
    }

    /// Removes all registrations of a file that is closed.
    pub(crate) fn unwatch_everywhere(&mut self, file: Key) {
        let Some(open) = self.files.get_mut(file) else { return };
        for item in std::mem::take(&mut open.watchers) {
            self.drop_item(item);
        }
    }

    /// Removes a closed instance from the files that it watched.
    fn forget_watcher(&mut self, epoll: Key) {
        let of_epoll = self.items.iter().filter(|(_, item)| item.epoll == epoll);
        let items: Vec<(Key, Key)> = of_epoll.map(|(key, item)| (key, item.file)).collect();
        for (key, file) in items {
            self.items.remove(key);
            if let Some(open) = self.files.get_mut(file) {
                open.watchers.retain(|watcher| *watcher != key);
            }
        }
    }

    /// Puts an item into the list of its instance. Returns whether a thread was waiting, which is awake
    /// from now on.
    fn wake_item(&mut self, key: Key) -> bool {
        let Some(item) = self.items.get_mut(key) else { return false };
        let (epoll, is_new) = (item.epoll, !item.is_woken);
        item.is_woken = true;
        let Ok(epoll) = self.epoll(epoll) else { return false };
        if is_new {
            epoll.woken.push_back(key);
        }
        epoll.waits_until.take().is_some()
    }

    /// Wakes the waiters of a file (`__wake_up_common`, `ep_poll_callback`): all that are not exclusive,
    /// then exclusive ones until one has a thread that waits. A change of state wakes all of them
    /// (`sock_def_wakeup`). `reason`: [`ANY`], or the events that have happened.
    pub(crate) fn wake(&mut self, file: Key, reason: Mask) {
        for wakes_exclusive in [false, true] {
            for at in 0.. {
                let Some(key) = self.files.get(file).and_then(|open| open.watchers.get(at)) else {
                    break;
                };
                let key = *key;
                let Some(item) = self.items.get(key) else { continue };
                let concerns = reason == ANY || item.interest.is_in(reason) != 0;
                if item.interest.exclusive != wakes_exclusive || !concerns {
                    continue;
                }
                if self.wake_item(key) && wakes_exclusive && reason != ANY {
                    return;
                }
            }
        }
    }

    /// Takes at most `room` events (`ep_send_events`). Without one, the thread waits until `until`, unless
    /// a signal interrupts it; `None` if it does not wait.
    pub(crate) fn take_events(
        &mut self,
        epoll: Key,
        room: usize,
        until: Option<Time>,
        events: &mut Vec<Event>,
    ) -> Result<()> {
        let instance = self.epoll(epoll)?;
        instance.waits_until = None;
        // An item that stays is put behind the others, which it must not meet again in this wait.
        let count = instance.woken.len();
        for _ in 0..count {
            if events.len() == room {
                break;
            }
            self.take_event(epoll, events)?;
        }
        if self.random.happens(self.conditions.spurious_events) && events.len() < room {
            self.add_spurious_event(epoll, events);
        }
        let until = until.filter(|_| events.is_empty());
        if until.is_some() && self.random.happens(self.conditions.interrupted_waits) {
            return Ok(());
        }
        self.epoll(epoll)?.waits_until = until;
        Ok(())
    }

    fn take_event(&mut self, epoll: Key, events: &mut Vec<Event>) -> Result<()> {
        let Some(key) = self.epoll(epoll)?.woken.pop_front() else { return Ok(()) };
        let Some(item) = self.items.get_mut(key) else { return Ok(()) };
        item.is_woken = false;
        let (interest, file) = (item.interest, item.file);
        let mask = interest.is_in(self.poll(file));
        if mask == 0 {
            return Ok(());
        }
        events.push(interest.event(mask));
        if !interest.edge {
            self.wake_item(key);
        }
        Ok(())
    }

    /// Reports the present state of a file that nothing has woken: a wake-up may find its cause gone, or
    /// another one in its place.
    fn add_spurious_event(&mut self, epoll: Key, events: &mut Vec<Event>) {
        for _ in 0..LOOKS {
            let at = self.random.size(&(0..=self.items.places()));
            let Some(item) = self.items.at(at) else { continue };
            let (interest, file) = (item.interest, item.file);
            let is_known = events.iter().any(|event| event.token == interest.token);
            if item.epoll != epoll || !interest.edge || is_known {
                continue;
            }
            let mask = interest.is_in(self.poll(file));
            if mask != 0 {
                return events.push(interest.event(mask));
            }
        }
    }
}

/// `inet_csk_listen_poll` and, for a socket that does not listen, `tcp_poll`; `unix_poll`.
fn poll_listener(listener: &Listener) -> Mask {
    let pending = if listener.queue.is_empty() { 0 } else { IN };
    match (listener.listens, listener.is_shut) {
        (true, false) => pending,
        (true, true) => pending | HUP | IN | RDHUP,
        (false, _) => HUP | OUT,
    }
}
