use crate::{Errno, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::retry_on_intr;
use rustix::pipe::{
    PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice,
};

/// A pipe that carries bytes from one socket to another without their entering user memory
/// (splice(2)).
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
}

/// Why there is no pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeError {
    /// The kernel refused: EMFILE, ENFILE or ENOMEM.
    Refused(Errno),
    /// The user's pipes exceed `fs.pipe-user-pages-soft`, and the kernel gave one that is too
    /// small to be of use (pipe(7)).
    TooSmall,
}

impl Pipe {
    /// A pipe of the largest of `sizes` (bytes, descending) that the kernel grants. One smaller
    /// than the last of them is not worth having.
    pub fn new(sizes: &[usize]) -> std::result::Result<Self, PipeError> {
        let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
        let (read, write) = pipe_with(flags).map_err(PipeError::Refused)?;
        // Refused sizes are not an error: above the soft limit EPERM is the answer to growing, and
        // what the pipe really has is read back.
        let _ = sizes.iter().find_map(|size| fcntl_setpipe_size(&write, *size).ok());
        let capacity = fcntl_getpipe_size(&write).map_err(PipeError::Refused)?;
        if capacity < sizes.last().copied().unwrap_or(0) {
            return Err(PipeError::TooSmall);
        }
        Ok(Self { read, write, capacity })
    }

    /// A pipe that an image before this one has made. Its size is read back.
    pub fn restored(read: OwnedFd, write: OwnedFd) -> Result<Self> {
        let capacity = fcntl_getpipe_size(&write)?;
        Ok(Self { read, write, capacity })
    }

    /// Its two ends: to read from, and to write to.
    pub fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.read.as_fd(), self.write.as_fd()]
    }

    /// Its size in bytes. A hint only: what counts inside is slots, and one may hold more than a
    /// page of a large segment or less of a small one.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Moves what waits in `source` into the pipe, which must be empty: then `EAGAIN` cannot mean
    /// that the pipe is full. It still does not mean that the source has nothing, nor does 0 mean
    /// its end: in front of an urgent mark splice says the same, and never goes past it.
    pub fn fill(&self, source: BorrowedFd<'_>) -> Result<usize> {
        transfer(source, self.write.as_fd(), self.capacity)
    }

    /// Moves up to `count` bytes out of the pipe into `sink`.
    pub fn drain(&self, sink: BorrowedFd<'_>, count: usize) -> Result<usize> {
        transfer(self.read.as_fd(), sink, count)
    }

    /// Takes bytes out of the pipe into `buffer`: the way back to copying.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        retry_on_intr(|| rustix::io::read(&self.read, &mut *buffer))
    }
}

/// Never for 0 bytes, which looks like the end of the stream. Never with `SPLICE_F_MORE`: it acts
/// as `TCP_CORK` and holds the last small segment back.
fn transfer(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    retry_on_intr(|| splice(from, None, to, None, most, flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    const SIZES: [usize; 2] = [256 * 1024, 64 * 1024];

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        server.set_nonblocking(true).unwrap();
        (client, server)
    }

    #[test]
    fn bytes_pass_from_socket_to_socket_and_the_end_is_zero() {
        let pipe = Pipe::new(&SIZES).unwrap();
        assert!(pipe.capacity() >= SIZES[1]);
        let (mut client, source) = pair();
        let (sink, mut target) = pair();
        assert_eq!(pipe.fill(source.as_fd()), Err(Errno::AGAIN), "nothing sent yet");
        client.write_all(b"hello").unwrap();
        assert_eq!(pipe.fill(source.as_fd()), Ok(5));
        assert_eq!(pipe.drain(sink.as_fd(), 5), Ok(5));
        target.set_nonblocking(false).unwrap();
        let mut got = [0; 5];
        target.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
        drop(client);
        assert_eq!(pipe.fill(source.as_fd()), Ok(0), "the end of the stream");
    }

    #[test]
    fn what_is_in_the_pipe_can_be_read_back() {
        let pipe = Pipe::new(&SIZES).unwrap();
        let (mut client, source) = pair();
        client.write_all(b"bytes").unwrap();
        assert_eq!(pipe.fill(source.as_fd()), Ok(5));
        let mut got = [0; 16];
        assert_eq!(pipe.read(&mut got), Ok(5));
        assert_eq!(&got[..5], b"bytes");
    }

    #[test]
    fn a_pipe_below_the_least_size_is_refused() {
        assert_eq!(Pipe::new(&[1 << 30]).unwrap_err(), PipeError::TooSmall);
    }
}
