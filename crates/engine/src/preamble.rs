//! Stage *preamble*: sends the bytes that a target must get before the client's. No setting asks for any
//! yet: [`Preamble`] has no value, and these functions compile to nothing.

use crate::session::Outcome;
use flow::Preamble;

/// Handles an event of a socket while the preamble is sent.
pub(crate) fn event(preamble: Preamble) -> Outcome {
    match preamble {}
}

/// Handles a preamble that has taken too long.
pub(crate) fn timed_out(preamble: Preamble) -> Outcome {
    match preamble {}
}
