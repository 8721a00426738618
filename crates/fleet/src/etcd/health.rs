//! The state of each member.

use crate::store::StoreError;

/// The state of one member.
#[derive(Debug)]
pub struct MemberHealth {
    /// `HOST:PORT`, as configured.
    pub endpoint: String,
    /// The state, or the fault of the member.
    pub result: Result<Member, StoreError>,
    /// The remedy of a fault whose text has none.
    pub remedy: Option<&'static str>,
}

/// A member that works and knows a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The identity of its cluster.
    pub cluster: u64,
    /// The version of etcd, such as `3.4.23`.
    pub version: String,
    /// Whether the member is the leader.
    pub is_leader: bool,
}
