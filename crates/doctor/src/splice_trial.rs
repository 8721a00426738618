//! A trial of splice(2): bytes from one TCP socket through a pipe into another.

use engine::PIPE_SIZES;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use sys::socket::reset;
use sys::{Errno, Pipe, PipeError};

/// Number of bytes: more than any pipe holds, so that it is filled more than once.
const BYTES: usize = 2 << 20;
/// Time limit. The trial normally takes milliseconds.
const LIMIT: Duration = Duration::from_secs(2);
/// Interval between attempts on a socket that is not ready.
const PAUSE: Duration = Duration::from_millis(1);

/// Spliced bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spliced {
    pub(super) bytes: u64,
    /// The size of the pipe that was granted, in bytes.
    pub(super) pipe: u64,
    /// Whether the bytes arrived unchanged.
    pub(super) intact: bool,
}

/// The cause of a failed trial.
#[derive(Debug)]
pub(super) enum SpliceError {
    Pipe(PipeError),
    Connections(io::Error),
    Send(io::Error),
    Receive(io::Error),
    /// The sending or the receiving thread panicked.
    Panicked,
    /// splice(2) found the end of the stream after this number of bytes.
    EarlyEnd(usize),
    /// No byte moved within the time limit.
    Stalled,
    /// splice(2) failed.
    Splice(Errno),
}

impl fmt::Display for SpliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipe(PipeError::Refused(errno)) => {
                write!(f, "create a pipe: {}", sys::errno_text(*errno))
            }
            Self::Pipe(PipeError::TooSmall) => f.write_str(
                "create a pipe: this user's pipes exceed the soft limit (fs.pipe-user-pages-soft)",
            ),
            Self::Connections(error) => {
                write!(f, "make two connections on 127.0.0.1: {}", flow::error_text(error))
            }
            Self::Send(error) => write!(f, "send: {}", flow::error_text(error)),
            Self::Receive(error) => write!(f, "receive: {}", flow::error_text(error)),
            Self::Panicked => f.write_str("a thread of the trial panicked"),
            Self::EarlyEnd(moved) => write!(f, "splice(2) found an end after {moved} bytes"),
            Self::Stalled => write!(f, "no byte moved within {LIMIT:?}"),
            Self::Splice(errno) => write!(f, "splice(2): {}", sys::errno_text(*errno)),
        }
    }
}

/// Splices [`BYTES`] bytes between two connections on the loopback.
pub(super) fn splice() -> Result<Spliced, SpliceError> {
    let pipe = Pipe::new(&PIPE_SIZES).map_err(SpliceError::Pipe)?;
    let (mut client, source) = pair().map_err(SpliceError::Connections)?;
    let (sink, mut target) = pair().map_err(SpliceError::Connections)?;
    source.set_nonblocking(true).map_err(SpliceError::Connections)?;
    let sent: Vec<u8> = (0..=250).cycle().take(BYTES).collect();
    let expected = sent.clone();
    let feeder = std::thread::spawn(move || client.write_all(&sent));
    let reader = std::thread::spawn(move || {
        let mut got = Vec::with_capacity(BYTES);
        let result = target.read_to_end(&mut got);
        reset(target.into());
        result.map(|_| got)
    });
    let moved = carry(&pipe, &source, &sink);
    // Closing the connections ends both threads in every case. A reset after the last byte leaves no
    // socket in TIME_WAIT: on the accepted side it would keep a local port from connect(2) for a minute.
    drop(sink);
    reset(source.into());
    let got = reader.join().map_err(|_| SpliceError::Panicked)?;
    let fed = feeder.join().map_err(|_| SpliceError::Panicked)?;
    moved?;
    fed.map_err(SpliceError::Send)?;
    let got = got.map_err(SpliceError::Receive)?;
    Ok(Spliced { bytes: BYTES as u64, pipe: pipe.capacity() as u64, intact: got == expected })
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
    }
    Ok((client, server))
}

fn carry(pipe: &Pipe, source: &TcpStream, sink: &TcpStream) -> Result<(), SpliceError> {
    let until = Instant::now() + LIMIT;
    let mut moved = 0;
    while moved < BYTES {
        let mut held = attempt(until, || pipe.fill(source.as_fd()))?;
        if held == 0 {
            return Err(SpliceError::EarlyEnd(moved));
        }
        moved += held;
        while held > 0 {
            held -= attempt(until, || pipe.drain(sink.as_fd(), held))?;
        }
    }
    Ok(())
}

/// Repeats a step until it does not return EAGAIN.
fn attempt(until: Instant, step: impl Fn() -> sys::Result<usize>) -> Result<usize, SpliceError> {
    loop {
        match step() {
            Ok(count) => return Ok(count),
            Err(Errno::AGAIN) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(Errno::AGAIN) => return Err(SpliceError::Stalled),
            Err(errno) => return Err(SpliceError::Splice(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splicing_works_on_the_test_host() {
        let spliced = splice().unwrap();
        assert!(spliced.intact && spliced.pipe >= 64 * 1024, "{spliced:?}");
    }
}
