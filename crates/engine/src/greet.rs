//! Stage *greet*: reads the bytes from the client that select its rule. No setting uses this stage yet:
//! [`Greeting`] has no values, and these functions compile to nothing.

use crate::session::Outcome;
use flow::Greeting;

/// Handles an event of the client's socket during this stage.
pub(crate) fn event(greeting: Greeting) -> Outcome {
    match greeting {}
}

/// Handles the expired deadline of this stage.
pub(crate) fn timed_out(greeting: Greeting) -> Outcome {
    match greeting {}
}
