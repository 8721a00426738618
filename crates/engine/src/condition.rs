//! The condition of a session: what `flow` and the kernel know of it, for its verdict.

use crate::session::Session;
use flow::{Direction, Observation, Peer, Prerequisite, Stage, Time, Way};
use std::time::Duration;
use sys::TcpInfo;
use sys::kernel::Kernel;

/// The kernel's view of the connections to the client and the target.
pub(crate) type Connections = [Option<TcpInfo>; 2];

/// Adds the kernel's view of a connection to the way to its peer.
pub(crate) fn way(known: Way, tcp: Option<TcpInfo>) -> Way {
    let Some(tcp) = tcp else { return known };
    let TcpInfo { unsent, backoffs, lost, .. } = tcp;
    let is_paced = tcp.rate_limit.is_some() && !tcp.window_is_full;
    Way { unsent, backoffs, lost, is_paced, ..known }
}

/// What a session needs before bytes flow.
pub(crate) fn missing<K: Kernel>(session: &Session<K>) -> Option<Prerequisite> {
    match session.flow.stage() {
        Stage::Greeting { .. } => Some(Prerequisite::Greeting),
        Stage::Connecting { .. } if session.is_waiting_for_place() => Some(Prerequisite::Place),
        Stage::Connecting { .. } => Some(Prerequisite::Connection),
        Stage::Preamble { .. } | Stage::Relaying | Stage::Flushing { .. } => None,
    }
}

/// A session at the end of its life.
pub(crate) fn observe<K: Kernel>(
    session: &Session<K>,
    missing: Option<Prerequisite>,
    [client, target]: Connections,
    now: Time,
) -> Observation {
    let flow = &session.flow;
    Observation {
        missing,
        client: way(flow.way_to(Peer::Client), client),
        target: way(flow.way_to(Peer::Target), target),
        closed: flow.half_closed_by(),
        quiet: now.since(flow.last_byte()),
    }
}

/// The part of a lane's waits that its peer has caused: under a `rate` only the time in which the peer's window
/// was full.
pub(crate) fn caused_by_peer(
    stalled: Duration,
    direction: Direction,
    [client, target]: Connections,
) -> Duration {
    let sink = match direction.sink() {
        Peer::Client => client,
        Peer::Target => target,
    };
    let limited = sink.filter(|tcp| tcp.rate_limit.is_some()).map(|tcp| tcp.window_limited);
    limited.map_or(stalled, |limited| stalled.min(limited))
}
