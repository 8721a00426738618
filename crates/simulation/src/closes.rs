//! The rules for the sockets of a session at their close: all bytes that arrived are read and delivered,
//! and the record has the number of bytes sent.

use crate::peer::{Facts, Leaving, ScriptedPeer};
use crate::session::{Record, Session};
use crate::verdict::Circumstances;
use flow::{By, Cause, Direction, FLUSH_LIMIT, Peer, Phase};
use testkit::sim::Closed;

/// Checks the record of a session whose sockets were just closed.
pub(crate) fn of_record(session: &Session, circumstances: Circumstances) {
    // Sockets are not recorded per session of the engine.
    let Some(record) = session.record.filter(|_| !session.is_passed_on()) else { return };
    for peer in [Peer::Client, Peer::Target] {
        let closed = &session.closed[usize::from(peer == Peer::Target)];
        if let Some(last) = closed.last() {
            sent(session, record, peer, *last);
            unread(session, record, peer, *last, circumstances);
        }
    }
    // An attempt to connect that was overtaken, or that an upgrade has ended, may have connected just before.
    // Its target has got no byte, which makes every further attempt safe.
    let was_connected = session.was_connected() || record.bytes != [0, 0];
    for attempt in session.closed[1].iter().rev().skip(usize::from(was_connected)) {
        assert_eq!(attempt.taken, 0, "session {}: bytes for two targets", session.number);
    }
}

/// The record counts the bytes that the socket took.
fn sent(session: &Session, record: Record, peer: Peer, closed: Closed) {
    let recorded = record.bytes[Direction::from(peer).other() as usize];
    // A target has got a header first, or a part of it.
    let lengths = if peer == Peer::Target { session.preface_lengths() } else { vec![0] };
    let is_part = recorded == 0 && lengths.iter().any(|it| closed.taken <= *it);
    if is_part || lengths.iter().any(|it| recorded + it == closed.taken) {
        return;
    }
    assert_eq!(
        recorded, closed.taken,
        "session {}: bytes recorded, and taken by the socket of the {peer:?}",
        session.number
    );
}

/// A break of one peer loses nothing that has arrived from it: the engine has read it, unless the other
/// peer stops reading, no segment reaches it, or a send(2) to its Unix socket has failed.
fn unread(
    session: &Session,
    record: Record,
    peer: Peer,
    closed: Closed,
    circumstances: Circumstances,
) {
    let may_fail = circumstances.calls_failed && session.is_unix(peer.other());
    let takes_all = |facts: &Facts| !facts.has_paused && !facts.was_cut_off && !is_gone(facts);
    let takes_more = session.peer(peer.other()).is_some_and(|it| takes_all(&it.facts));
    if peer_that_broke(session, record) == Some(peer) && takes_more && !may_fail {
        assert_eq!(
            closed.unread, 0,
            "session {}: bytes from the {peer:?} are unread: {:?}",
            session.number, record.reason
        );
    }
}

fn is_gone(facts: &Facts) -> bool {
    facts.left.is_some_and(|left| left != Leaving::InOrder) || facts.broken.is_some()
}

/// The peer whose break ended the session, unless a short limit may have ended it first.
fn peer_that_broke(session: &Session, record: Record) -> Option<Peer> {
    let has_long_limits = session.limits.iter().all(|limits| {
        let span = |limit: Option<_>| limit.is_none_or(|limit| limit >= FLUSH_LIMIT);
        limits.age.is_none()
            && span(limits.idle)
            && span(limits.half)
            && span(limits.stall)
            && limits.user.is_none()
    });
    let of_relay = matches!(record.reason.phase, Phase::Relay | Phase::Drain);
    if !has_long_limits || !of_relay || record.reason.cause != Cause::Reset {
        return None;
    }
    match record.reason.by {
        By::Client => Some(Peer::Client),
        By::Target => Some(Peer::Target),
        _ => None,
    }
}

/// What one peer sent before it broke has reached the other one, if that reads all along and the network
/// loses nothing. A client that reads SO_ERROR first gets the reset, and reads no data.
pub(crate) fn at_the_end(session: &Session, circumstances: Circumstances) {
    let Some(record) = session.record.filter(|_| !circumstances.network_failed) else { return };
    // A peer that takes nothing for this long loses the rest: it was not accepted yet (seed 629789).
    if record.quiet >= FLUSH_LIMIT {
        return;
    }
    let Some(broken) = peer_that_broke(session, record) else { return };
    let reader = session.peer(broken.other());
    let reads = |it: &&ScriptedPeer| {
        it.facts.was_connected && it.facts.left.is_none() && !it.facts.has_paused
    };
    if let Some(reader) = reader.filter(reads) {
        let sent = record.bytes[Direction::from(broken) as usize];
        assert_eq!(
            reader.facts.received,
            sent,
            "session {}: the {:?} has not received what the {broken:?} sent before it broke: {:?}",
            session.number,
            broken.other(),
            reader.facts
        );
    }
}
