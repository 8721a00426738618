//! The health of a target: whether it takes new sessions.

mod passive;
pub use passive::PassiveHealth;

use std::time::Duration;

/// What happens to the open sessions of a target that a check takes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDown {
    /// They go on.
    Keep,
    /// They are reset at both ends.
    Reset,
}

/// Passive health: clients' failed connects take a target out of use for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passive {
    /// Failed connects in a row after which the target is down.
    pub failures: u32,
    /// Time for which it is down at first. It doubles with each failed attempt to return.
    pub down: Duration,
    /// Longest time for which it is down.
    pub down_max: Duration,
}
