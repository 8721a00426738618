//! What an upgrade in place carries over of a name.

use super::failure::LookUpError;
use crate::sets::Record;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The last good answer of a name, or its failure, as an upgrade in place carries it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedName {
    /// The name, in lower case.
    pub name: Arc<str>,
    /// Its addresses, with port 0; none if there was no good answer.
    pub addresses: Vec<SocketAddr>,
    /// Time until the answer expires.
    pub left: Duration,
    /// The members of its set, if it has one.
    pub members: Vec<Record>,
    /// Its failure, if the log has it.
    pub failure: Option<SavedFailure>,
}

/// The failure of a name, as an upgrade in place carries it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFailure {
    /// Time since the first failed look-up.
    pub since: Duration,
    /// Error of the last look-up.
    pub error: LookUpError,
    /// Number of failed look-ups.
    pub failures: u32,
}
