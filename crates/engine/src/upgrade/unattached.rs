//! Listeners and counters of the previous process image, until its forwards are restored. Data only.

use crate::counters::Totals;
use plan::ListenAddress;
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use sys::FileId;

/// Inherited listeners and counters without a forward. Empty except during a take-over.
#[derive(Default)]
pub(crate) struct Unattached {
    /// Listening sockets by address. Those without a forward are closed at the end of the take-over.
    pub(crate) sockets: HashMap<ListenAddress, Bound>,
    /// The number of an activated address's first socket in the workers' epoll instances.
    pub(crate) passed: HashMap<ListenAddress, u32>,
    /// Counters by name of the forward.
    pub(crate) totals: HashMap<String, Totals>,
}

/// An inherited listening socket.
pub(crate) struct Bound {
    /// Its number in the workers' epoll instances, if it is registered there.
    pub(crate) number: Option<u32>,
    pub(crate) socket: OwnedFd,
    /// The file of a Unix socket, if this process made it.
    pub(crate) file: Option<FileId>,
}
