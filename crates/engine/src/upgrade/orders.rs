//! Orders to parked workers, and their answers. Only data.

use crate::forward::Forward;
use crate::rule::Route;
use crate::view::Reply;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use sys::Errno;

/// An order to a parked worker.
pub(crate) enum Order {
    /// Read the mail that came meanwhile, and save the sessions.
    Save,
    /// Leave the parked state and serve again.
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
    pub(crate) reply: Reply<HashMap<String, u64>>,
}

/// The forwards and routes that restored sessions belong to.
pub(crate) struct Destinations {
    /// By name.
    pub(crate) forwards: HashMap<String, Arc<Forward>>,
    /// By listen address, as shown.
    pub(crate) routes: HashMap<Arc<str>, Arc<Route>>,
}
