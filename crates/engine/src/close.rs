//! Stage *close*: one close reason, every descriptor closed, every place returned, one record.

use crate::condition::{self, Connections};
use crate::connect;
use crate::context::Context;
use crate::counters::is_failure;
use crate::greet;
use crate::rate_limit::ReportKind;
use crate::report::{Report, SessionRecord};
use crate::session::{Over, Session};
use crate::target::Target;
use flow::{By, Cause, CloseReason, Direction, Ending, Peer, Phase, Time, Verdict};
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Kernel, Socket as _};

/// Close reason of sessions still open at the end of `shutdown_timeout`.
pub(crate) const CUT: CloseReason = CloseReason::new(By::Shutdown, Phase::Drain, Cause::Drained);

/// Ends a session. With `process_drains`, the record of a relaying session says phase `drain`.
pub(crate) fn close<K: Kernel>(
    mut session: Session<K>,
    context: &mut Context<K>,
    over: Over,
    process_drains: bool,
) {
    let Over { reason, abort, has_record } = over;
    let selected = session.last_target().map(Arc::clone);
    let missing = condition::missing(&session);
    connect::end(&mut session, &context.shared);
    if let Some(proxied) = session.proxied_mut() {
        context.shared.release_claim(proxied.claim.take());
    }
    for direction in Direction::BOTH {
        if let Some(holding) = session.holding(direction).take() {
            context.pump.pool.discard(holding);
        }
    }
    // A client is reported with the address in its header, which has not come.
    if has_record && session.awaits_header() {
        greet::report_accepted(&session, context);
    }
    let phase = session.shown_phase(reason.phase, process_drains);
    let reason = CloseReason { phase, ..reason };
    let is_reported = has_record && context.shared.detail.records();
    let (ending, connections, paced) = finish(&session, reason, context.now, is_reported);
    session.counters(context.index).closed(context.now, &ending);
    if is_failure(reason.by, reason.phase) {
        report_unreached(&session, context, selected.as_deref(), reason);
    }
    let record = has_record.then(|| {
        let observation = condition::observe(&session, missing, connections, context.now);
        let stalled = ending.lanes.map(|lane| lane.stalled);
        let verdict = observation.last_verdict(ending.duration, stalled, paced);
        record(&context.kernel, &session, (selected, verdict), ending, connections)
    });
    let Session { client, target, permit, .. } = session;
    for socket in [Some(client), target].into_iter().flatten() {
        // A reset of a dead socket is harmless.
        if abort { socket.reset() } else { drop(socket) }
    }
    if let Some(record) = record {
        keep(context, record, is_reported);
    }
    context.shared.remove_load(context.index);
    context.shared.release(permit);
}

/// Keeps the record of an ended session, and reports it: in this order, so that a reader of reports finds it kept.
fn keep<K: Kernel>(context: &Context<K>, record: SessionRecord, is_reported: bool) {
    let report = is_reported.then(|| Report::Ended(record.clone()));
    context.shared.ended.add(context.index, record);
    if let Some(report) = report {
        context.shared.outbox.send(report);
    }
}

/// Reports a session that could not be connected to `target`, and has the next one that can reported, too.
fn report_unreached<K: Kernel>(
    session: &Session<K>,
    context: &mut Context<K>,
    target: Option<&Target>,
    reason: CloseReason,
) {
    let forward = Arc::clone(&session.route().forward.name);
    let (name, address) = (target.map(|it| Arc::clone(&it.text)), session.target_address);
    if let Some(target) = target {
        target.reach.note_unreached(context.kernel.system_time(), reason.cause.of_target());
    }
    let kind = ReportKind::Unreached(Arc::clone(&forward), name.clone());
    let last = context.now;
    context.report(kind, |count| Report::Unreached {
        forward,
        target: name,
        address,
        reason,
        count,
        last,
    });
}

/// The facts of the end, the kernel's view of the connections, if it is needed, and the longest wait of a lane for
/// its own rate.
fn finish<K: Kernel>(
    session: &Session<K>,
    reason: CloseReason,
    now: Time,
    is_reported: bool,
) -> (Ending, Connections, Duration) {
    let mut ending = session.flow.finish(now, reason);
    let needs_connections = is_reported || is_paced(session, &ending);
    let connections = if needs_connections { connections(session) } else { [None, None] };
    let paced = without_own_waits(&mut ending, connections);
    (ending, connections, paced)
}

/// Whether bytes have waited in a lane that has a rate.
fn is_paced<K: Kernel>(session: &Session<K>, ending: &Ending) -> bool {
    let waited = |direction: &Direction| !ending.lanes[*direction as usize].stalled.is_zero();
    let mut waiting = Direction::BOTH.into_iter().filter(waited);
    let has_rate = |direction| session.rules().pacing.of(direction).is_some();
    waiting.any(has_rate)
}

/// Leaves the waits that peers have caused, and returns the longest of those that a `rate` has.
fn without_own_waits(ending: &mut Ending, connections: Connections) -> Duration {
    let mut paced = Duration::ZERO;
    for (direction, lane) in Direction::BOTH.into_iter().zip(&mut ending.lanes) {
        let stalled = condition::caused_by_peer(lane.stalled, direction, connections);
        paced = paced.max(lane.stalled.saturating_sub(stalled));
        lane.stalled = stalled;
    }
    paced
}

fn connections<K: Kernel>(session: &Session<K>) -> Connections {
    [Peer::Client, Peer::Target].map(|peer| session.socket(peer).and_then(K::Socket::tcp_info))
}

fn record<K: Kernel>(
    kernel: &K,
    session: &Session<K>,
    (selected, verdict): (Option<Arc<Target>>, Verdict),
    ending: Ending,
    [client_tcp, target_tcp]: Connections,
) -> SessionRecord {
    let now = kernel.system_time();
    SessionRecord {
        id: session.id,
        forward: Arc::clone(&session.route().forward.name),
        listener: Arc::clone(&session.route().listen),
        selected: selected.map(|target| Arc::clone(&target.text)),
        client: session.client_address,
        proxy: session.proxy(),
        server_name: session.server_name(),
        target_address: session.target_address,
        attempts: session.attempts,
        started: now.checked_sub(ending.duration).unwrap_or(now),
        ending,
        verdict,
        client_tcp: client_tcp.map(Into::into),
        target_tcp: target_tcp.map(Into::into),
    }
}
