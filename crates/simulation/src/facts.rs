//! What the application at one end of a session has done, and seen.

use sys::Errno;

/// Calls of an application so far, and their results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Bytes of its header that its kernel took.
    pub(crate) header_written: u64,
    /// Bytes of its stream that its kernel took.
    pub(crate) written: u64,
    /// It has sent an urgent byte.
    pub(crate) has_marked: bool,
    /// It has sent its FIN.
    pub(crate) fin_sent: bool,
    /// It has ended the connection by itself.
    pub(crate) left: Option<Leaving>,
    /// Bytes that it has received, with those ahead of its stream.
    pub(crate) got: u64,
    /// Bytes of its stream that it has received.
    pub(crate) received: u64,
    /// It has received a FIN.
    pub(crate) fin_received: bool,
    /// Its connection broke, or was never established.
    pub(crate) broken: Option<Errno>,
    /// Its connection was established.
    pub(crate) was_connected: bool,
    /// It did not read for a while.
    pub(crate) has_paused: bool,
    /// Its host was silent or unreachable for a while.
    pub(crate) was_cut_off: bool,
    /// It left while its host was: no segment of that has arrived.
    pub(crate) left_unheard: bool,
}

/// How an application ended its connection by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// With an RST.
    Reset,
    /// With a FIN; the kernel answers later bytes with an RST.
    Close,
    Vanish,
    /// Its process was killed.
    Killed,
    /// Its host has lost the connection.
    Crash,
    /// Both FINs had passed.
    InOrder,
}

/// The result of one step of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing could be done.
    Nothing,
    /// The connection was established.
    Connected,
    Wrote(usize),
    /// So many bytes were received; they are in the scratch buffer.
    Received(usize),
    FinSent,
    FinReceived,
    /// The connection broke, or could not be established.
    Broke,
    /// It has closed its socket: nothing more can come or go.
    Closed,
}

impl Facts {
    /// Whether the other end may get a FIN behind the last byte.
    pub(crate) fn has_ended(&self) -> bool {
        self.fin_sent || matches!(self.left, Some(Leaving::Close | Leaving::Killed))
    }
}
