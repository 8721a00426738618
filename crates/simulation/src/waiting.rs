//! The rules for workers that wait: nothing can be done that no event or timer will bring about.

use crate::checks::TICK;
use crate::world::World;
use engine::parts::{Audit, GateAudit, ListenerAudit, SessionAudit};
use flow::{Direction, LaneState, Peer, Stage, Time};
use std::collections::BTreeMap;
use testkit::sim::Look;

/// Checks the workers whose threads wait. Their states are fresh.
pub(crate) fn check(world: &World, waiting: &[&Audit], are_all_waiting: bool) {
    for audit in waiting {
        assert_eq!(audit.mail, 0, "a worker waits with messages in its mailbox");
        for session in &audit.sessions {
            of_session(world, session);
        }
        full_listeners(world, audit);
    }
    if are_all_waiting {
        queued_clients(world, waiting);
    }
}

/// A back-off that has ended since then has not fired its timer yet.
fn a_tick_ago(world: &World) -> Time {
    let tick = u64::try_from(TICK.as_micros()).unwrap_or(0);
    Time::from_micros(world.sim.now().as_micros().saturating_sub(tick))
}

fn of_session(world: &World, session: &SessionAudit) {
    let number = world.workers.number_of(session.id);
    let client = world.process.look(session.client).unwrap_or_default();
    let target = session.target.and_then(|target| world.process.look(target)).unwrap_or_default();
    match session.flow.stage() {
        Stage::Connecting { .. } => {
            if session.is_waiting_for_place {
                world.targets.check_session(session.id, a_tick_ago(world));
            }
            let look = |attempt: &u32| world.process.look(*attempt).unwrap_or_default();
            let attempts: Vec<Look> = session.attempts.iter().map(look).collect();
            let is_missed = attempts.iter().any(|attempt| attempt.writable || attempt.failed);
            assert!(
                !is_missed && !client.failed,
                "{number:?}: connected or failed, and unnoticed: {client:?} {attempts:?}"
            );
        }
        Stage::Greeting { .. } => {
            if let Some(awaited) = session.awaits {
                world.check_greeting(session, awaited);
            }
        }
        Stage::Preamble { .. } => {
            let can_write = target.writable && target.unacknowledged == 0;
            assert!(
                !can_write,
                "{number:?}: a target waits for the rest of its header: {target:?}"
            );
        }
        Stage::Relaying => {
            for direction in Direction::BOTH {
                of_lane(number, session, direction, [client, target]);
            }
        }
        Stage::Flushing { .. } => {}
    }
}

/// A lane waits for its source only if that has nothing to read, and for its sink only if that has no room.
fn of_lane(number: Option<u16>, session: &SessionAudit, direction: Direction, sockets: [Look; 2]) {
    let look = |peer| if peer == Peer::Client { sockets[0] } else { sockets[1] };
    let lane = session.flow.lane(direction);
    let (source, sink) = (look(direction.source()), look(direction.sink()));
    let can_read = lane.state() == LaneState::Open && lane.held() == 0 && source.readable;
    let is_live = matches!(lane.state(), LaneState::Open | LaneState::Ending | LaneState::Breaking);
    // An acknowledgement on its way brings an event.
    let can_write = is_live && lane.held() > 0 && sink.writable && sink.unacknowledged == 0;
    assert!(
        !can_read && !can_write,
        "{number:?}: the lane {direction:?} could move, and waits: {lane:?}, {source:?}, {sink:?}, {:?}",
        session.flow
    );
}

/// A listener waits for room only if there is none.
fn full_listeners(world: &World, audit: &Audit) {
    let has_room = |gate: GateAudit| gate.taken < gate.limit;
    for ListenerAudit { number, descriptor, name, forward, claims, .. } in &audit.acceptor.listeners
    {
        let waits = audit.acceptor.full.contains(number) && world.process.queued(*descriptor) > 0;
        let have_room = || {
            world.targets.would_take(name, *claims, world.sim.now())
                && !world.targets.has_its_share(name, *forward, audit.process)
        };
        assert!(
            !waits || !has_room(*forward) || !has_room(audit.process) || !have_room(),
            "the listener {number} waits for room: {forward:?}, {:?}, {claims} claims",
            audit.process
        );
    }
}

/// No client waits at a listener, unless a worker has suspended it: that one polls it again when there is room,
/// or after a pause.
fn queued_clients(world: &World, audits: &[&Audit]) {
    let mut all: BTreeMap<u32, bool> = BTreeMap::new();
    for Audit { acceptor, draining, .. } in audits.iter().copied() {
        for ListenerAudit { number, descriptor, .. } in &acceptor.listeners {
            let is_set_aside =
                acceptor.full.contains(number) || acceptor.exhausted.contains(number) || *draining;
            *all.entry(*descriptor).or_default() |= is_set_aside;
        }
    }
    for (descriptor, _) in all.into_iter().filter(|(_, is_set_aside)| !is_set_aside) {
        let queued = world.process.queued(descriptor);
        assert_eq!(queued, 0, "clients wait at the descriptor {descriptor}, and all workers wait");
    }
}
