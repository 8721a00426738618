//! A changed configuration, as the workers are given it: listeners come, go and lead elsewhere, and
//! open sessions get the new rules of their forwards.

use crate::forward::{Forward, Route};
use rustix::fd::OwnedFd;
use std::sync::Arc;

/// A listening socket, and where its connections go.
pub(crate) struct Listening {
    pub(crate) socket: Arc<OwnedFd>,
    pub(crate) route: Arc<Route>,
}

/// What changes, for all workers alike.
#[derive(Default)]
pub(crate) struct Changes {
    /// Listeners by number: new ones, and known ones that lead elsewhere from now on.
    pub(crate) listen: Vec<(u32, Arc<Listening>)>,
    /// Listeners that are given up.
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
