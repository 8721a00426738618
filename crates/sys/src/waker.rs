use crate::Result;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

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
        let mut events = [PollFd::new(&self.0, PollFlags::IN)];
        // A failed or interrupted poll(2) is a spurious wake-up, which callers must tolerate.
        let _ = poll(&mut events, None);
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
