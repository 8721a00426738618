//! Epoll instances (epoll(7)): a list of items that were woken, whose state is read at the wait.

use super::poll::{ERR, HUP, IN, Mask, OUT, PRI, RDHUP};
use super::slab::Key;
use flow::Time;
use std::collections::VecDeque;
use sys::Event;

/// How a file is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest {
    pub(crate) token: u64,
    pub(crate) mask: Mask,
    /// Reported once per wake-up.
    pub(crate) edge: bool,
    /// A wake-up of the file wakes one of several instances (`EPOLLEXCLUSIVE`).
    pub(crate) exclusive: bool,
}

/// A registration.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) epoll: Key,
    pub(crate) file: Key,
    pub(crate) interest: Interest,
    /// It is in the list of woken items.
    pub(crate) is_woken: bool,
}

impl Interest {
    /// Whether an event concerns it. Errors and hang-ups always do.
    pub(crate) fn is_in(&self, mask: Mask) -> Mask {
        mask & (self.mask | ERR | HUP)
    }

    pub(crate) fn event(&self, mask: Mask) -> Event {
        let ended = mask & (HUP | ERR) != 0;
        Event {
            token: self.token,
            readable: ended || mask & (IN | RDHUP | PRI) != 0,
            writable: ended || mask & OUT != 0,
            mark: ended || mask & (RDHUP | PRI) != 0,
            error: mask & ERR != 0,
        }
    }
}

/// An epoll instance.
#[derive(Debug, Default)]
pub(crate) struct Epoll {
    /// Woken items, in the order of their wake-ups.
    pub(crate) woken: VecDeque<Key>,
    /// The end of the present wait; `None` if no thread waits.
    pub(crate) waits_until: Option<Time>,
}

impl Epoll {
    /// The end of the wait of a thread, unless an item was woken.
    pub(crate) fn blocked_until(&self) -> Option<Time> {
        self.waits_until.filter(|_| self.woken.is_empty())
    }
}
