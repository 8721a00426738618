//! The published text that a fleet shares, as a part of a plan.

use std::fmt;
use std::sync::Arc;

/// A published text. Each machine adds its forwards to those of the local file.
#[derive(Clone, PartialEq, Eq)]
pub struct Published {
    /// Number of the publication.
    pub revision: u64,
    /// SHA-256 of the text in hexadecimal digits, which names it.
    pub hash: String,
    /// The text.
    pub text: Arc<str>,
}

impl Published {
    /// The source of its locations: `revision 42`.
    pub fn source(&self) -> String {
        format!("revision {}", self.revision)
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, hash, text } = self;
        write!(f, "Published {{ revision: {revision}, hash: {hash}, {} bytes }}", text.len())
    }
}
