//! Orders to parked workers, and their answers. Data only.

use crate::forward::Forward;
use crate::rule::Route;
use crate::view::Reply;
use std::collections::BTreeMap;
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
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) reply: Reply<BTreeMap<String, u64>>,
}

/// Forwards and routes of restored sessions.
pub(crate) struct Destinations {
    /// Forwards by name.
    pub(crate) forwards: BTreeMap<String, Arc<Forward>>,
    /// Routes by listen address, as configured.
    pub(crate) routes: BTreeMap<Arc<str>, Arc<Route>>,
}
