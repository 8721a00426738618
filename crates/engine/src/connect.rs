//! From an accepted client to a connected target: names, addresses, attempts.

use crate::context::Context;
use crate::failure;
use crate::forward::Target;
use crate::loop_guard::LoopGuard;
use crate::relay;
use crate::report::Report;
use crate::resolve::Query;
use crate::session::{Outcome, Over, Session};
use crate::table::Entry;
use flow::{By, Cause, End, Failure, Readiness, Time};
use plan::OnRefusal;
use rustix::fd::{AsFd, OwnedFd};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::socket::Progress;
use sys::{Address, Errno, Event};

/// Begins to connect a session's target.
pub(crate) fn begin(entry: &mut Entry<'_>, context: &mut Context) -> Outcome {
    if let Target::Name(host, port) = &entry.session.route().target {
        context.shared.resolver.resolve(Query {
            host: Arc::clone(host),
            port: *port,
            session: entry.key,
            worker: Arc::clone(&context.mailbox),
        });
        entry.set_timer();
        return Ok(());
    }
    next_attempt(entry, context)
}

/// The answer to a name's query.
pub(crate) fn resolved(
    entry: &mut Entry<'_>,
    context: &mut Context,
    addresses: Arc<[SocketAddr]>,
) -> Outcome {
    let Some(connecting) = &mut entry.session.connecting else { return Ok(()) };
    if addresses.is_empty() {
        let failure = Failure { cause: Cause::NameError, errno: None, fin_unknown: false };
        return Err(give_up(entry.session, context, failure));
    }
    connecting.attempts.resolved(addresses.len());
    connecting.resolved = Some(addresses);
    next_attempt(entry, context)
}

/// Tries the target's next address, and those behind it as long as each fails at once.
fn next_attempt(entry: &mut Entry<'_>, context: &mut Context) -> Outcome {
    let now = context.now;
    loop {
        let session = &mut *entry.session;
        // The socket of the attempt before, if any, ends with this.
        session.target = None;
        let Some(connecting) = &mut session.connecting else { return Ok(()) };
        let Some((position, until)) = connecting.attempts.next(now) else {
            let failure = connecting.failure.unwrap_or(TIMED_OUT);
            return Err(give_up(session, context, failure));
        };
        session.flow.attempt(until);
        let address = address_at(session, position);
        if leads_back(&context.shared.loop_guard, session, address) {
            fail_attempt(session, LOOP);
            continue;
        }
        match attempt(session, address) {
            Ok((socket, progress)) => {
                session.target = Some(socket);
                context.register(entry, End::Target)?;
                if matches!(progress, Progress::Connected) {
                    return connected(entry, context, Readiness::default());
                }
                entry.set_timer();
                return Ok(());
            }
            // Only a Unix socket's full queue says so: its listener lives, and is busy.
            Err(Errno::AGAIN) => {
                try_again(session, now);
                entry.set_timer();
                return Ok(());
            }
            Err(errno) => fail_attempt(session, failure::of_attempt(errno)),
        }
    }
}

/// An event before the target was connected.
pub(crate) fn event(
    entry: &mut Entry<'_>,
    context: &mut Context,
    end: End,
    event: Event,
    readiness: Readiness,
) -> Outcome {
    let session = &mut *entry.session;
    // Asked only where an error is announced: a hang-up alone comes with successful connects
    // too, on some kernels.
    let error = session.socket(end).filter(|_| event.error).map(sys::socket::take_error);
    match (end, error) {
        (End::Client, Some(Err(errno))) => {
            let reason = session.flow.reason_of_client_failure(failure::of_connection(errno));
            Err(Over::reset(reason))
        }
        // Connected, and reset since: what it sent before that is owed to the client.
        (End::Target, Some(Err(errno))) if failure::came_after_connecting(errno) => {
            session.flow.broke(End::Target, failure::of_connection(errno));
            connected(entry, context, readiness)
        }
        (End::Target, Some(Err(errno))) => {
            fail_attempt(session, failure::of_attempt(errno));
            next_attempt(entry, context)
        }
        (End::Target, _) if event.writable => connected(entry, context, readiness),
        // What the client sends meanwhile stays in its socket until the target is there.
        _ => {
            session.flow.learn(end, readiness);
            Ok(())
        }
    }
}

fn connected(entry: &mut Entry<'_>, context: &mut Context, readiness: Readiness) -> Outcome {
    let now = context.now;
    let session = &mut *entry.session;
    if is_itself(session, context.shared.first_ephemeral_port) {
        try_again(session, now);
        fail_attempt(session, failure::of_attempt(Errno::CONNREFUSED));
        return next_attempt(entry, context);
    }
    session.connecting = None;
    session.flow.connected(now);
    session.counters.connected(now.since(session.flow.accepted()));
    session.flow.learn(End::Target, readiness);
    let tcp = session.target_address.is_some_and(|address| address != Address::Unix);
    session.options_due = tcp && !session.route().forward.rules().options.is_nothing();
    if context.shared.detail.steps() {
        context.shared.outbox.send(Report::Forwarding {
            id: session.id,
            forward: Arc::clone(&session.route().forward.name),
            target: session.target_address.unwrap_or(Address::Unix),
        });
    }
    relay::serve(entry, context).1
}

/// The present attempt has taken too long.
pub(crate) fn attempt_timed_out(entry: &mut Entry<'_>, context: &mut Context) -> Outcome {
    fail_attempt(entry.session, TIMED_OUT);
    next_attempt(entry, context)
}

/// No attempt is left: the session is over.
fn give_up(session: &mut Session, context: &mut Context, failure: Failure) -> Over {
    let reason = failure::reason_of_attempt(failure);
    if reason.by == By::Resource {
        // Spare pipes are descriptors, too.
        context.pump.pool.clear();
        context.report_exhausted(failure.cause, "connecting to a target");
    }
    let abort = session.route().forward.rules().on_refusal == OnRefusal::Reset;
    if !abort {
        // Closing a socket with unread bytes would reset it all the same.
        context.pump.discard(session.client.as_fd());
    }
    Over { reason, abort }
}

/// How long to wait for room in the queue of a Unix socket, at first; it doubles each time, up to
/// 128 ms. The kernel has no event for it.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
const DOUBLINGS: u8 = 6;

const TIMED_OUT: Failure =
    Failure { cause: Cause::ConnectTimeout, errno: None, fin_unknown: false };

const LOOP: Failure = Failure { cause: Cause::Loop, errno: None, fin_unknown: false };

fn fail_attempt(session: &mut Session, failure: Failure) {
    if let Some(connecting) = &mut session.connecting {
        connecting.failure = Some(failure);
    }
}

/// The same address is to be tried again, after a pause.
fn try_again(session: &mut Session, now: Time) {
    if let Some(connecting) = &mut session.connecting {
        let at = now.after(BUSY_PAUSE * (1 << connecting.busy.min(DOUBLINGS)));
        connecting.busy = connecting.busy.saturating_add(1);
        connecting.attempts.again();
        session.flow.attempt(at.min(connecting.attempts.until()));
    }
}

/// Whether the "target" is our own socket. Asked only where it can be: it costs system calls.
fn is_itself(session: &Session, first_ephemeral_port: u16) -> bool {
    let address = session.target_address.and_then(Address::ip);
    let possible = address.is_some_and(|address| {
        address.ip().is_loopback() && address.port() >= first_ephemeral_port
    });
    let socket = session.socket(End::Target).filter(|_| possible);
    socket.is_some_and(sys::socket::is_connected_to_itself)
}

/// Whether the session's target is a listener of this process. Notes its address, as an attempt
/// would.
fn leads_back(guard: &LoopGuard, session: &mut Session, address: Option<SocketAddr>) -> bool {
    let (reached, target_address) = match (&session.route().target, address) {
        (Target::Unix(path), _) => (guard.reached_at(path), Some(Address::Unix)),
        (_, Some(address)) => (guard.reached_by(address), Some(address.into())),
        (_, None) => (false, session.target_address),
    };
    session.target_address = target_address;
    reached
}

/// The target's address in this position; `None` if it is a Unix socket.
fn address_at(session: &Session, position: usize) -> Option<SocketAddr> {
    let resolved = session.connecting.as_ref().and_then(|connecting| connecting.resolved.as_ref());
    match &session.route().target {
        Target::Unix(_) => None,
        Target::Addresses(addresses) => addresses.get(position).copied(),
        Target::Name(..) => resolved.and_then(|addresses| addresses.get(position)).copied(),
    }
}

/// One attempt.
fn attempt(session: &mut Session, address: Option<SocketAddr>) -> sys::Result<(OwnedFd, Progress)> {
    if let Target::Unix(path) = &session.permit.route().target {
        session.target_address = Some(Address::Unix);
        return Ok((sys::socket::connect_unix(path)?, Progress::Connected));
    }
    let address = address.ok_or(Errno::HOSTUNREACH)?;
    session.target_address = Some(address.into());
    match sys::socket::connect_tcp(address) {
        // Linux looks for a free port in one pass, and another process may have freed one behind
        // it: once more, before saying that there is none.
        Err(Errno::ADDRNOTAVAIL) => sys::socket::connect_tcp(address),
        result => result,
    }
}
