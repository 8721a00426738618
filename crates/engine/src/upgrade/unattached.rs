//! Listeners and counters of the previous process image, until its forwards are restored. Data only.

use crate::counters::Totals;
use plan::ListenAddress;
use std::collections::BTreeMap;
use sys::FileId;
use sys::kernel::Kernel;

/// Inherited listeners and counters without a forward. Empty except during a take-over.
pub(crate) struct Unattached<K: Kernel> {
    /// Listening sockets by address. Those without a forward are closed at the end of the take-over.
    pub(crate) sockets: BTreeMap<ListenAddress, Bound<K>>,
    /// The number of an activated address's first socket in the workers' epoll instances.
    pub(crate) passed: BTreeMap<ListenAddress, u32>,
    /// Counters by name of the forward.
    pub(crate) totals: BTreeMap<String, Totals>,
    /// The health of targets by name of the forward.
    pub(crate) targets: BTreeMap<String, Vec<handover::Target>>,
}

impl<K: Kernel> Default for Unattached<K> {
    fn default() -> Self {
        Self {
            sockets: BTreeMap::new(),
            passed: BTreeMap::new(),
            totals: BTreeMap::new(),
            targets: BTreeMap::new(),
        }
    }
}

/// An inherited listening socket.
pub(crate) struct Bound<K: Kernel> {
    /// Its number in the workers' epoll instances, if it is registered there.
    pub(crate) number: Option<u32>,
    pub(crate) socket: K::Socket,
    /// The file of a Unix socket, if this process made it.
    pub(crate) file: Option<FileId>,
}
