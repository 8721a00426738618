//! A forward, as an operator sees it.

use crate::counters::Totals;
use crate::forward::Forward;
use crate::listen_error::ListenError;
use crate::listener::Listener;

/// A forward, as it is now.
#[derive(Clone, Copy)]
pub struct ForwardView<'a> {
    /// How it is configured; a removed one, how it was.
    pub plan: &'a plan::Forward,
    /// Whether it takes sessions.
    pub state: ForwardState,
    /// Why it could not be bound, where it is skipped.
    pub unbound: Option<&'a ListenError>,
    pub(crate) forward: &'a Forward,
    pub(crate) listeners: &'a [Listener],
}

/// Whether a forward takes sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardState {
    /// It does.
    Active,
    /// An operator drains it.
    Draining,
    /// It could not be bound, and the process runs without it.
    Skipped,
    /// It is no longer configured, and has sessions.
    Removed,
}

impl ForwardState {
    /// The word in answers and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Skipped => "skipped",
            Self::Removed => "removed",
        }
    }
}

impl ForwardView<'_> {
    /// Open sessions.
    pub fn sessions(&self) -> u32 {
        self.forward.gate.taken()
    }

    /// What was counted.
    pub fn totals(&self) -> Totals {
        self.forward.counters.totals()
    }

    /// Connections that wait to be accepted, at all listeners together.
    pub fn backlog(&self) -> u32 {
        let sockets = self.listeners.iter().flat_map(Listener::sockets);
        sockets.map(|(_, socket)| sys::listen::waiting(&**socket)).sum()
    }
}
