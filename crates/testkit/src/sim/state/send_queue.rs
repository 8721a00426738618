//! The sending side of a TCP end.

use std::collections::VecDeque;

/// Most bytes of one segment: the MSS of the loopback interface.
const SEGMENT: usize = 65_483;

/// Progress of the FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fin {
    None,
    Queued,
    Sent,
    Acknowledged,
}

/// Bytes of a segment that is sent next.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) urgent: Option<u64>,
    pub(crate) fin: bool,
}

#[derive(Debug)]
pub(crate) struct SendQueue {
    /// Bytes not acknowledged; the first is at `acknowledged`.
    bytes: VecDeque<u8>,
    acknowledged: u64,
    sent: u64,
    /// End of the peer's window.
    window: u64,
    /// Position of the last urgent byte.
    mark: Option<u64>,
    pub(crate) fin: Fin,
    /// Bytes that an RST has dropped.
    lost: usize,
    pub(crate) size: usize,
    /// `SEND_SHUTDOWN`
    pub(crate) shut: bool,
    /// A failed send or a poll asks for an event when there is room (`SOCK_NOSPACE`).
    pub(crate) no_space: bool,
}

impl SendQueue {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            acknowledged: 0,
            sent: 0,
            window: 0,
            mark: None,
            fin: Fin::None,
            lost: 0,
            size,
            shut: false,
            no_space: false,
        }
    }

    fn end(&self) -> u64 {
        self.acknowledged + self.bytes.len() as u64
    }

    pub(crate) fn room(&self) -> usize {
        self.size.saturating_sub(self.bytes.len())
    }

    /// `sk_stream_is_writeable`: a third of the buffer is free.
    pub(crate) fn is_writable(&self) -> bool {
        self.room() > 0 && self.room() >= self.bytes.len() / 2
    }

    /// Whether an event for the present room is due. Clears the request.
    pub(crate) fn takes_space_request(&mut self) -> bool {
        let due = self.no_space && self.is_writable();
        self.no_space &= !due;
        due
    }

    /// Whether bytes are not acknowledged.
    pub(crate) fn holds_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    pub(crate) fn add(&mut self, bytes: &[u8], is_urgent: bool) {
        self.bytes.extend(bytes);
        if is_urgent {
            self.mark = self.end().checked_sub(1);
        }
    }

    /// Something was sent and not acknowledged.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.sent > self.acknowledged || self.fin == Fin::Sent
    }

    /// Bytes wait for the window of the peer.
    pub(crate) fn is_blocked(&self) -> bool {
        self.sent == self.acknowledged && self.holds_bytes() && self.window <= self.sent
    }

    /// Something was not sent yet (`snd_nxt != write_seq`).
    pub(crate) fn has_unsent(&self) -> bool {
        self.sent < self.end() || self.fin == Fin::Queued
    }

    pub(crate) fn unsent(&self) -> u64 {
        self.end() - self.sent
    }

    /// The next segment that the window permits: bytes, then the FIN.
    pub(crate) fn next(&mut self) -> Option<Next> {
        let at = self.sent;
        let until = self.end().min(self.window).min(at + SEGMENT as u64);
        if until > at {
            self.sent = until;
            let offset = |at: u64| usize::try_from(at - self.acknowledged).unwrap_or(usize::MAX);
            let bytes = copy(&self.bytes, offset(at), offset(until));
            let urgent = self.mark.filter(|mark| (at..until).contains(mark));
            return Some(Next { at, bytes, urgent, fin: false });
        }
        if self.fin == Fin::Queued && self.sent == self.end() {
            self.fin = Fin::Sent;
            return Some(Next { at, bytes: Vec::new(), urgent: None, fin: true });
        }
        None
    }

    /// Opens the window up to a position. It never closes.
    pub(crate) fn open(&mut self, window: u64) {
        self.window = self.window.max(window);
    }

    /// An acknowledgement up to a position. Returns whether it moves anything on.
    pub(crate) fn acknowledge(&mut self, upto: u64, fin: bool) -> bool {
        let count = usize::try_from(upto.saturating_sub(self.acknowledged)).unwrap_or(usize::MAX);
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count);
        self.acknowledged += count as u64;
        self.sent = self.sent.max(self.acknowledged);
        let fin = fin && matches!(self.fin, Fin::Queued | Fin::Sent);
        if fin {
            self.fin = Fin::Acknowledged;
        }
        count > 0 || fin
    }

    /// Sends again from the first byte that was not acknowledged.
    pub(crate) fn rewind(&mut self) {
        self.sent = self.acknowledged;
        if self.fin == Fin::Sent {
            self.fin = Fin::Queued;
        }
    }

    /// Bytes that are not acknowledged, and one for the FIN. An RST leaves the number.
    pub(crate) fn unacknowledged(&self) -> usize {
        let fin = usize::from(matches!(self.fin, Fin::Queued | Fin::Sent));
        self.bytes.len() + fin + self.lost
    }

    /// Drops all that was not acknowledged, also a SYN (`tcp_write_queue_purge`).
    pub(crate) fn lose(&mut self, has_syn: bool) {
        self.lost = self.unacknowledged() + usize::from(has_syn);
        self.bytes.clear();
        self.sent = self.acknowledged;
        self.fin = Fin::None;
    }
}

fn copy(bytes: &VecDeque<u8>, from: usize, until: usize) -> Vec<u8> {
    let (front, back) = bytes.as_slices();
    let part = |slice: &[u8], start: usize| {
        let bounds = |at: usize| at.clamp(start, start + slice.len()) - start;
        bounds(from)..bounds(until)
    };
    let mut copied = Vec::with_capacity(until - from);
    copied.extend_from_slice(&front[part(front, 0)]);
    copied.extend_from_slice(&back[part(back, front.len())]);
    copied
}
