//! What a peer writes down about its script.

use std::fmt;

use crate::stream::Difference;
use crate::wire::End;

/// What happened to one peer.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Name of the peer.
    pub peer: String,
    /// Bytes that the kernel took from it.
    pub sent: u64,
    /// Bytes that it read.
    pub received: u64,
    /// The first [`Self::KEPT`] of the bytes that it read.
    pub bytes: Vec<u8>,
    /// How connecting or reading ended, as far as it did.
    pub read_end: Option<End>,
    /// What stopped a write, if anything did.
    pub write_end: Option<End>,
    /// The first byte that was not the expected one.
    pub wrong: Option<Difference>,
    /// The step that did not succeed.
    pub failure: Option<Failure>,
}

impl Transcript {
    /// How many of the bytes that were read are kept.
    pub const KEPT: usize = 64 * 1024;
}

/// The step that did not succeed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Number of the step, from 1, and its description.
    pub step: String,
    /// Description of the actual result.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.why)
    }
}
