//! Numbered places for sessions; the numbers are what epoll reports.

/// Values with small numbers that are used again.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Puts a value into a free place: the number of the place.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        let index = self.free.pop().unwrap_or(self.places.len());
        if index == self.places.len() {
            self.places.push(Some(value));
        } else {
            self.places[index] = Some(value);
        }
        index
    }

    /// The value in a place, if there is one.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.places.get_mut(index)?.as_mut()
    }

    /// Empties a slot and returns its contents.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        let value = self.places.get_mut(index)?.take()?;
        self.free.push(index);
        Some(value)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The numbers of all places that hold a value.
    pub(crate) fn indices(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|index| self.places[*index].is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again() {
        let mut slots = Slots::new();
        let (a, b) = (slots.insert("a"), slots.insert("b"));
        assert_eq!(slots.remove(a), Some("a"));
        assert_eq!(slots.remove(a), None);
        assert_eq!(slots.len(), 1);
        assert_eq!(slots.insert("c"), a);
        assert_eq!(slots.get_mut(a), Some(&mut "c"));
        assert_eq!(slots.indices(), [a, b]);
    }
}
