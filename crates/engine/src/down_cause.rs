//! Why a target is down. Only data.

use flow::Cause;
use std::fmt;
use std::sync::Arc;

/// Why a target is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownCause {
    /// Connects of clients have failed, the last one for this reason.
    Connects(Cause),
    /// Checks have failed, the last one with this error.
    Checks(Arc<str>),
}

impl fmt::Display for DownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connects(cause) => f.write_str(cause.as_str()),
            Self::Checks(error) => f.write_str(error),
        }
    }
}
