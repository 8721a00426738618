//! Stage *flush*: reads how many bytes the peers have not acknowledged yet. The kernel has no event for it.

use crate::session::Session;
use flow::Peer;

/// Bytes not yet acknowledged by `peer`; 0 if that socket has broken meanwhile.
pub(crate) fn unacked_if_alive(session: &Session, peer: Peer) -> u32 {
    session
        .socket(peer)
        .filter(|socket| sys::socket::take_error(*socket).is_ok())
        .map_or(0, sys::socket::unacked)
}
