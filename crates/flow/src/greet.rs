//! Stage *greet*: the bytes that a client must send before its rule is known.

/// A greeting being read. Nothing asks for one yet, so no session is ever in this stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {}
