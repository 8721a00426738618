//! Writes to a stream with a slow or stopped reader, such as standard error.

use crate::Result;
use crate::epoll::whole_millis;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsFd;
use std::time::Duration;

/// Size of an atomic write to a pipe (`PIPE_BUF`, pipe(7)). After [`wait_until_writable`] has
/// returned true, such a write does not block: a pipe is writable as soon as it has one free page.
pub const ATOMIC_WRITE: usize = 4096;

/// Waits at most `limit` until `fd` is writable, and returns whether it is. A file is always
/// writable; so is a pipe without a reader, for which [`write`] then returns an error.
pub fn wait_until_writable(fd: impl AsFd, limit: Duration) -> bool {
    let limit = whole_millis(limit);
    let mut events = [PollFd::new(&fd, PollFlags::OUT)];
    // An interrupted wait returns early; the caller retries if it has time left.
    poll(&mut events, Some(&limit)).is_ok_and(|count| count > 0)
}

/// Writes once, and returns the number of bytes written.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize> {
    rustix::io::retry_on_intr(|| rustix::io::write(&fd, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_full_pipe_is_not_writable_and_one_with_a_free_page_takes_an_atomic_write() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let now = Duration::ZERO;
        let piece = [b'x'; ATOMIC_WRITE];
        let mut pieces = 0;
        while wait_until_writable(&writer, now) {
            // With less room, this would block forever.
            assert_eq!(write(&writer, &piece), Ok(ATOMIC_WRITE));
            pieces += 1;
            assert!(pieces < 10_000, "a pipe is never full");
        }
        assert!(!wait_until_writable(&writer, Duration::from_millis(1)));
        reader.read_exact(&mut [0; ATOMIC_WRITE]).unwrap();
        assert!(wait_until_writable(&writer, now));
        drop(reader);
        assert!(wait_until_writable(&writer, now), "a write reports the missing reader");
        assert_eq!(write(&writer, &piece), Err(crate::Errno::PIPE));
    }
}
