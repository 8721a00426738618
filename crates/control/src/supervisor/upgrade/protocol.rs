//! Names and formats with which one process image passes its state to the next.

/// Environment variable with the descriptor of the state and the id of the receiving process:
/// `FD:PID`.
pub(super) const VARIABLE: &str = "TRAFFIC_FORWARDER_HANDOVER";
/// Only argument of the child that checks whether it could restore the state on its standard input.
pub(super) const CHECK: &str = "--handover-check";
/// Answer of the child if it could, followed by its version.
pub(super) const ANSWER: &str = "handover-check: ok, version ";
