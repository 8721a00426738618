//! The end-to-end tests: the real binary, real sockets on loopback, real servers. One module per
//! theme; what they share is in `support`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod support;

mod bad_input;
mod command_line;
mod demo;
mod endings;
mod exhaustion;
mod fidelity;
mod forwarding;
mod limits;
mod logging;
mod names;
mod programs;
mod resets;
mod scale;
mod shutdown;
mod timeouts;
