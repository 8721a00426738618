//! Why the process cannot serve.

use std::fmt;

/// Why the process could not serve.
#[derive(Debug)]
pub enum ServeError {
    /// The configuration does not fit this host.
    Unfit(String),
    /// Something failed that may succeed another time.
    Failed(String),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unfit(message) | Self::Failed(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for ServeError {}

/// A failure that may pass: `what` was tried.
pub fn failed(what: &str, error: impl fmt::Display) -> ServeError {
    ServeError::Failed(format!("{what}: {error}"))
}
