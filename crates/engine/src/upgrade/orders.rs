//! What a worker is ordered to do in an upgrade. Only data.

use crate::forward::Forward;
use crate::view::Reply;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use sys::Errno;

/// What a stopped worker is to do.
pub(crate) enum Order {
    /// Read the mail that came while stopping, and write down what there is.
    Save,
    /// Go on as if nothing had been.
    GoOn,
}

/// What a stopped worker answers.
pub(crate) enum Answer {
    Parked,
    Saved(usize, Result<Vec<u8>, Errno>),
}

/// A worker's end of it.
pub(crate) struct Parking {
    pub(crate) orders: Receiver<Order>,
    pub(crate) answers: Sender<Answer>,
}

/// What a worker is to take over.
pub(crate) struct TakeOver {
    pub(crate) bytes: Vec<u8>,
    pub(crate) forwards: Arc<HashMap<String, Arc<Forward>>>,
    pub(crate) reply: Reply<HashMap<String, u64>>,
}
