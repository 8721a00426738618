//! The engine's state between two process images. Data only.

use rustix::fd::OwnedFd;

/// The state handed from one process image to the next.
#[derive(Default)]
pub struct Handoff {
    /// Forwards, listeners and counters.
    pub forwards: handover::Forwards,
    /// The sessions of each worker: an encoded [`handover::Worker`].
    pub workers: Vec<Vec<u8>>,
    /// Listening sockets missing from `forwards`, because its bytes were damaged in the handoff.
    /// [`Parked::save`](super::Parked::save) always leaves it empty.
    pub sockets: Vec<OwnedFd>,
}
