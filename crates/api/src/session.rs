//! Open sessions.

use super::{Attention, Word};
use flow::{Fallback, Path, Phase, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One open session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its number, unique in this process.
    pub id: u64,
    /// The forward's name.
    pub forward: String,
    /// The client's address, or `unix`.
    pub client: String,
    /// The listen address, as configured.
    pub listener: String,
    /// The target, as configured.
    pub target: String,
    /// The address that was connected to, or is being tried.
    pub target_address: Option<String>,
    /// `connect`, `relay` or `drain`.
    #[schema(schema_with = Word::<Phase>::schema)]
    pub phase: Word<Phase>,
    /// When the client was accepted.
    pub started: String,
    /// Seconds since then.
    pub age: f64,
    /// Seconds since a byte last moved.
    pub idle: f64,
    /// Seconds from acceptance to the connection with the target.
    pub connect_time: Option<f64>,
    /// From client to target.
    pub up: Lane,
    /// From target to client.
    pub down: Lane,
    /// `client-slow`, `target-slow`, `network-lossy`, `idle` or `ok`.
    #[schema(schema_with = Word::<Verdict>::schema)]
    pub verdict: Word<Verdict>,
    /// Why an operator should act on it; empty if nothing is wrong.
    #[serde(default)]
    pub attention: Vec<Attention>,
    /// The kernel's view of the client's connection.
    pub client_tcp: Option<Tcp>,
    /// The kernel's view of the target's connection.
    pub target_tcp: Option<Tcp>,
    /// The worker that serves it.
    pub worker: usize,
}

/// One direction of a session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lane {
    /// Bytes moved.
    pub bytes: u64,
    /// Bytes per second over the last moments; nothing if rates were not asked for.
    pub rate: Option<f64>,
    /// Bytes received that the other side did not take yet.
    pub held: u64,
    /// `copy` or `splice`, just now.
    #[schema(schema_with = Word::<Path>::schema)]
    pub path: Word<Path>,
    /// Why it went from splice to copy: `none`, `small_messages`, `no_pipe` or `unsupported`.
    #[schema(schema_with = Word::<Fallback>::schema)]
    pub fallback: Word<Fallback>,
    /// No more bytes come.
    pub ended: bool,
}

/// What the kernel knows of a TCP connection.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tcp {
    /// Smoothed round-trip time in seconds.
    pub rtt: f64,
    /// Segments sent again so far.
    pub retransmits: u32,
    /// Retransmission time-outs in a row, just now.
    pub backoffs: u8,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments held to be lost.
    pub lost: u32,
    /// Bytes that wait to be sent.
    pub unsent: u32,
    /// The congestion window in segments.
    pub congestion_window: u32,
}

/// Some sessions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// How many there are that were asked for.
    pub total: usize,
    /// As many of them as were asked for, sorted.
    pub sessions: Vec<Session>,
}
