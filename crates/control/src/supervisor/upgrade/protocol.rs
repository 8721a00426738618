//! The words with which one process image passes its state to another.

/// Names the descriptor of the state, and the process that it is meant for: `FD:PID`.
pub(super) const VARIABLE: &str = "TRAFFIC_FORWARDER_HANDOVER";
/// The only argument of a child that is to say whether it could take over what it reads from its
/// standard input.
pub(super) const CHECK: &str = "--handover-check";
/// What it says then, followed by its version.
pub(super) const ANSWER: &str = "handover-check: ok, version ";
