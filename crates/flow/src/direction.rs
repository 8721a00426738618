//! The two ways through a session.

use crate::side::End;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the target.
    Up,
    /// From the target to the client.
    Down,
}

impl Direction {
    /// The word for logs and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// Both, in the order in which a session usually needs them.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];

    /// Where this direction's bytes come from.
    pub fn source(self) -> End {
        match self {
            Self::Up => End::Client,
            Self::Down => End::Target,
        }
    }

    /// Where this direction's bytes go.
    pub fn sink(self) -> End {
        self.source().other()
    }

    /// The direction whose bytes come from `end`.
    pub fn from(end: End) -> Self {
        match end {
            End::Client => Self::Up,
            End::Target => Self::Down,
        }
    }

    /// The opposite direction.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}
