//! Rates at which the kernel sends.

use crate::direction::Direction;

/// Most bytes per second in each direction of a session; `None` does not limit it. The kernel paces the socket
/// that the bytes are sent to (`SO_MAX_PACING_RATE`, socket(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pacing {
    /// Towards the target.
    pub up: Option<u64>,
    /// Towards the client.
    pub down: Option<u64>,
}

impl Pacing {
    /// Neither direction is limited.
    pub const NONE: Self = Self { up: None, down: None };

    /// The limit of a direction.
    pub fn of(&self, direction: Direction) -> Option<u64> {
        match direction {
            Direction::Up => self.up,
            Direction::Down => self.down,
        }
    }
}
