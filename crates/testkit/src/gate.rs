//! A signal between a test and its peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::wait::{LIMIT, wait_until};

/// Closed at first, then open for ever. A script stalls until it is open, or opens it to say how far
/// it has come; all clones are one gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the gate for all waiting peers.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits until it is open.
    ///
    /// # Panics
    ///
    /// After [`LIMIT`], with the name of what did not happen.
    #[track_caller]
    pub fn wait(&self, what: &str) {
        wait_until(what, LIMIT, || self.is_open());
    }
}
