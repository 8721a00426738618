//! The health of a target: whether it takes new sessions.

mod active;
pub use active::{ActiveHealth, HealthChange};

mod passive;
pub use passive::PassiveHealth;

mod slow_start;
pub use slow_start::{WEIGHT_PARTS, ramped};

use std::time::Duration;

/// Active health: checks take a target out of use, and bring it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active {
    /// Time between two checks of a target whose state is decided.
    pub every: Duration,
    /// Failed checks in a row that take the target down.
    pub fall: u32,
    /// Successful checks in a row that bring it back.
    pub rise: u32,
    /// Whether it may take sessions before its first check has ended.
    pub is_up_at_first: bool,
}

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
