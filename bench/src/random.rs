//! Pseudo-random numbers and streams: the same seed gives the same bytes on both ends.

/// Turns a number into one that looks unrelated.
pub(crate) fn mix(number: u64) -> u64 {
    flow::Random::new(number).number()
}

/// A source of pseudo-random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// One that always gives the same numbers for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// The next number of the sequence.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`; 0 if that is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// A size up to `2^bits`, every order of magnitude about as likely as any other.
    pub(crate) fn size(&mut self, bits: u64) -> u64 {
        let order = self.below(bits + 1);
        self.below(1 << order) + 1
    }
}

/// Writes what the stream of a seed has at an offset.
pub(crate) fn fill(seed: u64, offset: u64, buffer: &mut [u8]) {
    let mut written = 0;
    while written < buffer.len() {
        let at = offset + crate::stats::wide(written);
        let word = mix(seed ^ (at / 8).wrapping_mul(0xd6e8_feb8_6659_fd93)).to_le_bytes();
        let skip = crate::stats::size(at % 8);
        let count = (8 - skip).min(buffer.len() - written);
        buffer[written..written + count].copy_from_slice(&word[skip..skip + count]);
        written += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_however_it_is_cut() {
        let mut whole = [0; 100];
        fill(7, 0, &mut whole);
        for cut in 0..100 {
            let mut parts = [0; 100];
            let (head, tail) = parts.split_at_mut(cut);
            fill(7, 0, head);
            fill(7, crate::stats::wide(cut), tail);
            assert_eq!(parts, whole, "cut at {cut}");
        }
        let mut other = [0; 100];
        fill(8, 0, &mut other);
        assert_ne!(other, whole);
    }

    #[test]
    fn sizes_are_in_range_and_of_all_orders() {
        let mut random = Random::new(1);
        let sizes: Vec<_> = (0..1000).map(|_| random.size(16)).collect();
        assert!(sizes.iter().all(|size| (1..=1 << 16).contains(size)));
        assert!(sizes.iter().any(|size| *size < 8) && sizes.iter().any(|size| *size > 1 << 14));
        assert_eq!(random.below(0), 0);
    }
}
