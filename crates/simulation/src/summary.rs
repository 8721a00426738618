//! What remains of a history that broke no rule.

use std::time::Duration;

/// The facts of a history that broke no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Equal for equal histories only.
    pub trace: u64,
    /// Sessions whose clients connected.
    pub sessions: u64,
    /// Sessions that ended in order.
    pub in_order: u64,
    /// Steps taken.
    pub steps: u64,
    /// Simulated time.
    pub time: Duration,
}
