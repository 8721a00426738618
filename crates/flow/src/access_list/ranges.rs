//! The verdict on each address of a family: ranges, and a directory that finds the range of an address.

/// An address as a number.
pub(super) trait Bits: Copy + Ord {
    const WIDTH: u32;

    /// `count` bits of it, above the lowest `shift`.
    fn slice(self, shift: u32, count: u32) -> usize;
}

impl Bits for u32 {
    const WIDTH: u32 = Self::BITS;

    fn slice(self, shift: u32, count: u32) -> usize {
        (self >> shift) as usize & ((1 << count) - 1)
    }
}

impl Bits for u128 {
    const WIDTH: u32 = Self::BITS;

    fn slice(self, shift: u32, count: u32) -> usize {
        (self >> shift) as usize & ((1 << count) - 1)
    }
}

/// All addresses of a family, in ranges with alternating verdicts.
///
/// A binary search over 100,000 ranges reads a cache line for most of its steps, which took 100 ns beside other
/// work. The directory leaves two or three lines: it is a tree whose nodes consume some bits of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges<T> {
    /// The verdict on the first range.
    is_first_allowed: bool,
    /// The first address of each further range, ascending.
    starts: Box<[T]>,
    /// The first node is the root.
    nodes: Box<[Node]>,
    /// For each value of a node's bits: the number of starts below, or [`CHILD`] and the position of a node.
    slots: Box<[u32]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    /// Position of its slots.
    at: u32,
    /// Lower bits of the address that are left to its children.
    shift: u8,
    /// Number of bits that choose the slot.
    bits: u8,
}

const CHILD: u32 = 1 << 31;

/// Starts below one slot, up to which they are compared one by one.
const FEW: usize = 8;

/// Bits of a node at most: 256 KiB, which stays in a cache of the processor.
const MOST_BITS: u32 = 16;

impl<T: Bits> Ranges<T> {
    pub(super) fn new(is_first_allowed: bool, starts: Vec<T>) -> Self {
        let mut directory = Directory { nodes: Vec::new(), slots: Vec::new() };
        directory.add(&starts, 0, T::WIDTH);
        let Directory { nodes, slots } = directory;
        let (nodes, slots) = (nodes.into(), slots.into());
        Self { is_first_allowed, starts: starts.into(), nodes, slots }
    }

    pub(super) fn allows(&self, address: T) -> bool {
        self.is_first_allowed ^ (self.begun(address) % 2 == 1)
    }

    /// Number of the ranges behind the first that begin at or before the address.
    fn begun(&self, address: T) -> usize {
        let mut number = 0;
        loop {
            let Node { at, shift, bits } = self.nodes[number];
            let slot = self.slots[at as usize + address.slice(shift.into(), bits.into())];
            if slot & CHILD == 0 {
                // Starts of the next slots are above the address.
                let below = slot as usize;
                let here = self.starts[below..].iter().take_while(|start| **start <= address);
                return below + here.count();
            }
            number = (slot - CHILD) as usize;
        }
    }
}

/// The parts of [`Ranges`] that find a range, while they grow.
struct Directory {
    nodes: Vec<Node>,
    slots: Vec<u32>,
}

impl Directory {
    /// Adds the node for these starts, which differ in their lowest `width` bits only, and its children.
    /// `below` is the number of starts before them.
    fn add<T: Bits>(&mut self, starts: &[T], below: usize, width: u32) {
        // About one start for each slot.
        let bits = starts.len().checked_ilog2().map_or(1, |log| log + 1).min(MOST_BITS).min(width);
        let (at, shift) = (self.slots.len(), width - bits);
        self.slots.resize(at + (1 << bits), 0);
        self.nodes.push(Node { at: number(at), shift: small(shift), bits: small(bits) });
        let mut begin = 0;
        for slot in 0..1 << bits {
            let rest = &starts[begin..];
            let here = &rest[..rest.partition_point(|start| start.slice(shift, bits) <= slot)];
            self.slots[at + slot] = if here.len() > FEW {
                CHILD | number(self.nodes.len())
            } else {
                number(below + begin)
            };
            if here.len() > FEW {
                self.add(here, below + begin, shift);
            }
            begin += here.len();
        }
    }
}

/// A position in the directory, which has about as many slots as there are starts.
fn number(position: usize) -> u32 {
    let number = u32::try_from(position).ok().filter(|number| number & CHILD == 0);
    number.expect("the lists of a forward have some million prefixes at most")
}

fn small(bits: u32) -> u8 {
    bits.try_into().expect("an address has 128 bits at most")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_right<T: Bits + std::fmt::Debug>(mut starts: Vec<T>, addresses: &[T]) {
        starts.sort_unstable();
        starts.dedup();
        let ranges = Ranges::new(false, starts.clone());
        for address in starts.iter().chain(addresses) {
            let begun = starts.partition_point(|start| start <= address);
            assert_eq!(ranges.begun(*address), begun, "{address:?}");
        }
    }

    #[test]
    fn ranges_side_by_side_are_found() {
        assert_right((0..100_000u32).map(|number| number << 3).collect(), &[u32::MAX]);
        assert_right((0..100_000u32).collect(), &[100_001, u32::MAX]);
        assert_right((0..100_000u32).map(|number| u32::MAX - number).collect(), &[0]);
        assert_right((0..100_000u128).collect(), &[100_001, u128::MAX]);
        assert_right((0..100_000u128).map(|number| 0x2001 << 112 | number).collect(), &[0]);
    }

    /// Each node has one slot with nearly all starts: the deepest directory.
    #[test]
    fn ranges_ever_closer_to_each_other_are_found() {
        let starts = |at: u32| (0..128).map(move |bit| 1u128 << bit | u128::from(at));
        assert_right((0..32).flat_map(starts).collect(), &[0, u128::MAX]);
    }

    proptest! {
        #[test]
        fn each_range_is_found(
            seeds in prop::collection::vec((any::<u128>(), 0u32..128), 0..40),
            others in prop::collection::vec((any::<u128>(), 0u32..128), 8),
        ) {
            // Random in their lowest bits only, so that there are clusters of each size.
            let clustered = |seeds: &[(u128, u32)]| -> Vec<u128> {
                let cluster = |&(bits, shift): &(u128, u32)| {
                    (0..20).map(move |number| bits.rotate_left(number) >> shift)
                };
                seeds.iter().flat_map(cluster).collect()
            };
            assert_right(clustered(&seeds), &clustered(&others));
            #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
            let v4 = |all: Vec<u128>| all.into_iter().map(|bits| bits as u32).collect::<Vec<_>>();
            assert_right(v4(clustered(&seeds)), &v4(clustered(&others)));
        }
    }
}
