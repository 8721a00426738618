//! The bytes that each end of a connection has sent and received: received bytes equal those that the
//! peer has sent, in order.

use crate::op::Connection;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

/// One end of a connection, for the whole run of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End(usize);

struct Stream {
    /// Slot of the end at its birth.
    name: Connection,
    sent: Vec<u8>,
    /// Bytes taken from the peer's stream.
    received: usize,
    peer: Option<End>,
}

/// The ends of all connections of a program.
#[derive(Default)]
pub(crate) struct Streams {
    all: Vec<Stream>,
    /// Ends that connected over TCP, by their local address.
    connecting: BTreeMap<SocketAddr, End>,
}

/// Amounts up to this number of bytes are compared exactly. Larger ones depend on the sizes of
/// buffers, which are the kernel's business.
pub(crate) const SMALL: usize = 30_000;

impl Streams {
    pub(crate) fn new_end(&mut self, name: Connection) -> End {
        self.all.push(Stream { name, sent: Vec::new(), received: 0, peer: None });
        End(self.all.len() - 1)
    }

    pub(crate) fn connected_from(&mut self, end: End, address: SocketAddr) {
        self.connecting.insert(canonical(address), end);
    }

    /// The end that connected from `address`.
    pub(crate) fn end_at(&self, address: SocketAddr) -> Option<End> {
        self.connecting.get(&canonical(address)).copied()
    }

    pub(crate) fn join(&mut self, one: End, other: End) {
        self.all[one.0].peer = Some(other);
        self.all[other.0].peer = Some(one);
    }

    pub(crate) fn name(&self, end: End) -> Connection {
        self.all[end.0].name
    }

    /// The next bytes to be sent by `end`, at most [`PERIOD`].
    pub(crate) fn upcoming(&self, end: End, count: usize) -> Vec<u8> {
        // Neither swapped streams nor shifted ones look alike.
        let from = (self.all[end.0].sent.len() + 1_000 * end.0) % PERIOD;
        PATTERN[from..from + count].to_vec()
    }

    pub(crate) fn sent(&mut self, end: End, bytes: &[u8]) {
        self.all[end.0].sent.extend_from_slice(bytes);
    }

    /// Takes note of received bytes, and describes them.
    pub(crate) fn received(&mut self, end: End, bytes: &[u8]) -> String {
        let expected = self.take_expected(end, bytes.len());
        match bytes {
            [] => "end".to_owned(),
            _ if expected == bytes => bytes.len().to_string(),
            _ => format!("{} other bytes than sent", bytes.len()),
        }
    }

    /// The next `count` bytes that `end` has to receive, which are taken.
    pub(crate) fn take_expected(&mut self, end: End, count: usize) -> Vec<u8> {
        let from = self.all[end.0].received;
        self.all[end.0].received += count;
        let Some(peer) = self.all[end.0].peer else { return Vec::new() };
        let sent = &self.all[peer.0].sent;
        sent.get(from..from + count).unwrap_or_default().to_vec()
    }

    /// Bytes that the peer has sent and `end` has not received.
    pub(crate) fn underway(&self, end: End) -> usize {
        let stream = &self.all[end.0];
        let sent = stream.peer.map_or(0, |peer| self.all[peer.0].sent.len());
        sent.saturating_sub(stream.received)
    }

    /// `count` bytes, comparable between kernels.
    pub(crate) fn amount(&self, end: End, count: usize) -> String {
        let sent = self.all[end.0].peer.map_or(0, |peer| self.all[peer.0].sent.len());
        match self.underway(end) {
            _ if sent <= SMALL => count.to_string(),
            0 => "all".to_owned(),
            _ => "a part".to_owned(),
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    (address.ip().to_canonical(), address.port()).into()
}

/// A prime, so that no block of a power of two looks like the one before.
const PERIOD: usize = 65_537;

/// Two periods of the bytes that every end sends again and again, each end from another position.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let byte = |position: usize| position.wrapping_mul(0x9E37_79B1).to_le_bytes()[2];
    (0..2 * PERIOD).map(|position| byte(position % PERIOD + 1)).collect()
});
