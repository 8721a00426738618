//! Random numbers that follow from a seed (SplitMix64: <https://prng.di.unimi.it/splitmix64.c>). Not for secrets.

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of random numbers, decided by its seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of several unrelated sequences of a seed.
    pub fn of_several(seed: u64, index: usize) -> Self {
        let mut random = Self(seed ^ (index as u64).wrapping_mul(STEP));
        Self(random.number())
    }

    /// The next number; all 64 bits are random.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// The next number, below `limit`; 0 if the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The high half of a product is below each factor, and has 64 bits.
        ((u128::from(limit) * u128::from(self.number())) >> 64) as u64
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// A number whose bits all depend on all bits of this one, so that close numbers become unrelated ones.
pub fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the generator's authors for the seed 1234567.
    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        let numbers = std::array::from_fn(|_| random.number());
        let expected: [u64; 3] =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn numbers_below_a_limit_reach_each_of_them() {
        let mut random = Random::new(7);
        let mut counts = [0; 5];
        (0..1000).for_each(|_| counts[usize::try_from(random.below(5)).unwrap()] += 1);
        assert!(counts.iter().all(|count| (150..250).contains(count)), "{counts:?}");
        assert_eq!((random.below(0), random.below(1)), (0, 0));
    }

    #[test]
    fn several_sequences_of_a_seed_differ() {
        let first = |index| Random::of_several(9, index).number();
        assert_eq!(first(1), first(1));
        assert_ne!(first(0), first(1));
    }
}
