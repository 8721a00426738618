use crate::Result;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// Wakes a thread that waits in epoll or in [`Waker::wait`] (eventfd(2)).
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// A waker that nobody has woken yet.
    pub fn new() -> Result<Self> {
        eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).map(Self)
    }

    /// Wakes the thread, now or at its next wait.
    ///
    /// The counter's only possible error is to be full, and then the thread is woken already.
    pub fn wake(&self) {
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&self.0, &1u64.to_ne_bytes()));
    }

    /// Waits until woken, and takes the wake-ups that have come so far.
    pub fn wait(&self) {
        let mut events = [PollFd::new(&self.0, PollFlags::IN)];
        // An interrupted or failed poll is a wake-up without cause, which a waiter must bear.
        let _ = poll(&mut events, None);
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
