//! Readiness and failure state of one socket.

use crate::close::reason::SocketFailure;

/// An edge-triggered readiness event (epoll(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Bytes, an end or an error can be read.
    pub readable: bool,
    /// Bytes can be written, or a write reports an error.
    pub writable: bool,
    /// A FIN, a reset or an urgent mark stands in or behind the receive queue.
    pub mark: bool,
}

/// The state of one socket: its last known readiness, and its failure if it broke.
#[derive(Clone, Copy, Debug)]
pub struct SocketState {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// A FIN, a reset or an urgent mark was announced: reads stop at it, and its edge may be over.
    pub(crate) has_mark: bool,
    /// Reads also stop at places that no event announces, and no edge follows for the bytes behind.
    pub(crate) reads_stop_early: bool,
    pub(crate) failure: Option<SocketFailure>,
}

impl SocketState {
    /// A new socket: writable, since its send buffer is empty, and not readable until an event reports
    /// bytes, which saves a useless read. Registering a socket reports bytes that are already there.
    pub(crate) fn new() -> Self {
        Self {
            readable: false,
            writable: true,
            has_mark: false,
            reads_stop_early: false,
            failure: None,
        }
    }

    /// Whether a read may find bytes, an end or an error.
    pub fn readable(self) -> bool {
        self.readable
    }

    /// Whether a write may take bytes or report an error.
    pub fn writable(self) -> bool {
        self.writable
    }

    /// Whether a FIN, a reset or an urgent mark was announced.
    pub fn has_mark(self) -> bool {
        self.has_mark
    }

    /// The failure of a broken socket.
    pub fn failure(self) -> Option<SocketFailure> {
        self.failure
    }

    /// Records an event. Events only add readiness; a call that would block removes it.
    pub(crate) fn on_ready(&mut self, event: Readiness) {
        self.readable |= event.readable;
        self.writable |= event.writable;
        self.has_mark |= event.mark;
    }

    /// A short read of this socket never means that its queue is empty. A Unix socket ends a read
    /// where descriptors or credentials are attached to the bytes, and raises no edge behind it.
    pub(crate) fn distrust_short_reads(&mut self) {
        self.reads_stop_early = true;
    }

    /// A splice from this socket that would block found an empty queue.
    ///
    /// In front of a mark it proves nothing: splice(2) from a TCP socket returns EAGAIN with bytes behind
    /// the mark, and never passes it. An EAGAIN from a Unix socket always does: splice(2) and recv(2) run the
    /// same loop over its queue (`unix_stream_read_generic()` in Linux) and report EAGAIN only if it
    /// holds nothing. Attached descriptors or credentials end that loop after at least one byte.
    pub(crate) fn splice_proves_empty(self) -> bool {
        !self.has_mark
    }

    /// A read returned fewer bytes than there was room for.
    ///
    /// Usually the queue is empty then, and assuming so saves one system call: bytes that come later
    /// raise a new edge. But where a FIN, a reset or an urgent mark is queued, the
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

    /// Marks the socket as broken. Keeps the first failure, since later ones follow from it, but replaces
    /// one with `fin_unknown` by one without.
    ///
    /// Bytes received before stay readable (Linux keeps the receive queue when an RST comes), and the
    /// read after them shows the end.
    pub(crate) fn fail(&mut self, failure: SocketFailure) {
        if self.failure.is_none_or(|first| first.fin_unknown && !failure.fin_unknown) {
            self.failure = Some(failure);
        }
        self.readable = true;
    }
}
