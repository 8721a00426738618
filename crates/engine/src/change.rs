//! A changed configuration as a message to the workers: added and removed listeners, and forwards whose
//! sessions may be due earlier. Only data.

use crate::forward::Forward;
use crate::rule::Route;
use rustix::fd::OwnedFd;
use std::sync::Arc;

/// A listening socket and the route of its connections.
pub(crate) struct Listening {
    pub(crate) socket: Arc<OwnedFd>,
    pub(crate) route: Arc<Route>,
}

/// Changes for all workers alike.
#[derive(Default)]
pub(crate) struct Changes {
    /// Listeners by number: new ones, and known ones that get another route.
    pub(crate) listen: Vec<(u32, Arc<Listening>)>,
    /// Removed listeners.
    pub(crate) unlisten: Vec<u32>,
    /// Forwards with rules under which open sessions may be due earlier than before, in the order of
    /// their addresses in memory.
    pub(crate) stricter: Vec<Arc<Forward>>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.listen.is_empty() && self.unlisten.is_empty() && self.stricter.is_empty()
    }
}

/// The order of [`Changes::stricter`].
pub(crate) fn in_memory(forward: &Arc<Forward>) -> usize {
    Arc::as_ptr(forward).addr()
}

/// Whether `forward` is one of [`Changes::stricter`].
pub(crate) fn is_among(stricter: &[Arc<Forward>], forward: &Arc<Forward>) -> bool {
    stricter.binary_search_by_key(&in_memory(forward), in_memory).is_ok()
}
