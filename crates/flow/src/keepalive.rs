//! TCP keepalive: probes on a silent connection.

use std::time::Duration;

/// The options of TCP keepalive (tcp(7)). The kernel counts the durations in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between two probes.
    pub interval: Duration,
    /// Unanswered probes after which the kernel ends the connection.
    pub count: u32,
}
