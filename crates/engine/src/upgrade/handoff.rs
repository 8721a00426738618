//! The engine's state between two process images. Data only.

use sys::kernel::{Kernel, Linux};

/// The state handed from one process image to the next.
pub struct Handoff<K: Kernel = Linux> {
    /// Forwards, listeners and counters.
    pub forwards: handover::Forwards,
    /// The sessions of each worker: an encoded [`handover::Worker`].
    pub workers: Vec<Vec<u8>>,
    /// Listening sockets missing from `forwards`, because its bytes were damaged in the handoff.
    /// [`Parked::save`](super::Parked::save) always leaves it empty.
    pub sockets: Vec<K::Socket>,
}
