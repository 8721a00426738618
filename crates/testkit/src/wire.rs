//! Bounded reading and writing on any socket, and how a stream can end.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// How often a blocked operation looks whether it shall stop.
const SLICE: Duration = Duration::from_millis(20);

/// How a stream, or an operation on it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// End of the stream (FIN).
    Eof,
    /// Reset by the peer (`ECONNRESET`).
    Reset,
    /// Connection refused (`ECONNREFUSED`).
    Refused,
    /// A write after the other side's end: `EPIPE`.
    BrokenPipe,
    /// Nothing happened for as long as the operation was given.
    Timeout,
    /// Any other error number.
    Errno(i32),
}

impl From<Errno> for End {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::CONNRESET => Self::Reset,
            Errno::CONNREFUSED => Self::Refused,
            Errno::PIPE => Self::BrokenPipe,
            other => Self::Errno(other.raw_os_error()),
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            // `connect_timeout` and its like make an error of their own.
            None => Self::Timeout,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eof => f.write_str("end of stream (FIN)"),
            Self::Reset => f.write_str("reset (RST)"),
            Self::Refused => f.write_str("connection refused"),
            Self::BrokenPipe => f.write_str("broken pipe"),
            Self::Timeout => f.write_str("timeout"),
            Self::Errno(errno) => io::Error::from_raw_os_error(*errno).fmt(f),
        }
    }
}

/// Reads at most `buf`, waiting up to `limit`. The end of the stream is an `Err` like any other end.
pub(crate) fn read(
    socket: impl AsFd,
    buf: &mut [u8],
    limit: Duration,
    stop: &AtomicBool,
) -> Result<usize, End> {
    loop {
        match recv(&socket, &mut *buf, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(End::Eof),
            Ok((n, _)) => return Ok(n),
            Err(Errno::AGAIN) => wait_ready(&socket, PollFlags::IN, limit, stop)?,
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Writes some of `buf`, waiting up to `limit`.
pub(crate) fn write(
    socket: impl AsFd,
    buf: &[u8],
    limit: Duration,
    stop: &AtomicBool,
) -> Result<usize, End> {
    loop {
        match send(&socket, buf, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(n) => return Ok(n),
            Err(Errno::AGAIN) => wait_ready(&socket, PollFlags::OUT, limit, stop)?,
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits until `socket` is ready or in error. `stop` ends the wait early, as a timeout.
pub(crate) fn wait_ready(
    socket: impl AsFd,
    events: PollFlags,
    limit: Duration,
    stop: &AtomicBool,
) -> Result<(), End> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).min(SLICE);
        let slice = Timespec::try_from(left).expect("a slice is short");
        match poll(&mut [PollFd::new(&socket, events)], Some(&slice)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        if left.is_zero() || stop.load(Ordering::Relaxed) {
            return Err(End::Timeout);
        }
    }
}
