//! The listeners of a worker: which of them are polled, and why the others are not.

use crate::audit::{AcceptorAudit, GateAudit, ListenerAudit};
use crate::change::Listening;
use flow::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Descriptor as _, Epoll as _, Kernel};

/// Pause of a listener after accept(2) failed for lack of a resource.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Listeners by number. A listener that is not polled is in one of the two sets.
pub(crate) struct Acceptor<K: Kernel> {
    listeners: BTreeMap<u32, Arc<Listening<K>>>,
    /// Not polled: a gate or the targets have no room for their clients.
    full: BTreeSet<u32>,
    /// Time at which the full listeners are polled again in any case: a target may be tried then.
    room_at: Option<Time>,
    /// Not polled: a resource was missing.
    exhausted: BTreeSet<u32>,
    /// Time at which the exhausted listeners are polled again.
    retry_at: Option<Time>,
}

impl<K: Kernel> Acceptor<K> {
    /// An acceptor without listeners.
    pub(crate) fn new() -> Self {
        Self {
            listeners: BTreeMap::new(),
            full: BTreeSet::new(),
            room_at: None,
            exhausted: BTreeSet::new(),
            retry_at: None,
        }
    }

    /// The numbers of all listeners.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.listeners.keys().copied().collect()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Arc<Listening<K>>> {
        self.listeners.get(&number)
    }

    /// Polls a new listener; attaches a known one to another route.
    pub(crate) fn listen(
        &mut self,
        number: u32,
        listening: Arc<Listening<K>>,
        epoll: &K::Epoll,
        now: Time,
    ) {
        let is_known = self.listeners.insert(number, listening).is_some();
        // The listener was set aside under the rules of its old route (the limit, and whether
        // clients wait). Decide again under those of the new one.
        if self.clear(number) || !is_known {
            self.poll(number, epoll, now);
        }
    }

    /// Polls a listener (again). If the kernel refuses (ENOMEM, or its limit of watches), it is
    /// tried again like any exhausted resource.
    pub(crate) fn poll(&mut self, number: u32, epoll: &K::Epoll, now: Time) {
        let Some(listening) = self.listeners.get(&number) else { return };
        if epoll.add_listener(&listening.socket, u64::from(number)).is_err() {
            self.exhausted.insert(number);
            self.retry_at = Some(now.after(EXHAUSTED_PAUSE));
        }
    }

    /// Stops polling a listener until there is room again ([`Self::take_full`]), or until this time.
    pub(crate) fn wait_for_room(&mut self, number: u32, epoll: &K::Epoll, until: Time) {
        self.unpoll(number, epoll);
        self.full.insert(number);
        if until != Time::NEVER {
            self.room_at = Some(self.room_at.map_or(until, |at| at.min(until)));
        }
    }

    /// Stops polling a listener for [`EXHAUSTED_PAUSE`]: a resource is missing.
    pub(crate) fn pause(&mut self, number: u32, epoll: &K::Epoll, now: Time) {
        self.unpoll(number, epoll);
        self.exhausted.insert(number);
        self.retry_at.get_or_insert(now.after(EXHAUSTED_PAUSE));
    }

    /// Forgets a listener and stops polling it.
    pub(crate) fn remove(&mut self, number: u32, epoll: &K::Epoll) {
        // Closing the socket is not enough: another worker may hold it longer, and epoll would wake
        // this worker for it until then.
        self.unpoll(number, epoll);
        self.listeners.remove(&number);
        self.clear(number);
    }

    /// Takes the listeners that wait for room; the caller polls them again.
    pub(crate) fn take_full(&mut self) -> Vec<u32> {
        self.room_at = None;
        std::mem::take(&mut self.full).into_iter().collect()
    }

    /// Takes the exhausted listeners; the caller polls them again.
    pub(crate) fn take_exhausted(&mut self) -> Vec<u32> {
        self.retry_at = None;
        std::mem::take(&mut self.exhausted).into_iter().collect()
    }

    /// Time at which to call [`Self::take_exhausted`]; `None` if no listener is exhausted.
    pub(crate) fn retry_at(&self) -> Option<Time> {
        self.retry_at
    }

    /// Time at which to call [`Self::take_full`] without a wake-up; `None` if no back-off ends.
    pub(crate) fn room_at(&self) -> Option<Time> {
        self.room_at
    }

    /// Cancels the retries of suspended listeners: all listeners are about to be removed.
    pub(crate) fn stop_retrying(&mut self) {
        (self.retry_at, self.room_at) = (None, None);
    }

    /// The present state, as plain data.
    pub(crate) fn audit(&self) -> AcceptorAudit {
        let listener = |(number, listening): (&u32, &Arc<Listening<K>>)| ListenerAudit {
            number: *number,
            descriptor: listening.socket.number(),
            name: Arc::clone(&listening.route.forward.name),
            claims: listening.route.claims().taken(),
            forward: GateAudit::of(&listening.route.forward.gate),
            route: Arc::as_ptr(&listening.route).addr(),
        };
        AcceptorAudit {
            listeners: self.listeners.iter().map(listener).collect(),
            full: self.full.clone(),
            exhausted: self.exhausted.clone(),
            retry_at: self.retry_at,
            room_at: self.room_at,
        }
    }

    fn unpoll(&self, number: u32, epoll: &K::Epoll) {
        let Some(listening) = self.listeners.get(&number) else { return };
        // Fails only if the listener was not polled, which is the goal.
        let _ = epoll.remove(&listening.socket);
    }

    /// Removes a listener from both sets. True if it was in one, and so not polled.
    fn clear(&mut self, number: u32) -> bool {
        self.full.remove(&number) | self.exhausted.remove(&number)
    }
}
