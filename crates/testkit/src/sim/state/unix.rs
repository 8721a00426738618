//! One side of a Unix stream connection (unix(7)).

use super::slab::Key;
use std::collections::VecDeque;
use sys::{Errno, Result};

/// Kind of the bytes of one send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// Descriptors: a read stops behind the bytes.
    Attached,
    /// The byte is urgent, until another one is, or a read begins with it: a read stops in front of it
    /// (`manage_oob`).
    Urgent,
}

/// Bytes of one send: a `struct sk_buff`.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    /// Bytes at the front that were read.
    taken: usize,
    kind: Kind,
}

impl Piece {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Bytes of the sender's buffer that it occupies until it is read as a whole (`skb->truesize`): those
    /// of the head, which are rounded up, and of two structures.
    fn charge(&self) -> usize {
        const HEAD: usize = 16_000;
        const STRUCTURES: [usize; 2] = [320, 256];
        let head = self.bytes.len().min(HEAD);
        let pages = (self.bytes.len() - head).next_multiple_of(4096);
        (head.next_multiple_of(64) + STRUCTURES[0]).next_power_of_two() + STRUCTURES[1] + pages
    }
}

#[derive(Debug)]
pub(crate) struct UnixSide {
    /// The file of this side; `None` while it waits in an accept queue.
    pub(crate) file: Option<Key>,
    pub(crate) peer: Key,
    /// A number that both sides of a connection have in common.
    pub(crate) connection: u64,
    inbox: VecDeque<Piece>,
    /// Bytes of the peer's send buffer that the inbox occupies (`sk_wmem_alloc` of the peer).
    pub(crate) charged: usize,
    pub(crate) receive_shut: bool,
    pub(crate) send_shut: bool,
    pub(crate) error: Option<Errno>,
    pub(crate) send_buffer: usize,
}

/// Most bytes of one piece (`UNIX_SKB_FRAGS_SZ`, and a page less its structures).
const PIECE: usize = 32_768 + 3_648;

impl UnixSide {
    pub(crate) fn new(connection: u64, send_buffer: usize) -> Self {
        Self {
            file: None,
            peer: 0,
            connection,
            inbox: VecDeque::new(),
            charged: 0,
            receive_shut: false,
            send_shut: false,
            error: None,
            send_buffer,
        }
    }

    /// `unix_writable`: a quarter of the send buffer is used at most.
    pub(crate) fn is_writable(&self, charged: usize) -> bool {
        charged.saturating_mul(4) <= self.send_buffer
    }

    pub(crate) fn has_unread(&self) -> bool {
        !self.inbox.is_empty()
    }

    pub(crate) fn unread(&self) -> usize {
        self.inbox.iter().map(|piece| piece.rest().len()).sum()
    }

    pub(crate) fn has_urgent(&self) -> bool {
        self.inbox.iter().any(|piece| piece.kind == Kind::Urgent)
    }

    /// Whether a read may return a part of the queue, as if the rest had arrived just after the call.
    pub(crate) fn may_be_read_short(&self) -> bool {
        self.error.is_none()
            && !self.receive_shut
            && self.inbox.iter().all(|piece| piece.kind == Kind::Plain)
    }

    /// The result of a read that finds no byte: `Ok` at the end.
    pub(crate) fn nothing_to_read(&mut self) -> Result<()> {
        match self.error.take() {
            Some(errno) => Err(errno),
            None if self.receive_shut => Ok(()),
            None => Err(Errno::AGAIN),
        }
    }

    /// Most bytes of one read: up to those with an attached descriptor, or to an urgent one.
    pub(crate) fn readable(&self) -> usize {
        let attached = self.inbox.iter().position(|piece| piece.kind == Kind::Attached);
        let urgent = self.inbox.iter().skip(1).position(|piece| piece.kind == Kind::Urgent);
        let pieces = attached.into_iter().chain(urgent).min();
        let pieces = pieces.map_or(self.inbox.len(), |at| at + 1);
        self.inbox.iter().take(pieces).map(|piece| piece.rest().len()).sum()
    }

    /// Copies bytes from the front into the buffer. Returns their number.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> usize {
        let bytes = self.inbox.iter().flat_map(Piece::rest);
        buffer.iter_mut().zip(bytes).map(|(place, byte)| *place = *byte).count()
    }

    /// Moves bytes from the front into the buffer, of those that [`Self::readable`] counts. Returns their
    /// number, and that of the pieces that are read as a whole.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> (usize, usize) {
        let (mut count, mut pieces) = (0, 0);
        let most = buffer.len().min(self.readable());
        while count < most {
            let Some(piece) = self.inbox.front_mut() else { break };
            let part = piece.rest();
            let part = &part[..part.len().min(most - count)];
            buffer[count..][..part.len()].copy_from_slice(part);
            let taken = part.len();
            piece.taken += taken;
            count += taken;
            // A read takes the descriptors with the first byte.
            piece.kind = Kind::Plain;
            if piece.rest().is_empty() {
                self.charged -= piece.charge();
                self.inbox.pop_front();
                pieces += 1;
            }
        }
        (count, pieces)
    }

    /// Queues bytes from the peer, as far as its send buffer takes them (`unix_stream_sendmsg`). Returns
    /// their number.
    pub(crate) fn add(&mut self, bytes: &[u8], kind: Kind, send_buffer: usize) -> usize {
        if kind == Kind::Urgent {
            let former = self.inbox.iter_mut().filter(|piece| piece.kind == Kind::Urgent);
            former.for_each(|piece| piece.kind = Kind::Plain);
        }
        let most = PIECE.min((send_buffer / 2).saturating_sub(64)).max(1);
        let (mut count, mut kind) = (0, kind);
        for part in bytes.chunks(most) {
            if self.charged >= send_buffer {
                break;
            }
            let piece = Piece { bytes: part.to_vec(), taken: 0, kind };
            self.charged += piece.charge();
            self.inbox.push_back(piece);
            count += part.len();
            // Only the first piece carries descriptors.
            kind = Kind::Plain;
        }
        count
    }
}
