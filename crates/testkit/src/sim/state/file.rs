//! Open file descriptions.

use super::epoll::Epoll;
use super::listener::Listener;
use super::pipe::Pipe;
use super::slab::Key;

#[derive(Debug)]
pub(crate) enum File {
    /// A bound socket, listening or not.
    Listener(Listener),
    /// The end of a TCP connection.
    Tcp(Key),
    /// The side of a Unix connection.
    Unix(Key),
    Pipe(Pipe),
    Epoll(Epoll),
    /// An eventfd(2) with its counter.
    Counter(u64),
}

impl File {
    /// The kind, as shown.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Listener(_) => "listener",
            Self::Tcp(_) | Self::Unix(_) => "connection",
            Self::Pipe(_) => "pipe",
            Self::Epoll(_) => "epoll",
            Self::Counter(_) => "waker",
        }
    }
}

/// An open file description, with its registrations in the order in which a wake-up finds them.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) watchers: Vec<Key>,
    /// Bytes that sends of a connected socket took.
    pub(crate) taken: u64,
}
