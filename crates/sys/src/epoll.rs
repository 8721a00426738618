use crate::{Errno, Result};
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// An epoll instance (epoll(7)), with edge-triggered connections.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// An event of a registered descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Token passed at registration.
    pub token: u64,
    /// There are bytes, a connection, the end of the stream or an error to read (`EPOLLIN`).
    pub readable: bool,
    /// There is room to write, or connecting has finished (`EPOLLOUT`).
    pub writable: bool,
    /// The peer has shut down or reset its direction, or sent urgent data (`EPOLLRDHUP`,
    /// `EPOLLPRI`).
    pub mark: bool,
    /// An error is pending on the socket (`EPOLLERR`).
    pub error: bool,
}

/// Buffer for the events of one wait.
pub struct Events(Vec<epoll::Event>);

impl Events {
    /// A buffer for `count` events.
    pub fn with_room_for(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// The events of the last wait.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().map(|event| {
            let flags = event.flags;
            let ended = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
            let mark = epoll::EventFlags::RDHUP | epoll::EventFlags::PRI;
            Event {
                token: event.data.u64(),
                readable: ended || flags.intersects(epoll::EventFlags::IN | mark),
                writable: ended || flags.contains(epoll::EventFlags::OUT),
                mark: ended || flags.intersects(mark),
                error: flags.contains(epoll::EventFlags::ERR),
            }
        })
    }
}

impl Epoll {
    /// Creates an instance.
    pub fn new() -> Result<Self> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Self)
    }

    /// The instance of the previous process image, with its registrations.
    pub fn restored(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Registers a connection for its lifetime, edge-triggered for both directions. Conditions that
    /// hold already are reported as well.
    pub fn add_connection(&self, socket: BorrowedFd<'_>, token: u64) -> Result<()> {
        use epoll::EventFlags as F;
        self.add(socket, token, F::IN | F::OUT | F::RDHUP | F::PRI | F::ET)
    }

    /// Registers a listener shared with other workers: a pending connection wakes one of them, and
    /// is reported until it is accepted. Registering twice has no effect.
    pub fn add_listener(&self, socket: BorrowedFd<'_>, token: u64) -> Result<()> {
        use epoll::EventFlags as F;
        match self.add(socket, token, F::IN | F::EXCLUSIVE) {
            Err(Errno::EXIST) => Ok(()),
            result => result,
        }
    }

    /// Registers a waker. Each wake-up is reported once.
    pub fn add_waker(&self, waker: BorrowedFd<'_>, token: u64) -> Result<()> {
        use epoll::EventFlags as F;
        self.add(waker, token, F::IN | F::ET)
    }

    fn add(&self, fd: BorrowedFd<'_>, token: u64, flags: epoll::EventFlags) -> Result<()> {
        epoll::add(&self.0, fd, epoll::EventData::new_u64(token), flags)
    }

    /// Removes a registration. Closing the last descriptor of a socket does the same.
    pub fn remove(&self, fd: BorrowedFd<'_>) -> Result<()> {
        epoll::delete(&self.0, fd)
    }

    /// Polls for events during `span`, without sleep. Gives way to other threads of this CPU after each poll
    /// (sched_yield(2)), so that they wait for no longer than without it.
    pub fn spin(&self, events: &mut Events, span: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            self.wait(events, Some(Duration::ZERO))?;
            if !events.0.is_empty() || start.elapsed() >= span {
                return Ok(());
            }
            rustix::thread::sched_yield();
        }
    }

    /// Waits for events, at most `timeout` rounded up to milliseconds; `None` waits forever. An
    /// interrupted wait yields no events.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> Result<()> {
        events.0.clear();
        let timeout = timeout.map(whole_millis);
        let room = rustix::buffer::spare_capacity(&mut events.0);
        match epoll::wait(&self.0, room, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Rounds up to the milliseconds of epoll_wait(2). Rounding down would busy-loop. At most 24 days, the
/// limit of epoll_wait(2): the caller waits again.
pub(crate) fn whole_millis(timeout: Duration) -> Timespec {
    let rest = timeout.subsec_nanos().div_ceil(1_000_000);
    let millis = timeout.as_secs().saturating_mul(1000).saturating_add(rest.into());
    let millis = i32::try_from(millis).map_or(i64::from(i32::MAX), i64::from);
    Timespec { tv_sec: millis / 1000, tv_nsec: (millis % 1000) * 1_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Waker;

    #[test]
    fn timeouts_are_rounded_up() {
        let timespec = whole_millis(Duration::from_micros(1_500_001));
        assert_eq!((timespec.tv_sec, timespec.tv_nsec), (1, 501_000_000));
        assert_eq!(whole_millis(Duration::ZERO).tv_nsec, 0);
    }

    #[test]
    fn a_wake_is_reported_once() {
        let epoll = Epoll::new().unwrap();
        let waker = Waker::new().unwrap();
        epoll.add_waker(waker.as_fd(), 7).unwrap();
        let mut events = Events::with_room_for(4);
        epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
        assert_eq!(events.iter().count(), 0);
        waker.wake();
        for expected in [vec![7], vec![]] {
            epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
            assert_eq!(events.iter().map(|event| event.token).collect::<Vec<_>>(), expected);
        }
    }
}
