//! One socket of a session, as far as decisions need to know it.

use crate::close::Failure;

/// One of the two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Who connected to us.
    Client,
    /// Whom we connected to.
    Target,
}

impl End {
    /// The end across.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Target,
            Self::Target => Self::Client,
        }
    }
}

/// What an edge-triggered readiness event said about a socket (epoll(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Bytes, an end or an error can be read.
    pub readable: bool,
    /// Bytes can be written, or an error can be learnt by writing.
    pub writable: bool,
    /// A FIN, a reset or an urgent mark is waiting somewhere in or behind the receive queue.
    pub mark: bool,
}

/// One socket of a session: what is believed about its readiness, and whether it is broken.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// A FIN, a reset or an urgent mark was announced: reads stop at it, and its edge may be over.
    pub(crate) has_mark: bool,
    /// Reads also stop where no event announces it, and raise no edge behind that place.
    pub(crate) reads_stop_early: bool,
    pub(crate) failure: Option<Failure>,
}

impl Side {
    /// A fresh socket: its send buffer is empty, and bytes to read are announced by an event
    /// (registering a socket reports what is already there), so that none is read for in vain.
    pub(crate) fn new() -> Self {
        Self {
            readable: false,
            writable: true,
            has_mark: false,
            reads_stop_early: false,
            failure: None,
        }
    }

    pub(crate) fn readable(self) -> bool {
        self.readable
    }

    pub(crate) fn writable(self) -> bool {
        self.writable
    }

    /// How the socket broke, if it did.
    pub fn failure(self) -> Option<Failure> {
        self.failure
    }

    /// Takes note of an event. Events only ever add readiness; what takes it away is a call that
    /// would have blocked.
    pub(crate) fn learn(&mut self, event: Readiness) {
        self.readable |= event.readable;
        self.writable |= event.writable;
        self.has_mark |= event.mark;
    }

    /// A short read of this socket never means that its queue is empty. A Unix socket ends a read
    /// where descriptors or credentials were attached to the bytes, and raises no edge behind it.
    pub(crate) fn distrust_short_reads(&mut self) {
        self.reads_stop_early = true;
    }

    /// A splice from this socket that would block found an empty queue.
    ///
    /// In front of a mark it proves nothing: splice(2) of a TCP socket says so with bytes behind the
    /// mark, and never goes past it. A Unix socket needs no such doubt: splice(2) and recv(2) run the
    /// same loop over its queue (`unix_stream_read_generic()` in Linux) and report EAGAIN only if it
    /// holds nothing. Attached descriptors or credentials end that loop after at least one byte.
    pub(crate) fn splice_proves_empty(self) -> bool {
        !self.has_mark
    }

    /// A read returned fewer bytes than there was room for.
    ///
    /// Usually the queue is empty then, and one system call is saved by believing it: bytes that
    /// come later raise a new edge. But where a FIN, a reset or an urgent mark is queued, the
    /// read stopped *at* it, and its edge may be over. So once such a mark was announced, only
    /// "would block" counts, as for a socket whose reads stop early.
    pub(crate) fn read_was_short(&mut self) {
        self.readable = self.has_mark || self.reads_stop_early;
    }

    pub(crate) fn read_would_block(&mut self) {
        self.readable = false;
    }

    pub(crate) fn write_would_block(&mut self) {
        self.writable = false;
    }

    /// The socket is broken. The first failure is kept: later ones are its echo. But one that left
    /// it open whether a FIN had come is replaced by one that does not.
    ///
    /// What was received before stays readable (Linux keeps the receive queue when an RST comes),
    /// and the read after it shows the end of it.
    pub(crate) fn fail(&mut self, failure: Failure) {
        if self.failure.is_none_or(|first| first.fin_unknown && !failure.fin_unknown) {
            self.failure = Some(failure);
        }
        self.readable = true;
    }
}
