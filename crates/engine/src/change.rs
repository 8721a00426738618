//! A changed configuration as a message to the workers: added and removed listeners, and forwards whose open
//! sessions get other timers, rates or counts. Only data.

use crate::forward::Forward;
use crate::rule::Route;
use std::sync::Arc;
use sys::kernel::Kernel;

/// A listening socket and the route of its connections.
pub(crate) struct Listening<K: Kernel> {
    pub(crate) socket: Arc<K::Socket>,
    pub(crate) route: Arc<Route>,
    /// Whether it is an MPTCP socket.
    pub(crate) is_mptcp: bool,
}

/// Changes for all workers alike.
pub(crate) struct Changes<K: Kernel> {
    /// Listeners by number: new ones, and known ones that get another route.
    pub(crate) listen: Vec<(u32, Arc<Listening<K>>)>,
    /// Removed listeners.
    pub(crate) unlisten: Vec<u32>,
    /// Forwards with rules under which open sessions may be due earlier than before, in the order of
    /// their addresses in memory.
    pub(crate) stricter: Vec<Arc<Forward>>,
    /// Forwards with other rates than before, in the same order.
    pub(crate) repaced: Vec<Arc<Forward>>,
    /// Forwards that count their clients in another way than before, in the same order.
    pub(crate) recounted: Vec<Arc<Forward>>,
}

impl<K: Kernel> Default for Changes<K> {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            unlisten: Vec::new(),
            stricter: Vec::new(),
            repaced: Vec::new(),
            recounted: Vec::new(),
        }
    }
}

/// The order of the lists of forwards in [`Changes`].
pub(crate) fn in_memory(forward: &Arc<Forward>) -> usize {
    Arc::as_ptr(forward).addr()
}

/// Whether `forward` is one of these, one of the lists of [`Changes`].
pub(crate) fn is_among(forwards: &[Arc<Forward>], forward: &Arc<Forward>) -> bool {
    forwards.binary_search_by_key(&in_memory(forward), in_memory).is_ok()
}
