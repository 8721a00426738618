//! What the forwards have from the previous process image. Only data.

use crate::counters::Totals;
use plan::ListenAddress;
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use sys::FileId;

/// What forwards begin with that the image before had. Empty in every other process.
#[derive(Default)]
pub(crate) struct Legacy {
    /// Listening sockets. Those that no forward takes are closed.
    pub(crate) sockets: HashMap<ListenAddress, Bound>,
    /// What the first of the given sockets of an address is known by there.
    pub(crate) given: HashMap<ListenAddress, u32>,
    /// What was counted.
    pub(crate) totals: HashMap<String, Totals>,
}

/// A listening socket of the image before.
pub(crate) struct Bound {
    /// Its key in the workers' epoll instances, if it is registered there.
    pub(crate) number: Option<u32>,
    pub(crate) socket: OwnedFd,
    /// The file that was made for it, if that is known.
    pub(crate) file: Option<FileId>,
}
