//! The state of each member.

use crate::store::StoreError;

/// The state of one member.
#[derive(Debug)]
pub struct MemberHealth {
    /// `HOST:PORT`, as configured.
    pub endpoint: String,
    /// Its state, or its fault.
    pub result: Result<Member, StoreError>,
}

/// A member that works and knows a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The identity of its cluster.
    pub cluster: u64,
    /// Its version, such as `3.4.23`.
    pub version: String,
    /// Whether it leads.
    pub is_leader: bool,
    /// Bytes of its database.
    pub size: u64,
    /// The store's revision as this member has it.
    pub revision: i64,
}
