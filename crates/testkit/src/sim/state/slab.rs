//! A table whose keys are never used twice.

/// Names a value of a [`Slab`]: its place, and how often the place was used.
pub(crate) type Key = u64;

/// Values by key. Their order is that of their places, not that of their insertion.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    /// Number of values that the place has held.
    uses: u32,
    value: Option<T>,
}

fn key(place: u32, uses: u32) -> Key {
    u64::from(uses) << 32 | u64::from(place)
}

fn index(key: Key) -> usize {
    usize::try_from(key & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> Key {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { uses: 0, value: None });
            u32::try_from(self.places.len() - 1).expect("fewer than 2^32 values")
        });
        let at = &mut self.places[place as usize];
        at.uses += 1;
        at.value = Some(value);
        key(place, at.uses)
    }

    fn place(&self, key: Key) -> Option<&Place<T>> {
        self.places.get(index(key)).filter(|place| u64::from(place.uses) == key >> 32)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.place(key)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(index(key))?;
        if u64::from(place.uses) == key >> 32 { place.value.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let value =
            self.places.get_mut(index(key)).filter(|place| u64::from(place.uses) == key >> 32);
        let value = value?.value.take()?;
        self.free.push(u32::try_from(index(key)).expect("a place of this table"));
        Some(value)
    }

    /// Number of places, used or free.
    pub(crate) fn places(&self) -> usize {
        self.places.len()
    }

    /// The value of a place.
    pub(crate) fn at(&self, place: usize) -> Option<&T> {
        self.places.get(place)?.value.as_ref()
    }

    /// All values with their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(at, place)| {
            let at = u32::try_from(at).ok()?;
            place.value.as_ref().map(|value| (key(at, place.uses), value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_removed_value_names_nothing() {
        let mut slab = Slab::default();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_ne!(first, second);
        assert_eq!((slab.get(first), slab.get(second)), (None, Some(&'b')));
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(second, &'b')]);
    }
}
