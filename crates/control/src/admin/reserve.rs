//! Descriptors in reserve: without a free one, the admin interface is what an operator needs.

use std::fs::File;

/// Number of descriptors in reserve. Each admits one connection at a time.
const RESERVE: usize = 4;

/// Open files that are closed for a connection when the process has no free descriptor.
#[derive(Debug)]
pub(super) struct Reserve(Vec<File>);

impl Reserve {
    pub(super) fn open() -> Self {
        let mut reserve = Self(Vec::with_capacity(RESERVE));
        reserve.refill();
        reserve
    }

    /// Opens as many files as are missing, if the host allows it.
    pub(super) fn refill(&mut self) {
        while self.0.len() < RESERVE
            && let Ok(file) = File::open("/dev/null")
        {
            self.0.push(file);
        }
    }

    /// Closes one file. Returns false if none is left.
    pub(super) fn release(&mut self) -> bool {
        self.0.pop().is_some()
    }
}
