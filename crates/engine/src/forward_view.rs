//! A forward, as an operator sees it.

use crate::counters::Totals;
use crate::forward::Forward;
use crate::listen_error::ListenError;
use crate::listener::Listener;
use plan::ListenAddress;
use std::fmt;
use sys::FileState;

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

/// A Unix listener whose file is not in its place.
#[derive(Clone, Copy, Debug)]
pub struct LostFile<'a> {
    /// The address of the listener.
    pub listen: &'a ListenAddress,
    /// Missing or replaced.
    pub state: FileState,
}

impl fmt::Display for LostFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.state {
            FileState::Replaced => {
                "another program replaced the socket's file, and clients reach what is there now: \
                 remove that, and reload"
            }
            FileState::Missing | FileState::Present => {
                "another program removed the socket's file, and no client finds it: a reload makes \
                 it again"
            }
        };
        write!(f, "listen {}: {what}", self.listen)
    }
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

    /// Unix listeners that no client finds any more, since another program removed or replaced their
    /// files. One system call for each Unix listener.
    pub fn lost_files(&self) -> impl Iterator<Item = LostFile<'_>> {
        self.listeners.iter().filter_map(|listener| {
            let state = listener.file_state();
            (state != FileState::Present).then_some(LostFile { listen: &listener.address, state })
        })
    }

    /// Why clients do not reach it, or not all of its listeners: it could not be bound, or the file
    /// of a Unix socket is gone.
    pub fn error(&self) -> Option<String> {
        let lost = || self.lost_files().next().map(|lost| lost.to_string());
        self.unbound.map(ToString::to_string).or_else(lost)
    }

    /// Connections that wait to be accepted, at all listeners together.
    pub fn backlog(&self) -> u32 {
        let sockets = self.listeners.iter().flat_map(Listener::sockets);
        sockets.map(|(_, socket)| sys::listen::waiting(&**socket)).sum()
    }
}
