//! A target of several whose behaviour changes.

use std::net::SocketAddr;

use testkit::{Behaviour, BlackHole, Place, Target};

/// The behaviour of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Sends each line back.
    Serves,
    /// Does not listen.
    Refuses,
    /// Answers no SYN: its accept queue is full.
    Swallows,
    /// Accepts, and sends nothing.
    Silent,
    /// Accepts and resets.
    Resets,
}

/// A target at an address that it keeps.
#[derive(Debug)]
pub(super) struct Changing {
    address: SocketAddr,
    running: Running,
}

#[derive(Debug)]
enum Running {
    None,
    Target { _target: Target },
    Hole { _hole: BlackHole },
}

impl Changing {
    /// A target that serves.
    pub(super) fn serving(address: SocketAddr) -> Self {
        let mut target = Self { address, running: Running::None };
        target.set(State::Serves);
        target
    }

    /// Ends its connections, and behaves like this from now on.
    pub(super) fn set(&mut self, state: State) {
        // The address must be free before it is bound again.
        self.running = Running::None;
        let target = |behaviour| Running::Target {
            _target: Target::start_at(Place::At(self.address), behaviour),
        };
        self.running = match state {
            State::Serves => target(Behaviour::Echo),
            State::Refuses => Running::None,
            State::Swallows => Running::Hole { _hole: BlackHole::open_at(Place::At(self.address)) },
            State::Silent => target(Behaviour::Stall),
            State::Resets => target(Behaviour::Reset),
        };
    }
}
