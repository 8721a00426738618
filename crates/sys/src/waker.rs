use crate::Result;
use crate::epoll::whole_millis;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Wakes a thread from epoll or from [`Waker::wait`] (eventfd(2)).
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// Creates a waker without a pending wake-up.
    pub fn new() -> Result<Self> {
        eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map(Self)
    }

    /// Wakes the thread, now or at its next wait.
    ///
    /// The only possible error is a full counter, and then a wake-up is pending already.
    pub fn wake(&self) {
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&self.0, &1u64.to_ne_bytes()));
    }

    /// Waits for a wake-up, and consumes all pending ones.
    pub fn wait(&self) {
        self.wait_at_most(None);
    }

    /// Like [`Self::wait`], for at most this long.
    pub fn wait_at_most(&self, limit: Option<Duration>) {
        let limit = limit.map(whole_millis);
        let mut events = [PollFd::new(&self.0, PollFlags::IN)];
        // A failed or interrupted poll(2) is a spurious wake-up, which callers must tolerate.
        let _ = poll(&mut events, limit.as_ref());
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
