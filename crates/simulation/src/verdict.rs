//! Compares the engine's record of a session with the calls of its peers and their results.

use crate::peer::{Facts, Leaving, ScriptedPeer};
use crate::session::{Record, Session};
use flow::{By, Cause, Direction, Peer, Phase};
use std::time::Duration;
use sys::Errno;

/// Events of a history that explain the end of any session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circumstances {
    /// Calls failed, or descriptors were scarce.
    pub(crate) calls_failed: bool,
    /// The network has lost segments, or reported errors.
    pub(crate) network_failed: bool,
    /// All sessions were cut.
    pub(crate) was_cut: bool,
    /// The sessions of removed forwards were cut.
    pub(crate) was_tidied: bool,
    /// A forward had a user timeout.
    pub(crate) had_user_timeout: bool,
    /// The resolver gave an empty answer.
    pub(crate) had_empty_answer: bool,
    /// The resolver answered that the name servers did not answer.
    pub(crate) had_name_timeout: bool,
}

/// Checks the record of an ended session, as far as the present facts allow.
pub(crate) fn of_record(session: &Session, circumstances: Circumstances) {
    let Some(record) = session.record else { return };
    let Record { reason, .. } = record;
    assert!(
        is_explained(session, record, circumstances),
        "session {}: nothing explains {reason:?}: the client {:?}, the target {:?}",
        session.number,
        session.client.facts,
        session.peer(Peer::Target).map(|peer| &peer.facts)
    );
    for direction in Direction::BOTH.into_iter().filter(|_| !session.is_opaque) {
        bytes(session, record, direction);
    }
}

fn facts(session: &Session, peer: Peer) -> Option<&Facts> {
    session.peer(peer).map(|peer| &peer.facts)
}

/// The recorded bytes are not fewer than the sink has received, nor more than the source has sent, and
/// equal to both where the lane ended in order.
fn bytes(session: &Session, record: Record, direction: Direction) {
    let recorded = record.bytes[direction as usize];
    let written = facts(session, direction.source()).map_or(0, |facts| facts.written);
    let received = facts(session, direction.sink()).map_or(0, |facts| facts.received);
    let is_whole = record.reason.cause != Cause::Fin || recorded == written;
    assert!(
        received <= recorded && recorded <= written && is_whole,
        "session {}, {direction:?}: {written} bytes were sent, {recorded} recorded, {received} received, \
         {:?}",
        session.number,
        record.reason
    );
}

fn is_explained(session: &Session, record: Record, circumstances: Circumstances) -> bool {
    let Record { reason, .. } = record;
    let of = |by| match by {
        By::Client => Some(Peer::Client),
        By::Target => Some(Peer::Target),
        _ => None,
    };
    if circumstances.calls_failed && (reason.by == By::Resource || reason.phase == Phase::Connect) {
        return true;
    }
    // The hosts have few ports for outgoing connections, and a closed one keeps its port for a minute.
    if reason.cause == Cause::NoPorts {
        return true;
    }
    match (of(reason.by), reason.cause) {
        // A peer that leaves while its header is awaited is a health check, without a record.
        (Some(_), Cause::Fin) if reason.phase == Phase::Greet => false,
        (Some(_), Cause::Fin) => {
            // Of a session to a listener of the process, the other one may have been lost by a failed call
            // (seed 582379).
            let has_ended =
                |peer| facts(session, peer).map_or(circumstances.calls_failed, Facts::has_ended);
            has_ended(Peer::Client) && has_ended(Peer::Target)
        }
        (Some(peer), Cause::Reset) => broke(session, peer),
        (Some(peer), Cause::TimedOut | Cause::Unreachable)
            if peer == Peer::Client || reason.phase != Phase::Connect =>
        {
            let is_gone =
                |facts: &Facts| matches!(facts.left, Some(Leaving::Vanish | Leaving::Crash));
            // A user timeout also ends the connection of a peer that has stopped reading. A client that waited
            // in a queue has that of the forward which listened then (seed 861098).
            circumstances.network_failed
                || facts(session, peer).is_none_or(is_gone)
                || circumstances.had_user_timeout
        }
        (Some(Peer::Target), cause) if reason.phase == Phase::Connect => match cause {
            // `targets` checks which targets were up.
            Cause::Refused | Cause::Unreachable | Cause::Loop | Cause::NoTarget => true,
            Cause::NameError => circumstances.had_empty_answer,
            _ => false,
        },
        (Some(Peer::Client), Cause::BadHeader) => has_bad_header(session),
        (None, cause) => of_others(session, record, cause, circumstances),
        _ => false,
    }
}

fn of_others(
    session: &Session,
    record: Record,
    cause: Cause,
    circumstances: Circumstances,
) -> bool {
    let limits = || session.limits.iter();
    let has_lasted = |limit: Option<Duration>| limit.is_some_and(|limit| record.duration >= limit);
    let was_idle = |limit: Option<Duration>| limit.is_some_and(|limit| record.quiet >= limit);
    match (record.reason.by, cause) {
        (By::Limit, Cause::ConnectTimeout) => limits().any(|it| has_lasted(Some(it.connect))),
        (By::Limit, Cause::NameTimeout) => {
            circumstances.had_name_timeout || limits().any(|it| has_lasted(Some(it.connect)))
        }
        // `targets` checks which targets were full.
        (By::Limit, Cause::OverLimit) => record.reason.phase == Phase::Connect,
        (By::Limit, Cause::HeaderTimeout) => {
            let timeouts = session.admissions.iter().filter_map(|it| it.accept_proxy.as_ref());
            let has_lasted = timeouts.map(|it| it.timeout).any(|it| has_lasted(Some(it)));
            session.takes_header != Some(false) && has_lasted
        }
        (By::Limit, Cause::HelloTimeout) => {
            let has_lasted = session.admissions.iter().any(|it| has_lasted(Some(it.hello)));
            has_lasted && session.client.facts.written > 0
        }
        // The world knows the routes.
        (By::Limit, Cause::NoRoute) => record.reason.phase == Phase::Greet,
        (By::Limit, Cause::IdleTimeout) => limits().any(|it| was_idle(it.idle)),
        (By::Limit, Cause::HalfCloseTimeout) => limits().any(|it| was_idle(it.half)),
        (By::Limit, Cause::Stalled) => {
            limits().any(|it| has_stalled(session, record, it.stall, circumstances))
        }
        (By::Limit, Cause::MaxAge) => limits().any(|it| has_lasted(it.age)),
        (By::Operator, Cause::Killed) => session.killed,
        (By::Operator, Cause::Drained) => circumstances.was_tidied,
        (By::Shutdown, Cause::Drained) => circumstances.was_cut,
        _ => false,
    }
}

/// Whether a lane has not moved for the limit, and its sink had a reason to take no byte.
fn has_stalled(
    session: &Session,
    record: Record,
    limit: Option<Duration>,
    circumstances: Circumstances,
) -> bool {
    let Some(limit) = limit else { return false };
    let reads = |peer| {
        let reads =
            |it: &Facts| it.was_connected && it.left.is_none() && !it.has_paused && !it.was_cut_off;
        !session.is_passed_on() && facts(session, peer).is_some_and(reads)
    };
    Direction::BOTH.into_iter().any(|direction| {
        let explains = circumstances.network_failed || !reads(direction.sink());
        record.quiet_lanes[direction as usize] >= limit && explains
    })
}

/// Whether the header of the client is wrong, or no byte of it could follow.
fn has_bad_header(session: &Session) -> bool {
    let facts = &session.client.facts;
    let is_cut = facts.fin_sent || facts.left.is_some() || facts.broken.is_some();
    let is_wrong = !session.beginning.is_valid || is_cut || facts.has_marked;
    session.takes_header != Some(false) && is_wrong
}

/// Whether the peer has ended its connection in a way that may reset it.
fn broke(session: &Session, peer: Peer) -> bool {
    // The application of the target may have had an earlier connection, and not the lost one. Another session
    // of the engine has other rules.
    let is_unknown =
        session.crashed_in_queue || session.is_passed_on() || !session.has_used_target();
    if peer == Peer::Target && is_unknown {
        return true;
    }
    match session.peer(peer).map(|peer| &peer.facts) {
        Some(facts) => {
            let left = matches!(
                facts.left,
                Some(Leaving::Reset | Leaving::Close | Leaving::Killed | Leaving::Crash)
            );
            // Its own kernel gave the connection up while the network lost everything. An application that
            // pauses or has left does not see that, or only by the error of a later call (seeds 627370, 792634).
            let sees_it = !facts.has_paused && facts.left.is_none();
            let gave_up = facts.was_cut_off && (!sees_it || facts.broken == Some(Errno::NOTCONN));
            left || gave_up || facts.broken == Some(Errno::TIMEDOUT)
        }
        // The host has closed its listener with the connection in the queue.
        None => true,
    }
}

/// Checks, at the end of a history, the last result of every application.
pub(crate) fn at_the_end(session: &Session, circumstances: Circumstances) {
    for peer in [Peer::Client, Peer::Target] {
        if let Some(scripted) = session.peer(peer) {
            at_the_end_of(session, peer, scripted, circumstances);
        }
    }
}

/// A stream that the engine cut off ends with a reset.
fn at_the_end_of(
    session: &Session,
    peer: Peer,
    scripted: &ScriptedPeer,
    circumstances: Circumstances,
) {
    let Some(record) = session.record else { return };
    let facts = &scripted.facts;
    if facts.left.is_some() || session.is_unix(peer) {
        return;
    }
    let is_in_order = record.reason.cause == Cause::Fin;
    assert!(
        !scripted.is_open() || circumstances.network_failed,
        "session {}: the {peer:?} has received no end after {:?}: {facts:?}",
        session.number,
        record.reason
    );
    let refused_by_fin = session.may_be_refused_by_fin(peer) && facts.fin_received;
    // The kernel resets a closed connection whose reader pauses for minutes with bytes unsent
    // (`tcp_orphan_retries`). While the network fails, a FIN is given up as well, and an RST is lost.
    let paused = is_in_order && facts.has_paused && !facts.fin_received;
    let given_up = paused || circumstances.network_failed;
    assert!(
        is_in_order == facts.broken.is_none() || refused_by_fin || given_up,
        "session {}: the record has {:?}, the {peer:?} {facts:?}",
        session.number,
        record.reason
    );
}
