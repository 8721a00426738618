//! Where an end of a TCP connection is in its life.

use super::world::FileKey;

/// States of RFC 9293. TIME_WAIT is kept as [`State::Closed`] with an occupied port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    Closing,
    CloseWait,
    LastAck,
    Closed,
}

/// What holds an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A listener that has not accepted it yet.
    Queue(FileKey),
    File(FileKey),
    /// Its socket was closed.
    Orphan,
}

/// Progress of the FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fin {
    None,
    Queued,
    Sent,
    Acknowledged,
}
