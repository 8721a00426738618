use crate::{Errno, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::retry_on_intr;
use rustix::pipe::{
    PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice,
};

/// A pipe that moves bytes between sockets without copying them to user memory (splice(2)).
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
}

/// Reason why no pipe was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeError {
    /// The kernel refused with EMFILE, ENFILE or ENOMEM.
    Refused(Errno),
    /// This user's pipes exceed `fs.pipe-user-pages-soft`, and the kernel granted one that is too
    /// small to be useful (pipe(7)).
    TooSmall,
}

impl Pipe {
    /// Creates a pipe with the largest of `sizes` (bytes, descending) that the kernel grants.
    /// [`PipeError::TooSmall`] if it is below the last one.
    pub fn new(sizes: &[usize]) -> std::result::Result<Self, PipeError> {
        let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
        let (read, write) = pipe_with(flags).map_err(PipeError::Refused)?;
        // A refused size is not an error: above the soft limit, growing fails with EPERM, and the
        // actual size is read below.
        let _ = sizes.iter().find_map(|size| fcntl_setpipe_size(&write, *size).ok());
        let capacity = fcntl_getpipe_size(&write).map_err(PipeError::Refused)?;
        if capacity < sizes.last().copied().unwrap_or(0) {
            return Err(PipeError::TooSmall);
        }
        Ok(Self { read, write, capacity })
    }

    /// Takes over a pipe of the previous process image, and reads its size.
    pub fn restored(read: OwnedFd, write: OwnedFd) -> Result<Self> {
        let capacity = fcntl_getpipe_size(&write)?;
        Ok(Self { read, write, capacity })
    }

    /// The read end and the write end.
    pub fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.read.as_fd(), self.write.as_fd()]
    }

    /// Capacity in bytes. A hint only: the kernel counts slots, each of which may hold more or less
    /// than a page.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Moves pending bytes of `source` into the pipe, which must be empty, so that `EAGAIN` cannot
    /// mean a full pipe. Neither `EAGAIN` nor 0 proves that the source is empty or at its end:
    /// splice(2) returns both in front of an urgent mark, which it never passes.
    pub fn fill(&self, source: BorrowedFd<'_>) -> Result<usize> {
        transfer(source, self.write.as_fd(), self.capacity)
    }

    /// Moves up to `count` bytes from the pipe to `sink`.
    pub fn drain(&self, sink: BorrowedFd<'_>, count: usize) -> Result<usize> {
        transfer(self.read.as_fd(), sink, count)
    }

    /// Reads bytes from the pipe into `buffer`, to switch back to copying.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        retry_on_intr(|| rustix::io::read(&self.read, &mut *buffer))
    }
}

/// `most` must not be 0, which would look like the end of the stream. `SPLICE_F_MORE` must not be
/// set: it acts as `TCP_CORK` and delays the last small segment.
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
    fn bytes_in_the_pipe_can_be_read() {
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
