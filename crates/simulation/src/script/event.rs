//! The events of a history.

use super::configuration::{Configuration, Spot};
use flow::Peer;
use std::time::Duration;

/// One event. What it names may be gone or not there yet: it then changes nothing, so that any event
/// can be removed from a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client of a new session connects.
    Connect(u16, Spot),
    /// A peer of a session acts.
    Act(u16, Peer, Act),
    /// The host of a target changes.
    Target(u8, Host),
    /// The operator acts.
    Operate(Command),
    /// From now on, the kernel behaves like this.
    Weather(Weather),
    /// At most so many more descriptors can be opened than are open now; `None` lifts the limit.
    Files(Option<u16>),
    /// From now on, the resolver answers like this.
    Resolver(Resolver),
    /// Time passes; everything that is due happens.
    Pass(Duration),
    /// Everything happens that needs no more than a moment.
    Settle,
}

/// What the application at one end of a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Writes so many bytes, when those before are written.
    Send(u32),
    /// Writes one urgent byte, when those before are written. On a Unix socket, a byte with a descriptor
    /// attached.
    Mark,
    /// Sends a FIN, when the bytes before are written.
    Fin,
    /// Resets the connection at once.
    Reset,
    /// Closes the connection at once: the kernel sends an RST if bytes are unread, or arrive later.
    Close,
    /// Vanishes at once: its host answers nothing any more.
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
    Deaf,
    /// It does not listen: connections are refused. Open ones go on.
    Closed,
    /// Its process dies, with all of its connections.
    Dead,
    /// It answers no SYN. Open connections go on.
    Silent,
}

/// What the operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Makes this the running configuration.
    Reload(Configuration),
    /// Checks whether this could be the running configuration.
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
    /// Forgets removed forwards, and ends sessions of those that were removed so long ago.
    Tidy(Option<Duration>),
    /// Binds again what could not be bound.
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

/// How unkind the kernel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything succeeds that can succeed, without delay.
    Calm,
    /// Delays, short counts, small windows, late and coalesced events.
    Rough,
    /// The same, and calls fail for lack of a resource.
    Poor,
}

/// How the resolver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// At once.
    Prompt,
    /// After so long.
    Late(Duration),
    /// At once, with an empty list.
    Empty,
    /// Not before another event changes it.
    Mute,
}
