//! Random numbers of one worker, for choices among targets. Not for secrets.

/// A sequence of random numbers (SplitMix64), decided by its seed.
pub(crate) struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The sequence of this worker.
    pub(crate) fn new(seed: u64, worker: usize) -> Self {
        let mut random = Self(seed ^ (worker as u64).wrapping_mul(STEP));
        Self(random.number())
    }

    /// The next number; all 64 bits are random.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }
}

/// A number whose bits all depend on all bits of this one.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
