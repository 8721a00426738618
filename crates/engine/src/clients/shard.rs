//! A part of the table of clients: sets of entries. A client has its entry in one of two sets, so that few
//! clients find both full before the table is. An entry stays at its place while its client holds places.

use flow::{ClientState, Time};

/// Entries of a set, which are searched one after the other.
const WAYS: usize = 16;
/// Sets of a part.
pub(super) const SETS: usize = 64;
/// Entries of a part.
pub(super) const ENTRIES: usize = WAYS * SETS;

/// The identity of a client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) forward: u32,
    pub(super) address: u128,
}

/// A client that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused<E> {
    /// The limit.
    pub(crate) limit: E,
    /// Places that it holds.
    pub(crate) places: u32,
}

/// A client in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The bits of its prefix; `None` stands for all clients without an entry of their own.
    pub(crate) address: Option<u128>,
    pub(crate) places: u32,
    pub(crate) refused: u32,
    /// When it took the first of its places.
    pub(crate) since: Time,
}

/// The memory of a client: 32 bytes for decisions, and 8 for views.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry {
    /// High and low half.
    address: [u64; 2],
    /// See [`ClientState`].
    rate: u64,
    places: u32,
    /// Zero if the entry is not in use.
    forward: u32,
    /// When it took the first of its places, in seconds.
    since: u32,
    refused: u32,
}

/// The entries of a part; none before the first client.
#[derive(Default)]
pub(super) struct Shard(Box<[Entry]>);

impl Shard {
    /// The position of a client's entry, or of the one that a new client gets. `None` if all entries of both
    /// sets have places.
    pub(super) fn entry_of(&mut self, key: Key, sets: [usize; 2]) -> Option<usize> {
        if self.0.is_empty() {
            self.0 = vec![Entry::default(); ENTRIES].into();
        }
        let known = |set: &usize| self.set(*set).iter().position(|it| it.key() == key);
        if let Some((set, at)) = sets.iter().find_map(|set| Some((*set, known(set)?))) {
            return Some(set * WAYS + at);
        }
        let busy = |set: &usize| self.set(*set).iter().filter(|it| it.places > 0).count();
        let set = sets.into_iter().min_by_key(busy)?;
        let idle = self.set(set).iter().enumerate().filter(|(_, it)| it.places == 0);
        // The client whose rate is over first; an unused entry comes before all.
        let (at, _) = idle.min_by_key(|(_, it)| (it.forward > 0, it.rate))?;
        let at = set * WAYS + at;
        self.0[at] = Entry::default();
        Some(at)
    }

    fn set(&self, set: usize) -> &[Entry] {
        &self.0[set * WAYS..(set + 1) * WAYS]
    }

    pub(super) fn at(&mut self, at: usize) -> &mut Entry {
        &mut self.0[at]
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }
}

impl Entry {
    /// Counts one more place, as `admit` decides; see [`Clients::enter`](super::Clients::enter).
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    pub(super) fn enter<T, E>(
        &mut self,
        key: Key,
        now: Time,
        admit: impl FnOnce(ClientState) -> Result<(ClientState, T), Option<E>>,
    ) -> Result<T, Option<Refused<E>>> {
        let before = self.state();
        let admitted = admit(before);
        if !matches!(admitted, Err(None)) {
            self.address = [(key.address >> 64) as u64, key.address as u64];
            self.forward = key.forward;
        }
        let (after, taken) = admitted.map_err(|limit| {
            self.refused = self.refused.saturating_add(limit.is_some().into());
            limit.map(|limit| Refused { limit, places: before.places })
        })?;
        self.set_state(after);
        if before.places == 0 {
            self.since = u32::try_from(now.as_millis() / 1000).unwrap_or(u32::MAX);
        }
        Ok(taken)
    }

    /// Returns a place. The last one frees the entry, unless it says more about the client.
    pub(super) fn leave(&mut self) {
        debug_assert!(self.places > 0, "a place of a client is returned twice");
        self.places = self.places.saturating_sub(1);
        if self.state() == ClientState::default() && self.refused == 0 {
            *self = Self::default();
        }
    }

    fn state(&self) -> ClientState {
        ClientState { places: self.places, rate: self.rate }
    }

    fn set_state(&mut self, state: ClientState) {
        (self.places, self.rate) = (state.places, state.rate);
    }

    fn key(&self) -> Key {
        Key { forward: self.forward, address: self.address() }
    }

    pub(super) fn address(&self) -> u128 {
        u128::from(self.address[0]) << 64 | u128::from(self.address[1])
    }

    pub(super) fn forward(&self) -> u32 {
        self.forward
    }

    pub(super) fn is_of(&self, forward: u32) -> bool {
        self.forward == forward
    }

    /// Whether it says more than the rate of a past client.
    pub(super) fn is_shown(&self) -> bool {
        self.places > 0 || self.refused > 0
    }

    pub(super) fn places(&self) -> u32 {
        self.places
    }

    pub(super) fn shown(&self, address: Option<u128>) -> Client {
        Client {
            address,
            places: self.places,
            refused: self.refused,
            since: Time::from_micros(u64::from(self.since) * 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_40_bytes() {
        assert_eq!(size_of::<Entry>(), 40);
    }
}
