//! Stage *close*: one close reason, every descriptor closed, every place returned, one record.

use crate::connect;
use crate::context::Context;
use crate::counters::is_failure;
use crate::greet;
use crate::rate_limit::ReportKind;
use crate::report::{Report, SessionRecord};
use crate::session::{Over, Session};
use crate::target::Target;
use flow::{By, Cause, CloseReason, Direction, Ending, Phase};
use std::sync::Arc;
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
    let ending = session.flow.finish(context.now, reason);
    let fallbacks = ending.lanes.map(|lane| lane.fallback);
    let counters = session.counters(context.index);
    counters.closed(context.now, reason, ending.duration, fallbacks);
    if is_failure(reason.by, reason.phase) {
        report_unreached(&session, context, selected.as_deref(), reason);
    }
    let record = (has_record && context.shared.detail.records())
        .then(|| record(&context.kernel, &mut session, selected, ending));
    let Session { client, target, permit, .. } = session;
    for socket in [Some(client), target].into_iter().flatten() {
        // A reset of a dead socket is harmless.
        if abort { socket.reset() } else { drop(socket) }
    }
    if let Some(record) = record {
        context.shared.outbox.send(Report::Ended(record));
    }
    context.shared.remove_load(context.index);
    context.shared.release(permit);
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
        target.note_unreached();
    }
    let kind = ReportKind::Unreached(Arc::clone(&forward), name.clone());
    context.report(kind, |count| Report::Unreached {
        forward,
        target: name,
        address,
        reason,
        count,
    });
}

fn record<K: Kernel>(
    kernel: &K,
    session: &mut Session<K>,
    selected: Option<Arc<Target>>,
    ending: Ending,
) -> SessionRecord {
    let now = kernel.system_time();
    SessionRecord {
        id: session.id,
        route: Arc::clone(session.route()),
        selected,
        client: session.client_address,
        proxy: session.proxy(),
        greeting: session.greeting.take(),
        target_address: session.target_address,
        attempts: session.attempts,
        started: now.checked_sub(ending.duration).unwrap_or(now),
        ending,
        client_tcp: session.client.tcp_info(),
        target_tcp: session.target.as_ref().and_then(K::Socket::tcp_info),
    }
}
