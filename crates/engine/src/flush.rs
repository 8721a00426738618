//! Stage *flush*: reads how many bytes the peers have not acknowledged yet. The kernel has no event for it.

use crate::session::Session;
use flow::End;

/// Bytes not yet acknowledged by the peer at `end`; 0 if that socket has broken meanwhile.
pub(crate) fn unacked_if_alive(session: &Session, end: End) -> u32 {
    session
        .socket(end)
        .filter(|socket| sys::socket::take_error(*socket).is_ok())
        .map_or(0, sys::socket::unacked)
}
