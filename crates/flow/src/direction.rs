//! The two ends of a session, and the two directions between them.

/// One of the two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer of the accepted connection.
    Client,
    /// The peer that the session connects to.
    Target,
}

impl End {
    /// The opposite end of the session.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Target,
            Self::Target => Self::Client,
        }
    }
}

/// The direction of a lane.
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

    /// The direction whose source is `end`.
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
