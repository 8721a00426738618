//! Listeners and counters of the previous process image, until its forwards are restored. Only data.

use crate::counters::Totals;
use plan::ListenAddress;
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use sys::FileId;

/// Inherited listeners and counters that no forward has taken yet. Empty except during a take-over.
#[derive(Default)]
pub(crate) struct Unattached {
    /// Listening sockets. The rest is closed when the take-over ends.
    pub(crate) sockets: HashMap<ListenAddress, Bound>,
    /// The number of an activated address's first socket in the workers' epoll instances.
    pub(crate) given: HashMap<ListenAddress, u32>,
    /// Counters by the forward's name.
    pub(crate) totals: HashMap<String, Totals>,
}

/// An inherited listening socket.
pub(crate) struct Bound {
    /// Its number in the workers' epoll instances, if it is registered there.
    pub(crate) number: Option<u32>,
    pub(crate) socket: OwnedFd,
    /// The socket's file, if it is known to be ours.
    pub(crate) file: Option<FileId>,
}
