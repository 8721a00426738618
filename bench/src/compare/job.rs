//! Workload of one run.

/// Workload of the load generator, with the target that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Closed-loop request and response.
    Rr { sessions: usize, size: usize },
    /// Connect, request, response, close.
    Crr { parallel: usize },
    /// Bulk to a sink.
    Bulk { streams: usize },
    /// Bulk through several workers.
    Balance { streams: usize, workers: usize },
    /// A probe at 1 % of a load of 70 %.
    Probe,
    /// A probe alone and beside bulk streams.
    Beside { streams: usize },
    /// Idle sessions, and their memory.
    Idle { sessions: usize },
    /// Busy sessions beside one and beside many idle ones.
    Crowd { idle: usize },
    /// The start of a forwarder with many forwards.
    Forwards { count: usize },
}

impl Job {
    /// What the target does.
    pub(crate) fn server(self) -> &'static str {
        match self {
            Self::Bulk { .. } | Self::Balance { .. } => "sink",
            Self::Beside { .. } => "mixed",
            _ => "echo",
        }
    }

    /// How many forwards the forwarder has.
    pub(crate) fn forwards(self) -> usize {
        if let Self::Forwards { count } = self { count } else { 1 }
    }

    /// How many workers it has, if that is not left to the command line.
    pub(crate) fn workers(self) -> Option<usize> {
        if let Self::Balance { workers, .. } = self { Some(workers) } else { None }
    }

    /// Whether it is about the forwarder itself: there is nothing to measure without one.
    pub(crate) fn needs_forwarder(self) -> bool {
        matches!(self, Self::Idle { .. } | Self::Balance { .. } | Self::Forwards { .. })
    }
}
