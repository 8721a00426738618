//! Stage *preamble*: the bytes that a target must get before the client's.

/// A preamble being sent. Nothing asks for one yet, so no session is ever in this stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preamble {}
