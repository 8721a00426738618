//! The two peers of a session, and the two directions between them.

/// One of the two peers of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The peer of the accepted connection.
    Client,
    /// The peer that the session connects to.
    Target,
}

impl Peer {
    /// The opposite peer.
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
    pub fn source(self) -> Peer {
        match self {
            Self::Up => Peer::Client,
            Self::Down => Peer::Target,
        }
    }

    /// Where this direction's bytes go.
    pub fn sink(self) -> Peer {
        self.source().other()
    }

    /// The direction whose source is `peer`.
    pub fn from(peer: Peer) -> Self {
        match peer {
            Peer::Client => Self::Up,
            Peer::Target => Self::Down,
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
