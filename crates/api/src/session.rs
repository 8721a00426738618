//! Open sessions as listed by the admin interface.

use super::{Attention, Word};
use flow::{By, Fallback, Path, Phase, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Snapshot of an open session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The session's id, unique in this process.
    pub id: u64,
    /// Name of the forward, as configured.
    pub forward: String,
    /// The client's address, or `unix`.
    pub client: String,
    /// Address of the proxy whose PROXY header names the client; null if there is none.
    #[serde(default)]
    pub proxy: Option<String>,
    /// Server name (SNI) in the client's TLS ClientHello, where `route` reads it; null if there is none.
    #[serde(default)]
    pub sni: Option<String>,
    /// The listen address, as configured.
    pub listener: String,
    /// The selected target, as configured.
    pub target: String,
    /// Address of the target that is connected, or being tried.
    pub target_address: Option<String>,
    /// `greet`, `connect`, `relay` or `drain`.
    #[schema(schema_with = Word::<Phase>::schema)]
    pub phase: Word<Phase>,
    /// Time at which the client was accepted.
    pub started: String,
    /// Seconds since the client was accepted.
    pub age: f64,
    /// Seconds since a byte last moved.
    pub idle: f64,
    /// Seconds from accept to the connected target; null before that.
    pub connect_time: Option<f64>,
    /// Seconds from accept to the target's first byte; null before that.
    #[serde(default)]
    pub first_byte: Option<f64>,
    /// The peer that has sent its FIN while the other one has not; null if there is none.
    #[serde(default)]
    pub half_closed: Option<HalfClosed>,
    /// The lane from client to target.
    pub up: Lane,
    /// The lane from target to client.
    pub down: Lane,
    /// Its condition in one word: `ok`, `idle`, `client-slow`, `target-slow` and others.
    #[schema(schema_with = Word::<Verdict>::schema)]
    pub verdict: Word<Verdict>,
    /// Conditions that need attention; empty if all is well.
    #[serde(default)]
    pub attention: Vec<Attention>,
    /// The kernel's view of the client's connection; null for a Unix socket.
    pub client_tcp: Option<Tcp>,
    /// The kernel's view of the target's connection; null for a Unix socket.
    pub target_tcp: Option<Tcp>,
    /// Number of its worker, from 0.
    pub worker: usize,
}

/// A session of which one peer has sent its FIN.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HalfClosed {
    /// That peer: `client` or `target`.
    #[schema(schema_with = Word::<By>::schema)]
    pub by: Word<By>,
    /// Seconds until the session ends, unless a byte moves or is acknowledged; null without
    /// `half_close_timeout` and `idle_timeout`.
    pub left: Option<f64>,
}

/// One direction of a session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lane {
    /// Bytes sent to the receiving peer.
    pub bytes: u64,
    /// Bytes per second over the last moments; null unless rates are requested.
    pub rate: Option<f64>,
    /// Bytes per second that its `rate` allows; null without one.
    #[serde(default)]
    pub rate_limit: Option<u64>,
    /// Bytes received and not yet sent.
    pub held: u64,
    /// Seconds in which they have waited for the receiving peer's socket.
    #[serde(default)]
    pub stalled: f64,
    /// The present path: `copy` or `splice`.
    #[schema(schema_with = Word::<Path>::schema)]
    pub path: Word<Path>,
    /// Why the lane fell back from splice to copy: `none`, `small_messages`, `no_pipe` or `unsupported`.
    #[schema(schema_with = Word::<Fallback>::schema)]
    pub fallback: Word<Fallback>,
    /// The lane has ended: no more bytes will follow.
    pub ended: bool,
}

/// `TCP_INFO` of a connection.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tcp {
    /// Smoothed round-trip time in seconds.
    pub rtt: f64,
    /// Number of retransmitted segments.
    pub retransmits: u32,
    /// Present number of consecutive retransmission timeouts.
    pub backoffs: u8,
    /// Number of segments sent and not acknowledged.
    pub unacked: u32,
    /// Number of segments presumed lost.
    pub lost: u32,
    /// Bytes in the send queue that were not sent yet.
    pub unsent: u32,
    /// The congestion window in segments.
    pub congestion_window: u32,
}

/// A page of sessions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// Number of sessions that match the query, on all pages.
    pub total: usize,
    /// The sessions of the page, in the requested order.
    pub sessions: Vec<Session>,
}
