//! Clients as listed by the admin interface.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A client of a forward that counts its clients.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Client {
    /// Name of the forward, as configured.
    pub forward: String,
    /// Its address, or the prefix by which it is counted; null stands for all clients that came while the table
    /// was full of clients with sessions.
    pub client: Option<String>,
    /// Number of its open sessions.
    pub places: u32,
    /// Since when it has had sessions, to the second; null if it has none.
    pub since: Option<String>,
    /// Its connections that were refused by `share` or `per_client`. It is forgotten when it has no sessions, and
    /// another client needs the memory.
    pub refused: u32,
}

/// A page of clients.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Clients {
    /// Number of clients that match the query, on all pages.
    pub total: usize,
    /// The clients of the page: those with the most sessions first, then the most refused ones.
    pub clients: Vec<Client>,
    /// Forwards among the requested ones that count no clients: `share` is off, and `per_client` sets no limit.
    pub uncounted: Vec<String>,
    /// Open sessions of clients that are not counted, in the forwards that have some: exempt clients, and those of
    /// Unix listeners.
    #[serde(default)]
    pub others: BTreeMap<String, u32>,
}
