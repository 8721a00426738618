//! Stage *flush*: reads how many bytes the peers have not acknowledged yet. The kernel has no event for it.

use crate::session::Session;
use flow::Peer;
use sys::kernel::{Kernel, Socket as _};

/// Bytes not yet acknowledged by `peer`; 0 if that socket has broken meanwhile.
pub(crate) fn unacked_if_alive<K: Kernel>(session: &Session<K>, peer: Peer) -> u32 {
    session.socket(peer).filter(|socket| socket.take_error().is_ok()).map_or(0, K::Socket::unacked)
}
