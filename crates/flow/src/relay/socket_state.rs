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
    /// In one byte, so that a session stays small.
    flags: u8,
    pub(crate) failure: Option<SocketFailure>,
}

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// A FIN, a reset or an urgent mark was announced: reads stop at it, and its edge may be over.
const HAS_MARK: u8 = 4;
/// Reads also stop at places that no event announces, and no edge follows for the bytes behind.
const READS_STOP_EARLY: u8 = 8;

impl SocketState {
    /// A new socket: writable, since its send buffer is empty, and not readable until an event reports
    /// bytes, which saves a useless read. Registering a socket reports bytes that are already there.
    pub(crate) fn new() -> Self {
        Self { flags: WRITABLE, failure: None }
    }

    /// The state with these flags and this failure.
    pub(crate) fn restored(
        [readable, writable, has_mark, reads_stop_early]: [bool; 4],
        failure: Option<SocketFailure>,
    ) -> Self {
        let mut state = Self { flags: 0, failure };
        state.set(READABLE, readable);
        state.set(WRITABLE, writable);
        state.set(HAS_MARK, has_mark);
        state.set(READS_STOP_EARLY, reads_stop_early);
        state
    }

    fn is_set(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn set(&mut self, flag: u8, value: bool) {
        self.flags = if value { self.flags | flag } else { self.flags & !flag };
    }

    /// Whether a read may find bytes, an end or an error.
    pub fn readable(self) -> bool {
        self.is_set(READABLE)
    }

    /// Whether a write may take bytes or report an error.
    pub fn writable(self) -> bool {
        self.is_set(WRITABLE)
    }

    /// Whether a FIN, a reset or an urgent mark was announced.
    pub fn has_mark(self) -> bool {
        self.is_set(HAS_MARK)
    }

    /// Whether a short read never means that the queue is empty.
    pub(crate) fn reads_stop_early(self) -> bool {
        self.is_set(READS_STOP_EARLY)
    }

    /// The failure of a broken socket.
    pub fn failure(self) -> Option<SocketFailure> {
        self.failure
    }

    /// Records an event. Events only add readiness; a call that would block removes it.
    pub(crate) fn on_ready(&mut self, event: Readiness) {
        self.flags |= (u8::from(event.readable) * READABLE)
            | (u8::from(event.writable) * WRITABLE)
            | (u8::from(event.mark) * HAS_MARK);
    }

    /// A short read of this socket never means that its queue is empty. A Unix socket ends a read
    /// where descriptors or credentials are attached to the bytes, and raises no edge behind it.
    pub(crate) fn distrust_short_reads(&mut self) {
        self.set(READS_STOP_EARLY, true);
    }

    /// A splice from this socket that would block found an empty queue.
    ///
    /// In front of a mark it proves nothing: splice(2) from a TCP socket returns EAGAIN with bytes behind
    /// the mark, and never passes it. An EAGAIN from a Unix socket always does: splice(2) and recv(2) run the
    /// same loop over its queue (`unix_stream_read_generic()` in Linux) and report EAGAIN only if it
    /// holds nothing. Attached descriptors or credentials end that loop after at least one byte.
    pub(crate) fn splice_proves_empty(self) -> bool {
        !self.has_mark()
    }

    /// A read returned fewer bytes than there was room for.
    ///
    /// Usually the queue is empty then, and assuming so saves one system call: bytes that come later
    /// raise a new edge. But where a FIN, a reset or an urgent mark is queued, the
    /// read stopped *at* it, and its edge may be over. So once such a mark was announced, only
    /// "would block" counts, as for a socket whose reads stop early.
    pub(crate) fn read_was_short(&mut self) {
        self.set(READABLE, self.has_mark() || self.reads_stop_early());
    }

    pub(crate) fn read_would_block(&mut self) {
        self.set(READABLE, false);
    }

    pub(crate) fn write_would_block(&mut self) {
        self.set(WRITABLE, false);
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
        self.set(READABLE, true);
    }
}
