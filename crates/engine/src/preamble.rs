//! Stage *preamble*: sends bytes to the target ahead of the client's bytes. No setting uses this stage
//! yet: [`Preamble`] has no values, and these functions compile to nothing.

use crate::session::Outcome;
use flow::Preamble;

/// Handles an event of either socket during this stage.
pub(crate) fn event(preamble: Preamble) -> Outcome {
    match preamble {}
}

/// Handles the expired deadline of this stage.
pub(crate) fn timed_out(preamble: Preamble) -> Outcome {
    match preamble {}
}
