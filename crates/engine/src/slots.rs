//! A table of records under stable keys, in chunks: records never move, and empty chunks are freed.

/// Records per chunk. A chunk of sessions is larger than the allocator's mmap threshold, so that
/// freeing it returns its memory to the kernel.
const CHUNK: usize = 1024;
/// Number of chunks that holds 2^31 records, one per index.
const MOST_CHUNKS: usize = (1 << 31) / CHUNK;
const _: () = assert!(MOST_CHUNKS * CHUNK <= u32::MAX as usize, "places are counted in 32 bits");

/// The key of a record: its index, and a generation. The key of a removed record finds nothing, even
/// when its place is in use again: an event that was pending when its session ended cannot reach
/// another session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The place in the table, unique among the present records.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// Both parts as one number. The generation is never 0, so numbers below 2^32 are no keys.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The reverse of [`Self::to_bits`]; `None` for a number that is no key.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        let generation = (bits >> 32) as u32;
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        (generation != 0).then_some(Self { index: bits as u32, generation })
    }
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

struct Chunk<T> {
    slots: Box<[Slot<T>]>,
    used: usize,
}

/// A table of records with stable keys.
pub struct Slots<T> {
    /// `None` where a chunk was freed.
    chunks: Vec<Option<Chunk<T>>>,
    /// Free places as a stack: the last freed is used first, since its memory is warm.
    free: Vec<u32>,
    /// The generation of the next record.
    generation: u32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slots<T> {
    /// A table without records or chunks.
    pub fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), generation: 1 }
    }

    /// Adds the record that `make` returns for its key.
    ///
    /// # Panics
    ///
    /// At 2^31 records: no host can open that many sockets.
    pub fn insert(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        if self.free.is_empty() {
            self.grow();
        }
        let index = self.free.pop().expect("grow() made free places");
        let key = Key { index, generation: self.generation };
        // Skips 0. A generation repeats after 2^32 - 1 records, long after all events of the first have
        // been read.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        let (chunk, place) = split(index);
        let chunk = self.chunks[chunk].as_mut().expect("free places are in living chunks");
        chunk.used += 1;
        chunk.slots[place] = Slot { generation: key.generation, value: Some(make(key)) };
        key
    }

    /// The generation of the next record.
    pub(crate) fn next_generation(&self) -> u32 {
        self.generation
    }

    /// Fills an empty table with records under their keys in a previous table, which had this
    /// `next_generation`. Returns records whose place is taken by an earlier one.
    pub(crate) fn fill(&mut self, records: Vec<(Key, T)>, next_generation: u32) -> Vec<T> {
        self.generation = next_generation.max(1);
        let mut left_over = Vec::new();
        for (key, value) in records {
            let (at, place) = split(key.index);
            while self.chunks.len() <= at && at < MOST_CHUNKS {
                self.chunks.push(None);
            }
            let Some(chunk) = self.chunks.get_mut(at) else {
                left_over.push(value);
                continue;
            };
            let chunk = chunk.get_or_insert_with(empty_chunk);
            let slot = &mut chunk.slots[place];
            if slot.value.is_some() {
                left_over.push(value);
            } else {
                *slot = Slot { generation: key.generation, value: Some(value) };
                chunk.used += 1;
            }
        }
        self.find_free();
        left_over
    }

    /// Rebuilds the stack of free places, the lowest on top: the table stays dense at its beginning.
    fn find_free(&mut self) {
        self.free.clear();
        for index in (0..self.places()).rev() {
            let (at, place) = split(index);
            if self.chunks[at].as_ref().is_some_and(|chunk| chunk.slots[place].value.is_none()) {
                self.free.push(index);
            }
        }
    }

    fn grow(&mut self) {
        let at = self.chunks.iter().position(Option::is_none).unwrap_or(self.chunks.len());
        assert!(at < MOST_CHUNKS, "no host has 2^31 sockets");
        let chunk = Some(empty_chunk());
        if at == self.chunks.len() {
            self.chunks.push(chunk);
        } else {
            self.chunks[at] = chunk;
        }
        // The lowest on top: the table stays dense at its beginning.
        self.free.extend((first_place(at)..first_place(at + 1)).rev());
    }

    /// The record with this key, unless it was removed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (chunk, place) = split(key.index);
        let slot = &mut self.chunks.get_mut(chunk)?.as_mut()?.slots[place];
        (slot.generation == key.generation).then_some(())?;
        slot.value.as_mut()
    }

    /// The key of the record at `index`, if there is one.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        let (chunk, place) = split(index);
        let slot = &self.chunks.get(chunk)?.as_ref()?.slots[place];
        slot.value.as_ref().map(|_| Key { index, generation: slot.generation })
    }

    /// Removes the record with this key and returns it.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let (at, place) = split(key.index);
        let chunk = self.chunks.get_mut(at)?.as_mut()?;
        let slot = &mut chunk.slots[place];
        (slot.generation == key.generation).then_some(())?;
        let value = slot.value.take()?;
        chunk.used -= 1;
        self.free.push(key.index);
        Some(value)
    }

    /// Frees all empty chunks but one, which the next records use. Returns their number. Visits all
    /// free places: not for every removal.
    pub(crate) fn give_back(&mut self) -> usize {
        let empty = |chunk: &Option<Chunk<T>>| chunk.as_ref().is_some_and(|chunk| chunk.used == 0);
        let surplus: Vec<usize> =
            (0..self.chunks.len()).filter(|at| empty(&self.chunks[*at])).skip(1).collect();
        for at in &surplus {
            self.chunks[*at] = None;
        }
        if !surplus.is_empty() {
            self.free.retain(|index| self.chunks[split(*index).0].is_some());
            self.free.shrink_to_fit();
        }
        surplus.len()
    }

    /// Number of places. The indices of all records are below it.
    pub(crate) fn places(&self) -> u32 {
        first_place(self.chunks.len())
    }

    /// The keys of all records, in the order of their places.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        for (at, chunk) in self.chunks.iter().enumerate() {
            let Some(chunk) = chunk else { continue };
            let present =
                (first_place(at)..).zip(&chunk.slots).filter(|(_, it)| it.value.is_some());
            // The places behind the last record of a chunk are not visited.
            let of_chunk = present.take(chunk.used);
            keys.extend(of_chunk.map(|(index, slot)| Key { index, generation: slot.generation }));
        }
        keys
    }
}

fn empty_chunk<T>() -> Chunk<T> {
    let slots = (0..CHUNK).map(|_| Slot { generation: 0, value: None }).collect();
    Chunk { slots, used: 0 }
}

/// Size of one place of the table, in bytes.
#[cfg(test)]
pub(crate) fn slot_size<T>() -> usize {
    size_of::<Slot<T>>()
}

/// The index of the first place in a chunk.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are at most MOST_CHUNKS, asserted above"
)]
fn first_place(chunk: usize) -> u32 {
    (chunk * CHUNK) as u32
}

fn split(index: u32) -> (usize, usize) {
    (index as usize / CHUNK, index as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_number_does_not_find_a_new_record() {
        let mut slots = Slots::new();
        let first = slots.insert(|_| "first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert(|_| "second");
        assert_eq!(first.index(), second.index(), "the place is used again");
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "second"));
        assert_eq!(Key::from_bits(second.to_bits()), Some(second));
        assert_eq!(Key::from_bits(u64::from(u32::MAX)), None);
    }

    #[test]
    fn another_table_has_the_records_of_this_one_under_the_same_keys() {
        let mut slots = Slots::new();
        let keys: Vec<Key> = (0..3 * CHUNK).map(|i| slots.insert(|_| i)).collect();
        for key in keys.iter().filter(|key| key.index() % 3 != 0) {
            slots.remove(*key);
        }
        let records = slots.keys().into_iter().map(|key| (key, key.index() as usize));
        let mut records: Vec<_> = records.collect();
        records.push((keys[3], 0));
        let mut again = Slots::new();
        assert_eq!(again.fill(records, slots.next_generation()), [0], "its place is taken");
        assert_eq!(again.keys(), slots.keys());
        let new = again.insert(|_| 7);
        assert_eq!(new.index(), 1, "the lowest that is free");
        assert!(keys.iter().all(|key| *key != new));
        assert_eq!(again.get_mut(new), Some(&mut 7));
    }

    #[test]
    fn empty_chunks_are_given_back_and_grow_again() {
        let mut slots = Slots::new();
        let keys: Vec<Key> = (0..5 * CHUNK).map(|i| slots.insert(|_| i)).collect();
        let survivor = keys[4 * CHUNK + 7];
        for key in keys.iter().filter(|key| **key != survivor) {
            slots.remove(*key);
        }
        assert_eq!(slots.give_back(), 3, "four are empty, one of them stays");
        assert_eq!(slots.give_back(), 0);
        assert_eq!(slots.get_mut(survivor), Some(&mut (4 * CHUNK + 7)));
        assert_eq!(slots.keys(), [survivor]);
        let again: Vec<Key> = (0..5 * CHUNK).map(|i| slots.insert(|_| i)).collect();
        for (mut i, key) in again.into_iter().enumerate() {
            assert_eq!(slots.get_mut(key), Some(&mut i));
        }
        assert_eq!(slots.keys().len(), 5 * CHUNK + 1);
    }
}
