//! The events of a history.

use super::configuration::{Configuration, Endpoint};
use super::opening::Opening;
use flow::Peer;
use std::time::Duration;

/// One event. It changes nothing if its session, forward or host does not exist, so that any event can be
/// removed from a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client of a new session connects, and begins with these bytes.
    Connect(u16, Endpoint, Opening),
    /// A peer of a session acts.
    Act(u16, Peer, Act),
    /// Changes the condition of a target's host.
    Target(u8, Host),
    /// Carries out a command of the operator.
    Operate(Command),
    /// Changes the conditions of the kernel and the network.
    Conditions(Severity),
    /// At most so many more descriptors can be opened than are open now; `None` lifts the limit.
    Files(Option<u16>),
    /// Changes the answers of the resolver.
    Resolver(Resolver),
    /// Advances the clock by this span, and takes all steps that are due by then.
    Pass(Duration),
    /// Takes steps until the next one is more than 100 ms away.
    Settle,
}

/// An act of the application at one end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Writes so many bytes, when those before are written.
    Send(u32),
    /// Writes the rest of what it begins with, when the bytes before are written.
    Open,
    /// Writes one urgent byte, when those before are written. On a Unix socket, a byte with a descriptor
    /// attached.
    Mark,
    /// Sends a FIN, when the bytes before are written.
    Fin,
    /// Resets the connection at once.
    Reset,
    /// Closes the connection at once: the kernel sends an RST if bytes are unread, or arrive later.
    Close,
    /// Vanishes at once: its host stops answering.
    Vanish,
    /// Stops reading.
    Pause,
    /// Reads so many bytes, and stops.
    Read(u32),
    /// Reads everything from now on.
    Flow,
}

/// The condition of a target's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// It listens and accepts.
    Up,
    /// It listens and accepts nothing: its queue fills.
    NotAccepting,
    /// It does not listen: connections are refused. Open ones go on.
    Closed,
    /// Its process dies, with all of its connections.
    Dead,
    /// Its network loses everything.
    Silent,
    /// A router reports that it cannot be reached. Open connections go on.
    Unreachable,
    /// It loses all connections without a segment, and goes on.
    Crashed,
    /// It resets each connection that it accepts.
    Resetting,
}

/// A command of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Makes this the running configuration.
    Reload(Configuration),
    /// Dry run of a reload.
    Try(Configuration),
    /// Drains a forward.
    Drain(u8),
    /// Makes a drained or skipped forward listen again.
    Resume(u8),
    /// Limits the sessions of all forwards together.
    MaxSessions(u16),
    /// Ends a session.
    Kill(u16),
    /// Lists the sessions.
    List,
    /// Forgets removed forwards without sessions, and ends the sessions of those removed at least this long
    /// ago.
    Tidy(Option<Duration>),
    /// Retries the addresses of skipped forwards.
    Retry,
    /// Resets all sessions.
    Cut,
    /// Closes all listeners for good.
    Shutdown,
    /// Upgrades in place.
    Upgrade,
    /// Begins an upgrade, which fails before execve(2).
    FailUpgrade,
}

/// How often the kernel and the network delay, shorten or fail what the engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// No delays, and no failures without a cause in the state.
    Friendly,
    /// Delays, short counts, small windows, late and coalesced events.
    Rough,
    /// The same, and calls fail.
    Hostile,
    /// Each condition friendly or hostile, by the seed.
    Mixed,
}

/// Answers of the resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// At once.
    Prompt,
    /// After this span.
    Late(Duration),
    /// At once, with an error.
    Empty,
    /// At once: the name servers did not answer in time.
    TimesOut,
    /// Not before another event changes it.
    NoAnswer,
}
