//! Stage *connect*: attempts to connect to the addresses of the selected target, and of further targets if
//! it fails or is silent.

use crate::attempt::{
    Step, TAKEN_DOWN, TIMED_OUT, attempt_failed, begin_attempt, is_itself, report_failure,
    retry_later, round_is_over,
};
use crate::connecting::Attempt;
use crate::context::Context;
use crate::failure;
use crate::name_answer::{NameAnswer, NameFailure};
use crate::permit::Claim;
use crate::place::{no_target, select_another, select_first};
use crate::preamble;
use crate::report::Report;
use crate::rules::Rules;
use crate::session::{Outcome, Over, Session};
use crate::shared::Shared;
use crate::table::Entry;
use flow::{
    By, Direction, NoTarget, NoneUp, Peer, RaceStep, Readiness, SocketFailure, Stage, Time,
};
use plan::OnRefusal;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Epoll as _, Kernel, Socket as _};
use sys::socket::Progress;
use sys::{Address, Event};

/// Attempts of one session per turn: the targets of a large set may all fail at once.
const STEPS_PER_TURN: usize = 32;

/// Connects a session whose client has been greeted.
pub(crate) fn begin<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
    claim: Option<Claim>,
) -> Outcome {
    entry.session.flow.greeted(context.now.after(rules.timeouts.connect));
    select_first(entry, context, rules, claim)?;
    entry.set_timer_by(rules);
    proceed(entry, context, rules)
}

/// Selects a target again for a session of the previous process image.
fn restart<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) -> Outcome {
    select_first(entry, context, rules, None)?;
    proceed(entry, context, rules)
}

/// Handles a wake-up for a session that waits for a place in a target, or was restored while it connected.
pub(crate) fn retry_place<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
) -> Outcome {
    let rules = entry.session.rules();
    let Some(connecting) = &mut entry.session.connecting else {
        let is_connecting = matches!(entry.session.flow.stage(), Stage::Connecting { .. });
        return if is_connecting { restart(entry, context, &rules) } else { Ok(()) };
    };
    connecting.is_listed = false;
    connecting.race.retry_place(context.now);
    proceed(entry, context, &rules)
}

/// Handles the resolver's answer for the name of a round's target.
pub(crate) fn resolved<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    round: usize,
    answer: NameAnswer,
) -> Outcome {
    let rules = entry.session.rules();
    let Some(connecting) = &mut entry.session.connecting else { return Ok(()) };
    let Some(resolved) = connecting.rounds.get_mut(round) else { return Ok(()) };
    let answer = answer.and_then(|addresses| match addresses.len() {
        0 => Err(NameFailure::Error),
        1 => Ok(addresses),
        _ => Ok(flow::in_order(&addresses, resolved.target.worked()).into()),
    });
    match answer {
        Ok(addresses) => {
            connecting.race.resolved(round, addresses.len(), context.now);
            resolved.resolved = Some(addresses);
        }
        Err(failure) => {
            connecting.race.resolved(round, 0, context.now);
            look_up_failed(entry.session, context, round, failure);
        }
    }
    proceed(entry, context, &rules)
}

/// Carries out the steps of the race that are due.
pub(crate) fn proceed<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) -> Outcome {
    let now = context.now;
    for _ in 0..STEPS_PER_TURN {
        let Some(connecting) = &mut entry.session.connecting else {
            return of_restored(entry, context, rules);
        };
        match connecting.race.next(now) {
            RaceStep::Attempt { round, address, attempt } => {
                let step = Step { round, position: address, number: attempt };
                if begin_attempt(entry, context, step)? == Progress::Connected {
                    return connected(entry, context, rules, attempt, Readiness::default());
                }
            }
            RaceStep::Abandon(attempt) => {
                attempt_failed(entry.session, context, attempt, TIMED_OUT);
            }
            RaceStep::Select => select_another(entry, context, rules),
            RaceStep::Wait(until) => {
                entry.session.flow.attempt(until);
                entry.set_timer_by(rules);
                return Ok(());
            }
            RaceStep::AllFailed => {
                let reason = connecting.no_target.unwrap_or(NoTarget::Down);
                let Some(failure) = connecting.failure() else { return Err(no_target(reason)) };
                return Err(fail(entry.session, context, rules, failure));
            }
            RaceStep::TimedOut if connecting.race.is_waiting_for_place() => {
                return Err(no_target(NoTarget::Full));
            }
            RaceStep::TimedOut => {
                let failure = time_is_up(entry.session, context);
                return Err(fail(entry.session, context, rules, failure));
            }
        }
    }
    // The timer fires in the next turn, after other sessions.
    entry.session.flow.attempt(now);
    entry.set_timer_by(rules);
    Ok(())
}

/// A restored session waits for [`Message::Begin`](crate::message::Message::Begin). Its time may be over before.
fn of_restored<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) -> Outcome {
    match entry.session.flow.stage() {
        Stage::Connecting { attempt_until } if attempt_until <= context.now => {
            Err(fail(entry.session, context, rules, TIMED_OUT))
        }
        _ => Ok(()),
    }
}

/// Handles an event of the client's socket before the target is connected.
pub(crate) fn client_event<K: Kernel>(
    entry: &mut Entry<'_, K>,
    now: Time,
    event: Event,
    readiness: Readiness,
) -> Outcome {
    let session = &mut *entry.session;
    // SO_ERROR is read only on EPOLLERR: some kernels report EPOLLHUP alone with successful
    // connects, too.
    if event.error
        && let Err(errno) = session.client.take_error()
    {
        let reason = session.flow.reason_of_client_failure(failure::of_connection(errno));
        return Err(Over::reset(reason));
    }
    // Bytes from the client stay in its receive queue until the target is connected.
    session.flow.on_ready(Peer::Client, readiness, now);
    Ok(())
}

/// Handles an event of a socket that is being connected.
pub(crate) fn attempt_event<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    number: usize,
    event: Event,
    readiness: Readiness,
) -> Outcome {
    let session = &mut *entry.session;
    let Some(connecting) = &session.connecting else { return Ok(()) };
    // An attempt that was closed after epoll had reported this event has no socket any more.
    let Some(attempt) = connecting.attempts.get(number).and_then(Option::as_ref) else {
        return Ok(());
    };
    let error = if event.error { attempt.socket.take_error().err() } else { None };
    match error {
        // Connected and reset since: the client gets the bytes that arrived before the RST.
        Some(errno) if failure::came_after_connecting(errno) => {
            session.flow.broke(Peer::Target, failure::of_connection(errno), context.now);
            connected(entry, context, &entry.session.rules(), number, readiness)
        }
        Some(errno) => {
            attempt_failed(session, context, number, failure::of_attempt(errno));
            proceed(entry, context, &entry.session.rules())
        }
        None if event.writable => {
            connected(entry, context, &entry.session.rules(), number, readiness)
        }
        None => Ok(()),
    }
}

/// Ends the race: attempt `number` has won.
fn connected<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
    number: usize,
    readiness: Readiness,
) -> Outcome {
    let now = context.now;
    let session = &mut *entry.session;
    let Some(connecting) = &mut session.connecting else { return Ok(()) };
    if rules.none_up == NoneUp::Refuse && connecting.is_taken_down(number) {
        attempt_failed(session, context, number, TAKEN_DOWN);
        return proceed(entry, context, rules);
    }
    let Some(Attempt { socket, address, started }) = connecting.attempts[number].take() else {
        return Ok(());
    };
    if is_itself::<K>(&socket, address, context.shared.first_ephemeral_port) {
        retry_later(connecting, number, now);
        return proceed(entry, context, rules);
    }
    if number != 0 {
        // The token of a connected target has no number. The kernel reports again what holds already.
        let _ = context.epoll.remove(&socket);
    }
    session.target = Some(socket);
    win(session, context, number, (address, now.since(started)));
    if number != 0 {
        context.register(entry, Peer::Target)?;
    }
    let session = &mut *entry.session;
    if address.is_unix() {
        session.flow.distrust_short_reads(Peer::Target);
    } else if rules.outbound.as_ref().is_some_and(|outbound| outbound.mptcp) {
        session.flow.prefer_copying_from(Peer::Target);
    }
    session.pace(Direction::Up, rules);
    session.flow.connected(now);
    session.counters(context.index).connected(now.since(session.flow.accepted()));
    session.flow.on_ready(Peer::Target, readiness, now);
    session.flags.set_options_due(!address.is_unix() && !rules.options.is_nothing());
    report_connected(session, context, address);
    entry.set_timer_by(rules);
    preamble::begin(entry, context, rules)
}

/// Reports that the target is connected, if the log or a watcher takes it.
fn report_connected<K: Kernel>(session: &Session<K>, context: &Context<K>, address: Address) {
    if context.shared.detail.steps() {
        context.shared.outbox.send(Report::Forwarding {
            id: session.id,
            forward: Arc::clone(&session.route().forward.name),
            target: session.permit.target().map_or_else(Arc::default, |it| Arc::clone(&it.text)),
            address,
        });
    }
}

/// Counts the results of a race that attempt `winner` has won, at this address and after this time. Keeps the
/// winner's place.
fn win<K: Kernel>(
    session: &mut Session<K>,
    context: &Context<K>,
    winner: usize,
    (address, took): (Address, Duration),
) {
    let Some(connecting) = &session.connecting else { return };
    let won = connecting.race.round_of(winner);
    // Overtaken attempts count as failed.
    for number in connecting.running() {
        attempt_failed(session, context, number, TIMED_OUT);
    }
    session.target_address = Some(address);
    let Some(mut connecting) = session.connecting.take() else { return };
    if let Some(round) = won.and_then(|won| connecting.rounds.get_mut(won)) {
        round.target.connected(context.index, address.ip(), took);
        let names = || (Arc::clone(&session.route().forward.name), Arc::clone(&round.target.text));
        if round.target.reach.note_reached() {
            let (forward, target) = names();
            let report = Report::Reached { forward, target, at: context.now };
            if context.shared.outbox.try_send(report).is_some() {
                // Too many reports wait: the next session ends the warning.
                round.target.reach.note_unreported();
            }
        }
        if round.target.works() && !round.target.is_down() {
            let was_down = round.target.note_up(context.kernel.system_time(), context.now);
            let was_down = Some(was_down.unwrap_or_default());
            let (forward, target) = names();
            context.shared.outbox.send(Report::TargetUp { forward, target, was_down });
            context.shared.wake(session.route().forward.targets_changed());
        }
        if let Some(place) = round.place.take() {
            context.shared.leave_target(&mut session.permit);
            session.permit.take_back(place);
        }
    }
    connecting.take_places().for_each(|place| context.shared.release_place(place));
    context.shared.release_claim(connecting.claim.take());
}

/// Counts the attempts and look-ups of a session whose time is up as failed. Returns the failure of its last
/// target.
fn time_is_up<K: Kernel>(session: &mut Session<K>, context: &Context<K>) -> SocketFailure {
    let Some(connecting) = &session.connecting else { return TIMED_OUT };
    let (running, unresolved) = (connecting.running(), connecting.unresolved());
    for number in running {
        attempt_failed(session, context, number, TIMED_OUT);
    }
    for round in unresolved {
        look_up_failed(session, context, round, NameFailure::Timeout);
    }
    match session.connecting.as_ref().and_then(|it| it.rounds.last()) {
        Some(last) if last.is_over => last.failure.unwrap_or(TIMED_OUT),
        _ => TIMED_OUT,
    }
}

/// Counts and reports the failed look-up of a round's target, which ends the round.
fn look_up_failed<K: Kernel>(
    session: &mut Session<K>,
    context: &Context<K>,
    round: usize,
    failure: NameFailure,
) {
    let connecting = session.connecting.as_mut();
    let Some(failed) = connecting.and_then(|it| it.rounds.get_mut(round)) else { return };
    let failure = failure.as_socket_failure();
    failed.failure = Some(failure);
    failed.target.connect_failed(context.index);
    report_failure(session, context, round, None, failure);
    round_is_over(session, context, round);
}

/// Resets the sockets of a session that ends while it connects, and returns its places beside that of the
/// permit.
pub(crate) fn end<K: Kernel>(session: &mut Session<K>, shared: &Shared<K>) {
    if let Some(mut connecting) = session.connecting.take() {
        connecting.take_sockets().for_each(K::Socket::reset);
        connecting.take_places().for_each(|place| shared.release_place(place));
        shared.release_claim(connecting.claim.take());
    }
}

/// Ends a session whose attempts have all failed.
fn fail<K: Kernel>(
    session: &Session<K>,
    context: &mut Context<K>,
    rules: &Rules,
    failure: SocketFailure,
) -> Over {
    let reason = failure::reason_of_attempt(failure);
    if reason.by == By::Resource {
        // Spare pipes hold descriptors: frees them.
        context.pump.pool.clear();
        context.report_exhausted(failure.cause, "connecting to a target");
    }
    let abort = rules.on_refusal == OnRefusal::Reset;
    if !abort {
        // Closing a socket with unread bytes sends an RST instead of the FIN.
        context.pump.discard(&session.client);
    }
    Over { reason, abort, has_record: true }
}
