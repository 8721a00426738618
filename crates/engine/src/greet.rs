//! Stage *greet*: reads the bytes that a client must send before its rule is known. No setting asks for
//! any yet: [`Greeting`] has no value, and these functions compile to nothing.

use crate::session::Outcome;
use flow::Greeting;

/// Handles an event of the client's socket while the greeting is read.
pub(crate) fn event(greeting: Greeting) -> Outcome {
    match greeting {}
}

/// Handles a greeting that has taken too long.
pub(crate) fn timed_out(greeting: Greeting) -> Outcome {
    match greeting {}
}
