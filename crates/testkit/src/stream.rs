//! A pseudo-random byte stream in which every byte is known from a seed and its position.

use std::fmt;

/// The bytes that belong to one seed, without end; cheap to ask at any position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    seed: u64,
}

impl Stream {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The bytes from `offset` on.
    pub fn fill(self, offset: u64, out: &mut [u8]) {
        let mut index = offset / 8;
        let skip = usize::try_from(offset % 8).expect("less than 8");
        let (head, rest) = out.split_at_mut(((8 - skip) % 8).min(out.len()));
        if !head.is_empty() {
            head.copy_from_slice(&self.word(index)[skip..skip + head.len()]);
            index += 1;
        }
        for (chunk, index) in rest.chunks_mut(8).zip(index..) {
            chunk.copy_from_slice(&self.word(index)[..chunk.len()]);
        }
    }

    /// The first `len` bytes.
    pub fn bytes(self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(0, &mut bytes);
        bytes
    }

    /// The first place where `got`, read from `offset` on, is not this stream.
    pub fn difference(self, offset: u64, got: &[u8]) -> Option<Difference> {
        let mut want = [0; 4096];
        let starts = (offset..).step_by(want.len());
        for (chunk, start) in got.chunks(want.len()).zip(starts) {
            let want = &mut want[..chunk.len()];
            self.fill(start, want);
            if want != chunk {
                let mut pairs = (start..).zip(want.iter().zip(chunk));
                let (offset, (&expected, &found)) = pairs.find(|(_, (want, got))| want != got)?;
                return Some(Difference { offset, expected, found });
            }
        }
        None
    }

    /// Eight bytes by index, as `SplitMix64` has them.
    fn word(self, index: u64) -> [u8; 8] {
        let step = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        flow::mix(self.seed.wrapping_add(step)).to_le_bytes()
    }
}

/// The first byte that is not the one that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its position in the stream.
    pub offset: u64,
    /// The byte sent at this position.
    pub expected: u8,
    /// The byte received there.
    pub found: u8,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, expected, found } = self;
        write!(f, "byte {offset} is {found:#04x}, sent was {expected:#04x}")
    }
}

/// A stream and how much of it is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source {
    stream: Stream,
    offset: u64,
}

impl Source {
    /// Begins at the first byte.
    pub const fn new(stream: Stream) -> Self {
        Self { stream, offset: 0 }
    }

    /// The bytes that are due next; they stay due until [`Self::advance`].
    pub fn peek(&self, out: &mut [u8]) {
        self.stream.fill(self.offset, out);
    }

    /// Counts `n` bytes as written.
    pub fn advance(&mut self, n: usize) {
        self.offset += n as u64;
    }

    /// How many bytes are written.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// A stream and how much of it has arrived as sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checker {
    stream: Stream,
    offset: u64,
}

impl Checker {
    /// Begins at the first byte.
    pub const fn new(stream: Stream) -> Self {
        Self { stream, offset: 0 }
    }

    /// Checks the bytes that arrived next.
    pub fn check(&mut self, got: &[u8]) -> Result<(), Difference> {
        if let Some(difference) = self.stream.difference(self.offset, got) {
            return Err(difference);
        }
        self.offset += got.len() as u64;
        Ok(())
    }

    /// How many bytes were right.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_one_byte_however_it_is_asked() {
        let stream = Stream::new(7);
        let whole = stream.bytes(100);
        for offset in 0..40 {
            for len in 0..40 {
                let mut part = vec![0; len];
                stream.fill(offset as u64, &mut part);
                assert_eq!(part, whole[offset..offset + len], "{len} bytes at {offset}");
            }
        }
    }

    #[test]
    fn the_checker_finds_a_flipped_byte_in_any_chunking() {
        let mut bytes = Stream::new(1).bytes(100_000);
        bytes[77_777] ^= 1;
        for size in [1, 7, 4096, 100_000] {
            let mut checker = Checker::new(Stream::new(1));
            let found = bytes.chunks(size).find_map(|chunk| checker.check(chunk).err());
            assert_eq!(found.map(|difference| difference.offset), Some(77_777));
        }
    }

    #[test]
    fn the_checker_finds_a_lost_and_a_doubled_byte() {
        let bytes = Stream::new(2).bytes(64);
        let lost = [&bytes[..20], &bytes[21..]].concat();
        let doubled = [&bytes[..20], &bytes[19..]].concat();
        for wrong in [lost, doubled] {
            assert!(Stream::new(2).difference(0, &wrong).is_some());
        }
    }

    #[test]
    fn seeds_make_different_streams() {
        assert_ne!(Stream::new(1).bytes(16), Stream::new(2).bytes(16));
    }
}
