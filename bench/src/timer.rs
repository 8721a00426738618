//! A timer with a resolution that epoll_wait(2), which counts milliseconds, does not have.

use std::time::Duration;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::failure::{Context as _, Result};

/// A timer that fires again and again (timerfd_create(2)).
#[derive(Debug)]
pub(crate) struct Timer(OwnedFd);

impl Timer {
    /// One that fires at once, and then in this interval.
    pub(crate) fn every(interval: Duration) -> Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let spec = Itimerspec {
            it_interval: Timespec::try_from(interval).context("set a timer")?,
            it_value: Timespec { tv_sec: 0, tv_nsec: 1 },
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &spec)?;
        Ok(Self(timer))
    }

    /// Rearms the timer after it has fired: an unread timer reports no further events. The number
    /// of expirations is not needed, because the clock says which work is due.
    pub(crate) fn go_on(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
