//! The clients of all forwards, with the places that each holds: one table for the process, touched once when a
//! session is admitted and once when it ends. Its memory is bounded, and allocated in parts when clients come.

mod shard;
pub(crate) use shard::{Client, Refused};

use flow::{ClientState, Prefix, Time, mix};
use shard::{ENTRIES, Entry, Key, SETS, Shard};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts of the table, each with its lock. With the entries of a part: 65,536 clients.
const SHARDS: usize = 64;

/// Number of a [`ClientPlace`] whose client has no entry: the table is full.
const OVERFLOW: u32 = u32::MAX;

/// Clients by forward and prefix. A client without places may be forgotten at any time.
pub(crate) struct Clients {
    shards: Box<[Mutex<Shard>]>,
    /// Keeps peers from choosing addresses that meet in one part.
    seed: u64,
}

/// The clients of all forwards at one moment: the table is read once, however many forwards there are.
pub struct ClientSnapshot(HashMap<u32, Vec<Client>>);

/// What the table needs of a forward.
pub(crate) struct ForwardClients {
    /// Unique among the forwards of the process; never zero.
    id: u32,
    /// The entry of clients that find no free one, because the table is full of clients with places.
    overflow: Mutex<Entry>,
}

/// A place of a client in the table. Returned exactly once, by [`Clients::leave`].
#[derive(Debug)]
#[must_use = "a place that is dropped is counted for ever"]
pub(crate) struct ClientPlace(NonZeroU32);

impl ForwardClients {
    pub(crate) fn new(id: NonZeroU32) -> Self {
        Self { id: id.get(), overflow: Mutex::default() }
    }
}

impl ClientSnapshot {
    /// Takes the clients of a forward out.
    pub(crate) fn take(&mut self, forward: &ForwardClients) -> Vec<Client> {
        let mut clients = self.0.remove(&forward.id).unwrap_or_default();
        let overflow = lock(&forward.overflow);
        if overflow.is_shown() {
            clients.push(overflow.shown(None));
        }
        clients
    }
}

impl ClientPlace {
    /// A number for comparison: equal for places of one client.
    pub(crate) fn number(&self) -> u32 {
        self.0.get()
    }

    /// The shard and the entry; `None` for the overflow entry.
    fn into_position(self) -> Option<(usize, usize)> {
        let at = self.0.get() as usize - 1;
        (self.0.get() != OVERFLOW).then_some((at / ENTRIES, at % ENTRIES))
    }
}

impl Clients {
    /// An empty table, without memory for clients.
    pub(crate) fn new(seed: u64) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), seed }
    }

    /// Counts one more place of a client, as `admit` decides: it gets the state of the client, and returns the
    /// new one, with what it has taken for the session. Meanwhile, no other worker decides about this client.
    ///
    /// # Errors
    /// That of `admit`. `Some` is a limit of the client, and is counted as its refusal.
    #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
    pub(crate) fn enter<T, E>(
        &self,
        forward: &ForwardClients,
        client: Prefix,
        now: Time,
        admit: impl FnOnce(ClientState) -> Result<(ClientState, T), Option<E>>,
    ) -> Result<(ClientPlace, T), Option<Refused<E>>> {
        let key = Key { forward: forward.id, address: client.mapped_bits() };
        let hash = self.hash(key);
        let number = hash as usize % SHARDS;
        let sets = [hash >> 8, hash >> 32].map(|bits| bits as usize % SETS);
        let mut shard = lock(&self.shards[number]);
        if let Some(at) = shard.entry_of(key, sets) {
            let taken = shard.at(at).enter(key, now, admit)?;
            return Ok((place(number * ENTRIES + at), taken));
        }
        drop(shard);
        let taken = lock(&forward.overflow).enter(key, now, admit)?;
        Ok((ClientPlace(NonZeroU32::MAX), taken))
    }

    /// Returns a place.
    pub(crate) fn leave(&self, forward: &ForwardClients, place: ClientPlace) {
        self.with(forward, place, Entry::leave);
    }

    /// The clients of all forwards, as [`Self::of`] has them.
    pub(crate) fn snapshot(&self) -> ClientSnapshot {
        let mut all = HashMap::<u32, Vec<Client>>::new();
        for shard in &self.shards {
            for entry in lock(shard).entries().iter().filter(|entry| entry.is_shown()) {
                let client = entry.shown(Some(entry.address()));
                all.entry(entry.forward()).or_default().push(client);
            }
        }
        ClientSnapshot(all)
    }

    /// The clients of a forward that hold places, or were refused and are not forgotten.
    pub(crate) fn of(&self, forward: &ForwardClients) -> Vec<Client> {
        let mut clients = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            let its = shard.entries().iter().filter(|it| it.is_of(forward.id) && it.is_shown());
            clients.extend(its.map(|entry| entry.shown(Some(entry.address()))));
        }
        let overflow = lock(&forward.overflow);
        if overflow.is_shown() {
            clients.push(overflow.shown(None));
        }
        clients
    }

    /// The numbers of places by [`ClientPlace::number`], for the audit.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.shards.iter().enumerate().flat_map(|(number, shard)| {
            let shard = lock(shard);
            let places = shard.entries().iter().map(Entry::places).enumerate();
            let held = places.filter(|(_, places)| *places > 0);
            let numbered = held.map(|(at, places)| (place(number * ENTRIES + at).number(), places));
            numbered.collect::<Vec<_>>()
        })
    }

    fn with(&self, forward: &ForwardClients, place: ClientPlace, change: impl FnOnce(&mut Entry)) {
        match place.into_position() {
            Some((shard, at)) => change(lock(&self.shards[shard]).at(at)),
            None => change(&mut lock(&forward.overflow)),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "both halves of the address are used")]
    fn hash(&self, key: Key) -> u64 {
        let Key { forward, address } = key;
        let high = mix(self.seed ^ (address >> 64) as u64);
        mix(mix(high ^ address as u64) ^ u64::from(forward))
    }
}

fn place(at: usize) -> ClientPlace {
    let number = u32::try_from(at + 1).ok().and_then(NonZeroU32::new);
    ClientPlace(number.expect("the table has fewer entries"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(loom)))]
mod tests;
