//! The receiving side of a TCP end.

use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct ReceiveQueue {
    /// Bytes received and not read; the first is at `read`.
    bytes: VecDeque<u8>,
    read: u64,
    /// Position of the last urgent byte, until it is read.
    urgent: Option<u64>,
    pub(crate) fin: bool,
    /// `RCV_SHUTDOWN`
    pub(crate) shut: bool,
    pub(crate) size: usize,
    /// End of the window as known to the peer.
    advertised: u64,
}

/// The result of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Everything, or its end, was new.
    New,
    /// All of it was received before.
    Old,
    /// Bytes before it are missing.
    Gap,
}

impl ReceiveQueue {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            read: 0,
            urgent: None,
            fin: false,
            shut: false,
            size,
            advertised: size as u64,
        }
    }

    /// Number of bytes received.
    pub(crate) fn received(&self) -> u64 {
        self.read + self.bytes.len() as u64
    }

    /// Number of bytes received and not read.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn has_urgent(&self) -> bool {
        self.urgent.is_some()
    }

    /// Bytes before the urgent one; all if there is none.
    pub(crate) fn before_urgent(&self) -> usize {
        let before = self.urgent.map(|at| usize::try_from(at - self.read).unwrap_or(usize::MAX));
        before.unwrap_or(usize::MAX).min(self.len())
    }

    /// Most bytes of one recv(2): up to the urgent byte, unless that is the first.
    pub(crate) fn readable(&self) -> usize {
        match self.before_urgent() {
            0 => self.len(),
            count => count,
        }
    }

    /// Copies bytes from the front into the buffer, as far as one recv(2) reads. Returns their number.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> usize {
        let count = self.readable().min(buffer.len());
        buffer.iter_mut().zip(&self.bytes).take(count).for_each(|(place, byte)| *place = *byte);
        count
    }

    /// Moves bytes from the front into the buffer. Returns their number.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        let (front, back) = self.bytes.as_slices();
        for part in [front, back] {
            let room = &mut buffer[count..];
            let taken = part.len().min(room.len());
            room[..taken].copy_from_slice(&part[..taken]);
            count += taken;
        }
        self.bytes.drain(..count);
        self.read += count as u64;
        self.urgent = self.urgent.filter(|at| *at >= self.read);
        count
    }

    /// Classifies bytes at a position.
    pub(crate) fn classify(&self, at: u64, count: usize, fin: bool) -> Arrival {
        let (received, end) = (self.received(), at + count as u64);
        if at > received {
            Arrival::Gap
        } else if end > received || (fin && !self.fin && end == received) {
            Arrival::New
        } else {
            Arrival::Old
        }
    }

    /// Queues new bytes. Those received before are dropped.
    pub(crate) fn add(&mut self, at: u64, bytes: &[u8], urgent: Option<u64>) {
        let old = usize::try_from(self.received().saturating_sub(at)).unwrap_or(usize::MAX);
        self.urgent = urgent.filter(|urgent| *urgent >= self.read).or(self.urgent);
        self.bytes.extend(bytes.get(old..).unwrap_or_default());
    }

    /// The end of the window: it never moves back.
    fn window(&self) -> u64 {
        self.advertised.max(self.read + self.size as u64)
    }

    /// Whether the window has grown enough for a window update (`__tcp_select_window`).
    pub(crate) fn has_news(&self) -> bool {
        let grown = self.window() - self.advertised;
        grown > 0 && (grown >= self.size as u64 / 4 || self.is_empty())
    }

    /// The end of the window, which the peer learns now.
    pub(crate) fn advertise(&mut self) -> u64 {
        self.advertised = self.window();
        self.advertised
    }
}
