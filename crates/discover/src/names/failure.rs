//! Why the look-up of a name failed.

use std::fmt;

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUpError {
    /// The name does not exist (NXDOMAIN).
    NotFound,
    /// The name exists, without an address.
    NoAddress,
    /// The name exists, without an SRV record.
    NoService,
    /// The name servers or a module of the C library failed; the reason as a sentence.
    Failed(String),
    /// The name servers did not answer in time.
    Timeout,
    /// The text cannot be a name in DNS.
    NoName,
}

impl LookUpError {
    /// The word in the label `result` of metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NoName => "not_found",
            Self::NoAddress | Self::NoService => "no_address",
            Self::Failed(_) => "failed",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for LookUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the name does not exist"),
            Self::NoAddress => f.write_str("the name has no address"),
            Self::NoService => f.write_str("the name has no SRV record"),
            Self::Failed(why) => f.write_str(why),
            Self::Timeout => f.write_str("the name servers did not answer in time"),
            Self::NoName => f.write_str("this cannot be a name in DNS"),
        }
    }
}

impl std::error::Error for LookUpError {}
