//! Stage *close*: one close reason, every descriptor closed, every place returned, one record.

use crate::context::Context;
use crate::report::{Report, SessionRecord};
use crate::session::{Over, Session};
use flow::{By, Cause, CloseReason, Direction, Ending, Phase};
use rustix::fd::AsFd;
use std::sync::Arc;
use std::time::SystemTime;
use sys::socket::reset;
use sys::tcp_info;

/// Close reason of sessions still open at the end of `shutdown_timeout`.
pub(crate) const CUT: CloseReason = CloseReason::new(By::Shutdown, Phase::Drain, Cause::Drained);

/// Ends a session. With `process_drains`, the record of a relaying session says phase `drain`.
pub(crate) fn close(mut session: Session, context: &mut Context, over: Over, process_drains: bool) {
    let Over { reason, abort } = over;
    for direction in Direction::BOTH {
        if let Some(holding) = session.holding(direction).take() {
            context.pump.pool.discard(holding);
        }
    }
    let phase = session.shown_phase(reason.phase, process_drains);
    let reason = CloseReason { phase, ..reason };
    let ending = session.flow.finish(context.now, reason);
    let fallbacks = ending.lanes.map(|lane| lane.fallback);
    session.counters.closed(context.now, reason, ending.duration, fallbacks);
    let record = context.shared.detail.records().then(|| record(&session, ending));
    let Session { client, target, permit, .. } = session;
    for socket in [Some(client), target].into_iter().flatten() {
        // A reset of a dead socket is harmless.
        if abort { reset(socket) } else { drop(socket) }
    }
    if let Some(record) = record {
        context.shared.outbox.send(Report::Ended(record));
    }
    context.shared.remove_load(context.index);
    context.shared.release(permit);
}

fn record(session: &Session, ending: Ending) -> SessionRecord {
    let now = SystemTime::now();
    SessionRecord {
        id: session.id,
        route: Arc::clone(session.route()),
        selected: session.permit.target().map(Arc::clone),
        client: session.client_address,
        target_address: session.target_address,
        started: now.checked_sub(ending.duration).unwrap_or(now),
        ending,
        client_tcp: tcp_info(session.client.as_fd()),
        target_tcp: session.target.as_ref().and_then(|target| tcp_info(target.as_fd())),
    }
}
