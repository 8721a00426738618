//! Ended sessions as listed by the admin interface.

use crate::SessionClosed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A session that has ended: its record, with the same fields as in the log, and the time of its end.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EndedSession<'a> {
    /// Time of the end.
    pub ended: String,
    /// Seconds since the end.
    pub ago: f64,
    /// The session record. While records are neither logged nor watched, it has no `client_tcp` and
    /// `target_tcp`.
    #[serde(flatten)]
    pub record: SessionClosed<'a>,
}

/// A page of the last sessions that have ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EndedSessions<'a> {
    /// All sessions that have ended since then are known: since the start of this process image, or since the
    /// end of the oldest of 1000.
    pub since: String,
    /// Number of sessions that match the query, on all pages.
    pub total: usize,
    /// The sessions of the page, the newest first.
    pub sessions: Vec<EndedSession<'a>>,
}
