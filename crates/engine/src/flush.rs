//! Stage *flush*: reads how many bytes the peers have not acknowledged yet. The kernel has no event for it.

use crate::session::Session;
use flow::End;

/// The unacknowledged bytes of a live socket; none of one that has broken since.
pub(crate) fn unacked_if_alive(session: &Session, end: End) -> u32 {
    session
        .socket(end)
        .filter(|socket| sys::socket::take_error(*socket).is_ok())
        .map_or(0, sys::socket::unacked)
}
