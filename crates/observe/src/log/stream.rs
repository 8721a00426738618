//! Standard error, or another stream, with a slow or stopped reader: each writer waits for it within
//! a limit.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use sys::Errno;
use sys::output::{ATOMIC_WRITE, wait_until_writable, write};

/// Limit for a thread with other duties: the control thread, before the journal has started and after
/// it has ended.
const OTHERS_WAIT: Duration = Duration::from_secs(1);
/// Interval at which a waiting writer checks its limit.
const LOOK: Duration = Duration::from_millis(20);

/// Moment from which the log's thread no longer waits for the reader, in microseconds of the
/// monotonic clock.
static GIVE_UP_AT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Limits the total time that the log's thread waits from now on; `None` removes the limit.
pub(super) fn give_up_after(limit: Option<Duration>) {
    // A limit beyond the clock's range (584,000 years) is the same as none.
    let micros = limit.and_then(|limit| u64::try_from(limit.as_micros()).ok());
    let at = micros.and_then(|micros| sys::monotonic_micros().checked_add(micros));
    GIVE_UP_AT.store(at.unwrap_or(u64::MAX), Ordering::Release);
}

/// The moment until which a writer waits for the reader.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// Until the limit of [`give_up_after`]: for the thread that only writes.
    GivenUp,
    /// Until this moment.
    Moment(Instant),
}

impl Until {
    /// The current moment: the writer does not wait at all.
    pub(super) fn now() -> Self {
        Self::Moment(Instant::now())
    }

    fn left(self) -> Duration {
        match self {
            Self::GivenUp => {
                let at = GIVE_UP_AT.load(Ordering::Acquire);
                Duration::from_micros(at.saturating_sub(sys::monotonic_micros()))
            }
            Self::Moment(at) => at.saturating_duration_since(Instant::now()),
        }
    }
}

/// A stream and its state.
#[derive(Default)]
pub(super) struct Stream {
    /// `None` is standard error.
    to: Option<File>,
    /// Whether the last line was cut off.
    mid_line: bool,
    /// Whether a writer reached its limit and the reader has not read since.
    stalled: bool,
}

impl Stream {
    /// Writes to `to`, or to standard error, with the state of the previous image.
    pub(super) fn resume(to: Option<File>, mid_line: bool) -> Self {
        Self { to, mid_line, stalled: false }
    }

    /// The stream, unless it is standard error.
    pub(super) fn file(&self) -> Option<&File> {
        self.to.as_ref()
    }

    /// Calls `use_it` with the stream's descriptor.
    pub(super) fn with<T>(&self, use_it: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        match &self.to {
            Some(file) => use_it(file.as_fd()),
            // Not locked: a thread that hangs in write(2) must not block other threads at the exit.
            None => use_it(io::stderr().as_fd()),
        }
    }

    /// Whether a line was cut off, so that its end is written before the next line.
    pub(super) fn is_mid_line(&self) -> bool {
        self.mid_line
    }

    /// The limit for a thread with other duties: none to wait while the reader is stalled.
    pub(super) fn others_wait(&self) -> Until {
        if self.stalled { Until::now() } else { Until::Moment(Instant::now() + OTHERS_WAIT) }
    }

    /// Writes whole lines. Returns the number of bytes written: fewer than all if the reader does not
    /// read in time, or is gone.
    ///
    /// Lines are written in pieces that a pipe takes atomically, so that an exit or an upgrade tears
    /// none, and lines of other processes do not mix with them. Only a line longer than such a piece
    /// can be cut off; its end is written before the next line.
    pub(super) fn write(&mut self, lines: &str, until: Until) -> usize {
        if self.mid_line && self.write_piece(b"\n", until) == 0 {
            return 0;
        }
        let lines = lines.as_bytes();
        let mut written = 0;
        while written < lines.len() {
            let piece = piece(&lines[written..]);
            let count = self.write_piece(piece, until);
            written += count;
            if count < piece.len() {
                break;
            }
        }
        written
    }

    fn write_piece(&mut self, piece: &[u8], until: Until) -> usize {
        let mut written = 0;
        while written < piece.len() {
            if !self.with(|stream| wait(stream, until)) {
                self.stalled = true;
                break;
            }
            match self.with(|stream| write(stream, &piece[written..])) {
                Ok(count) => written += count,
                // Another process has made the shared pipe non-blocking and filled it meanwhile.
                Err(Errno::AGAIN) if !until.left().is_zero() => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // Without its stream the log has no destination left to report to.
                Err(_) => break,
            }
        }
        if let Some(last) = piece[..written].last() {
            self.mid_line = *last != b'\n';
        }
        self.stalled &= written < piece.len();
        written
    }
}

fn wait(stream: BorrowedFd<'_>, until: Until) -> bool {
    loop {
        let left = until.left();
        if wait_until_writable(stream, left.min(LOOK)) {
            return true;
        }
        if left.is_zero() {
            return false;
        }
    }
}

/// As many whole lines as fit into one atomic write, or a part of the first line.
fn piece(lines: &[u8]) -> &[u8] {
    let most = &lines[..lines.len().min(ATOMIC_WRITE)];
    let end = most.iter().rposition(|byte| *byte == b'\n');
    end.map_or(most, |end| &most[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_where_possible() {
        assert_eq!(piece(b"one\ntwo\n"), b"one\ntwo\n");
        let long = [b'x'; ATOMIC_WRITE];
        assert_eq!(piece(&[b"one\n", &long[..], b"\n"].concat()), b"one\n");
        assert_eq!(piece(&[&long[..], b"rest\nnext\n"].concat()), long);
        assert_eq!(piece(b"rest\nnext\n"), b"rest\nnext\n");
    }
}
