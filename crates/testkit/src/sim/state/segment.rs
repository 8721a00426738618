//! Segments of TCP connections. Positions count the bytes of a stream.

use super::slab::Key;
use std::net::SocketAddr;

/// A segment on its way.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) from: Key,
    /// The receiving end. `None` for a SYN, which goes to an address.
    pub(crate) to: Option<Key>,
    /// Addresses of the sender and the receiver: the ends may be gone when it arrives.
    pub(crate) source: SocketAddr,
    pub(crate) target: SocketAddr,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Syn,
    SynAck {
        window: u64,
    },
    /// The last segment of the handshake.
    Established,
    Data {
        at: u64,
        bytes: Vec<u8>,
        /// Position of an urgent byte among them.
        urgent: Option<u64>,
        fin: bool,
    },
    Ack {
        /// Position behind the last byte received.
        upto: u64,
        /// End of the receive window.
        window: u64,
        /// The FIN was received.
        fin: bool,
    },
    /// Asks for an acknowledgement: a keepalive or a probe of a window.
    Probe,
    Reset,
}
