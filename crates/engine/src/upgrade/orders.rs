//! Orders to parked workers, and their answers. Data only.

use crate::forward::Forward;
use crate::rule::Route;
use crate::view::Reply;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use sys::Errno;

/// An order to a parked worker.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// Read the mailbox and save the sessions.
    Save,
    /// Leave the parked state and serve sessions again.
    Resume,
}

/// An answer of a parked worker.
pub(crate) enum Answer {
    Parked,
    Saved(usize, Result<Vec<u8>, Errno>),
}

/// A worker's ends of the channels of one upgrade.
pub(crate) struct Parking {
    pub(crate) orders: Receiver<Order>,
    pub(crate) answers: Sender<Answer>,
}

/// Saved sessions that a worker restores.
pub(crate) struct TakeOver {
    pub(crate) bytes: Vec<u8>,
    pub(crate) destinations: Arc<BTreeMap<String, Destination>>,
    pub(crate) reply: Reply<BTreeMap<String, u64>>,
}

/// The forward of restored sessions, configured or removed.
pub(crate) struct Destination {
    pub(crate) forward: Arc<Forward>,
    /// By listen address, as shown.
    pub(crate) routes: HashMap<Arc<str>, Arc<Route>>,
}

impl Destination {
    pub(crate) fn new(forward: &Arc<Forward>, routes: &[Arc<Route>]) -> Self {
        let by_address = |route: &Arc<Route>| (Arc::clone(&route.listen), Arc::clone(route));
        Self { forward: Arc::clone(forward), routes: routes.iter().map(by_address).collect() }
    }

    /// A route of one of its listeners. All have the same routes for certain hellos and then, without ranges of ports,
    /// the same targets.
    pub(crate) fn sibling(&self) -> Option<&Route> {
        self.routes.values().next().map(Arc::as_ref)
    }
}
