//! Standard error, whose reader may be slow or may have stopped: a writer waits for it only as long
//! as it may.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use sys::Errno;
use sys::output::{ATOMIC_WRITE, wait_until_writable, write};

/// How long a thread waits that has something else to do: the control thread, before the journal
/// has started and after it has ended.
const OTHERS_WAIT: Duration = Duration::from_secs(1);
/// Between two looks whether the writer shall give up.
const LOOK: Duration = Duration::from_millis(20);

/// On the monotonic clock, in microseconds: the moment from which the thread that writes the log
/// waits for no reader any more.
static GIVE_UP_AT: AtomicU64 = AtomicU64::new(u64::MAX);

/// From now on the thread that writes the log waits at most for this time, in all; `None` is for as
/// long as it takes.
pub(super) fn give_up_after(limit: Option<Duration>) {
    let at = limit.map_or(u64::MAX, |limit| {
        let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        sys::monotonic_micros().saturating_add(limit)
    });
    GIVE_UP_AT.store(at, Ordering::Release);
}

/// Until when a writer waits for the reader.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// Until [`give_up_after`] says otherwise: for the thread that does nothing but write.
    GivenUp,
    /// Until this moment.
    Moment(Instant),
}

impl Until {
    /// Does not wait.
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

/// What is known of standard error.
#[derive(Default)]
pub(super) struct Stream {
    /// The last line was cut off.
    mid_line: bool,
    /// The reader has kept a writer waiting for too long, and has not read since.
    stalled: bool,
}

impl Stream {
    /// As the previous image left it.
    pub(super) fn resume(mid_line: bool) -> Self {
        Self { mid_line, stalled: false }
    }

    /// Whether the next line has to begin with the end of a line that was cut off.
    pub(super) fn is_mid_line(&self) -> bool {
        self.mid_line
    }

    /// How long a thread may wait that has something else to do.
    pub(super) fn others_wait(&self) -> Until {
        if self.stalled { Until::now() } else { Until::Moment(Instant::now() + OTHERS_WAIT) }
    }

    /// Writes whole lines. Returns how many bytes of them were written: fewer than all if the reader
    /// does not read in time, or if there is none.
    ///
    /// Lines go out in pieces that a pipe takes as a whole or not at all, so that none is torn by an
    /// end or an upgrade, and none is mixed with those of another process. Only a line that is
    /// longer than such a piece can be cut off; its end comes before the next line, then.
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
        // Not its lock: a thread that hangs in write(2) must not keep others from the end.
        let stderr = io::stderr();
        let mut written = 0;
        while written < piece.len() {
            if !wait(&stderr, until) {
                self.stalled = true;
                break;
            }
            match write(&stderr, &piece[written..]) {
                Ok(count) => written += count,
                // It was made non-blocking by another process, which has filled it meanwhile.
                Err(Errno::AGAIN) if !until.left().is_zero() => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // With standard error gone there is no better place left.
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

fn wait(stderr: &io::Stderr, until: Until) -> bool {
    loop {
        let left = until.left();
        if wait_until_writable(stderr, left.min(LOOK)) {
            return true;
        }
        if left.is_zero() {
            return false;
        }
    }
}

/// As many whole lines as can be written at once, or else a part of the first.
fn piece(lines: &[u8]) -> &[u8] {
    let most = &lines[..lines.len().min(ATOMIC_WRITE)];
    let end = most.iter().rposition(|byte| *byte == b'\n');
    end.map_or(most, |end| &most[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_where_they_can_be() {
        assert_eq!(piece(b"one\ntwo\n"), b"one\ntwo\n");
        let long = [b'x'; ATOMIC_WRITE];
        assert_eq!(piece(&[b"one\n", &long[..], b"\n"].concat()), b"one\n");
        assert_eq!(piece(&[&long[..], b"rest\nnext\n"].concat()), long);
        assert_eq!(piece(b"rest\nnext\n"), b"rest\nnext\n");
    }
}
