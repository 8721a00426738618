//! Pipes (pipe(7)).

use std::collections::VecDeque;

/// Bytes of a page: the size of a slot.
pub(crate) const PAGE: usize = 4096;

/// Bytes in one slot.
#[derive(Debug)]
struct Fragment {
    bytes: Vec<u8>,
    /// Bytes at the front that were taken.
    taken: usize,
}

impl Fragment {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

/// A pipe. Each fragment takes a slot, however short it is.
#[derive(Debug)]
pub(crate) struct Pipe {
    fragments: VecDeque<Fragment>,
    pub(crate) capacity: usize,
    /// Ends that are open.
    pub(crate) open_ends: u32,
}

impl Pipe {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { fragments: VecDeque::new(), capacity, open_ends: 2 }
    }

    /// Number of bytes in the pipe.
    pub(crate) fn held(&self) -> usize {
        self.fragments.iter().map(|fragment| fragment.rest().len()).sum()
    }

    pub(crate) fn pages(&self) -> usize {
        self.capacity / PAGE
    }

    pub(crate) fn has_free_slot(&self) -> bool {
        self.fragments.len() < self.pages()
    }

    pub(crate) fn push(&mut self, bytes: Vec<u8>) {
        self.fragments.push_back(Fragment { bytes, taken: 0 });
    }

    /// The bytes of the first slots, at most `most`.
    pub(crate) fn first(&self, slots: usize, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for fragment in self.fragments.iter().take(slots) {
            let rest = fragment.rest();
            bytes.extend_from_slice(&rest[..rest.len().min(most - bytes.len())]);
        }
        bytes
    }

    /// Removes bytes from the front.
    pub(crate) fn skip(&mut self, mut count: usize) {
        while let Some(fragment) = self.fragments.front_mut() {
            let taken = count.min(fragment.rest().len());
            fragment.taken += taken;
            count -= taken;
            if !fragment.rest().is_empty() {
                return;
            }
            self.fragments.pop_front();
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let bytes = self.first(usize::MAX, buffer.len());
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.skip(bytes.len());
        bytes.len()
    }
}
