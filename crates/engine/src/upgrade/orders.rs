//! Orders to parked workers, and their answers. Only data.

use crate::forward::Forward;
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
    pub(crate) forwards: Arc<HashMap<String, Arc<Forward>>>,
    pub(crate) reply: Reply<HashMap<String, u64>>,
}
