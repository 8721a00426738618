//! Buffers and pipes for the bytes that a lane has received and not yet sent, borrowed from a pool for
//! that time only.

use flow::{Cause, Time};
use rustix::io::Errno;
use std::time::Duration;
use sys::PipeError;
use sys::kernel::Kernel;

/// Pipe sizes to request, in bytes, largest first: bulk is cheap because each call moves many bytes.
/// Below 64 KiB, splicing is no cheaper than copying.
pub const PIPE_SIZES: [usize; 3] = [1024 * 1024, 256 * 1024, 64 * 1024];
/// Empty pipes that a worker keeps for its next bulk lanes.
const SPARE_PIPES: usize = 16;
/// Free buffers that a worker keeps.
const SPARE_BUFFERS: usize = 16;
/// Time after a failed pipe2(2) during which no pipe is requested.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// Up to this size a buffer is allocated to fit its bytes: ten thousand readers that stall on a small
/// message must not take 64 KiB each.
const SMALL: usize = SCRATCH / 4;
/// Size of the worker's scratch buffer, and so the most that one send can leave unsent.
pub(crate) const SCRATCH: usize = 64 * 1024;
// A ClientHello is peeked at as a whole.
const _: () = assert!(SCRATCH >= flow::MOST_CLIENT_HELLO);

/// Bytes received and not yet sent.
#[derive(Debug)]
pub(crate) enum Holding<K: Kernel> {
    Buffer(Buffer),
    Pipe(K::Pipe),
}

/// A buffer and the position of its first unsent byte.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    from: usize,
    to: usize,
}

impl Buffer {
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }

    pub(crate) fn sent(&mut self, count: usize) {
        self.from += count;
    }
}

/// A worker's spare pipes and buffers. The last one given back is lent first: its memory is warm.
pub(crate) struct Pool<K: Kernel> {
    kernel: K,
    /// Boxed, because the box goes to the session, and comes back.
    pipes: Vec<Box<Holding<K>>>,
    buffers: Vec<Box<[u8]>>,
    /// Pipes in existence, lent or spare; at most `most_pipes`.
    pipe_count: usize,
    most_pipes: usize,
    refused_until: Time,
}

impl<K: Kernel> Pool<K> {
    /// A pool of at most `most_pipes` pipes: lanes stalled with a pipe must not use up the descriptors
    /// of new sessions.
    pub(crate) fn new(kernel: K, most_pipes: usize) -> Self {
        Self {
            kernel,
            pipes: Vec::new(),
            buffers: Vec::new(),
            pipe_count: 0,
            most_pipes,
            refused_until: Time::default(),
        }
    }

    /// Number of pipes, lent or spare.
    pub(crate) fn pipes(&self) -> usize {
        self.pipe_count
    }

    /// The spare pipes.
    pub(crate) fn spare(&self) -> impl Iterator<Item = &Holding<K>> {
        self.pipes.iter().map(|pipe| &**pipe)
    }

    /// Lends an empty pipe. The error is the missing resource; `None` if the limit is reached, or
    /// during [`REFUSED_PAUSE`].
    pub(crate) fn pipe(&mut self, now: Time) -> Result<Box<Holding<K>>, Option<Cause>> {
        if let Some(pipe) = self.pipes.pop() {
            return Ok(pipe);
        }
        if now < self.refused_until || self.pipe_count >= self.most_pipes {
            return Err(None);
        }
        let pipe = self.kernel.pipe(&PIPE_SIZES).map_err(|error| {
            self.refused_until = now.after(REFUSED_PAUSE);
            Some(match error {
                PipeError::Refused(Errno::MFILE | Errno::NFILE) => Cause::NoFiles,
                PipeError::Refused(_) | PipeError::TooSmall => Cause::NoMemory,
            })
        })?;
        self.pipe_count += 1;
        Ok(Box::new(Holding::Pipe(pipe)))
    }

    /// Counts a pipe that was restored after an upgrade, and that may hold bytes.
    #[expect(clippy::unnecessary_box_returns, reason = "a session keeps the box")]
    pub(crate) fn adopt(&mut self, pipe: K::Pipe) -> Box<Holding<K>> {
        self.pipe_count += 1;
        Box::new(Holding::Pipe(pipe))
    }

    /// Lends a buffer with a copy of `bytes`.
    #[expect(clippy::unnecessary_box_returns, reason = "a session keeps the box")]
    pub(crate) fn buffer(&mut self, bytes: &[u8]) -> Box<Holding<K>> {
        let mut buffer = match bytes.len() {
            small @ ..SMALL => vec![0; small].into_boxed_slice(),
            SMALL..=SCRATCH => {
                self.buffers.pop().unwrap_or_else(|| vec![0; SCRATCH].into_boxed_slice())
            }
            large => vec![0; large].into_boxed_slice(),
        };
        buffer[..bytes.len()].copy_from_slice(bytes);
        Box::new(Holding::Buffer(Buffer { bytes: buffer, from: 0, to: bytes.len() }))
    }

    /// Takes an empty buffer or pipe back from a lane.
    pub(crate) fn give_back(&mut self, holding: Box<Holding<K>>) {
        match *holding {
            Holding::Buffer(buffer) => {
                if self.buffers.len() < SPARE_BUFFERS && buffer.bytes.len() == SCRATCH {
                    self.buffers.push(buffer.bytes);
                }
            }
            Holding::Pipe(_) if self.pipes.len() < SPARE_PIPES => self.pipes.push(holding),
            Holding::Pipe(_) => self.discard(holding),
        }
    }

    /// Frees a buffer or closes a pipe whose bytes will never be sent: a pipe that holds bytes must not
    /// be lent again.
    pub(crate) fn discard(&mut self, holding: Box<Holding<K>>) {
        if matches!(*holding, Holding::Pipe(_)) {
            self.pipe_count -= 1;
        }
        drop(holding);
    }

    /// Frees all spare pipes and buffers: descriptors or memory are short.
    pub(crate) fn clear(&mut self) {
        self.pipe_count -= self.pipes.len();
        self.pipes.clear();
        self.buffers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::kernel::Linux;

    #[test]
    fn pipes_are_limited_used_again_when_empty_and_closed_when_not() {
        let now = Time::from_micros(1);
        let mut pool = Pool::new(Linux, 2);
        let [first, second] = [(); 2].map(|()| pool.pipe(now).expect("within the limit"));
        assert_eq!(pool.pipe(now).err(), Some(None), "at the limit");
        pool.give_back(first);
        let first = pool.pipe(now).expect("the one given back");
        pool.discard(second);
        let third = pool.pipe(now).expect("a new one for the one closed");
        pool.give_back(first);
        pool.give_back(third);
        pool.clear();
        assert_eq!(pool.pipe_count, 0);
    }

    #[test]
    fn a_buffer_returns_its_unsent_bytes() {
        let mut pool = Pool::new(Linux, 0);
        for text in [vec![1; SMALL], vec![2; SCRATCH], vec![3; 10], vec![4; SCRATCH + 1]] {
            let mut holding = pool.buffer(&text);
            let Holding::Buffer(buffer) = &mut *holding else { panic!("not a buffer") };
            buffer.sent(2);
            assert_eq!(buffer.unsent(), &text[2..]);
            pool.give_back(holding);
        }
        assert_eq!(pool.buffers.len(), 1, "one of the common size, used twice");
    }
}
