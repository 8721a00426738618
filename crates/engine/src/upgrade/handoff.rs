//! The engine's state on its way from one process image to the next. Only data.

use rustix::fd::OwnedFd;

/// The state that one process image leaves to the next.
#[derive(Default)]
pub struct Handoff {
    /// The forwards and their counters.
    pub forwards: handover::Forwards,
    /// The sessions of each worker: an encoded [`handover::Worker`].
    pub workers: Vec<Vec<u8>>,
    /// Listening sockets that `forwards` does not list, because its bytes were damaged on the way.
    /// Always empty in what [`Parked::save`](super::Parked::save) returns.
    pub sockets: Vec<OwnedFd>,
}
