//! Silence that the kernel ends by itself.

use std::time::Duration;

/// TCP keepalive (tcp(7)): after how much silence the kernel probes the peer, how often, and how many
/// probes may stay unanswered. The kernel takes whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between two probes.
    pub interval: Duration,
    /// Unanswered probes that end the connection.
    pub count: u32,
}
