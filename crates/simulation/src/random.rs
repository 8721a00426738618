//! The source of all choices of a history: seeded numbers, or the bytes of a fuzzer.

pub use flow::mix;

/// Choices, one after the other. The same source gives the same choices.
pub trait Choices {
    /// A number below `bound`, which is at least 1. Zero once the source is empty.
    fn below(&mut self, bound: u32) -> u32;

    /// Whether no choice is left.
    fn is_empty(&self) -> bool;

    /// True in `percent` of 100 cases.
    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `all`, which is not empty.
    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(u32::try_from(all.len()).unwrap_or(u32::MAX)) as usize]
    }

    /// A number from 1 up to `most`; small ones as likely as large ones.
    fn size(&mut self, most: u32) -> u32 {
        let bits = self.below(33 - most.leading_zeros());
        1 + self.below(most.min(1 << bits))
    }
}

/// A generator of numbers: small, seeded by any number, and equal on every host.
#[derive(Clone, Debug)]
pub struct Random(flow::Random);

impl Random {
    /// A generator whose numbers follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(flow::Random::new(seed))
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0.number()
    }
}

impl Choices for Random {
    fn below(&mut self, bound: u32) -> u32 {
        // Below `bound`, which has 32 bits.
        (((self.word() >> 32) * u64::from(bound)) >> 32) as u32
    }

    fn is_empty(&self) -> bool {
        false
    }
}

/// Choices made by the bytes of a fuzzer: each takes the least number of bytes, so that a change of one
/// byte changes one choice.
#[derive(Clone, Debug)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// Choices made by `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl Choices for Bytes<'_> {
    fn below(&mut self, bound: u32) -> u32 {
        let mut number = 0;
        let mut reach = 1;
        while reach < bound {
            let Some((first, rest)) = self.0.split_first() else { break };
            number = number << 8 | u32::from(*first);
            reach = reach.checked_shl(8).filter(|_| reach < 1 << 24).unwrap_or(u32::MAX);
            self.0 = rest;
        }
        number % bound
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A hash of bytes, equal on every host and in every build.
pub fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
    mix(bytes.iter().fold(mix(seed) ^ 0xCBF2_9CE4_8422_2325, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_the_seed_and_stay_below_their_bound() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (1..200).map(|bound| random.below(bound)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).into_iter().zip(1..).all(|(number, bound)| number < bound));
    }

    #[test]
    fn a_byte_makes_a_small_choice_and_empty_bytes_choose_zero() {
        let mut bytes = Bytes::new(&[7, 1, 2, 3]);
        assert_eq!([bytes.below(10), bytes.below(1), bytes.below(60_000)], [7, 0, 258]);
        assert_eq!([bytes.below(256), bytes.below(256)], [3, 0]);
        assert!(bytes.is_empty());
    }

    #[test]
    fn sizes_reach_from_one_to_the_most() {
        let mut random = Random::new(5);
        let sizes: Vec<u32> = (0..10_000).map(|_| random.size(1000)).collect();
        assert!(sizes.iter().all(|size| (1..=1000).contains(size)));
        assert!(sizes.iter().filter(|size| **size < 10).count() > 1000);
        assert!(sizes.iter().filter(|size| **size > 500).count() > 500);
    }
}
