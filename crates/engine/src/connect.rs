//! Stage *connect*: attempts to connect to the addresses of the selected target.

use crate::context::Context;
use crate::failure;
use crate::name_answer::{NameAnswer, NameFailure};
use crate::relay;
use crate::report::Report;
use crate::resolve::Query;
use crate::rules::Rules;
use crate::session::{Outcome, Over, Session};
use crate::shared::Shared;
use crate::table::Entry;
use crate::targets::TargetAddress;
use flow::{By, Cause, Peer, Readiness, SocketFailure, Time};
use plan::OnRefusal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Kernel, Socket as _};
use sys::socket::Progress;
use sys::{Address, Errno, Event};

/// Starts the first attempt to connect to the selected target, or the look-up of its name.
pub(crate) fn begin<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) -> Outcome {
    let session = &mut *entry.session;
    let (Some(target), Some(connecting)) = (session.permit.target(), &mut session.connecting)
    else {
        return Ok(());
    };
    match &target.address {
        TargetAddress::Name(host, port) => {
            context.shared.resolver.resolve(Query {
                host: Arc::clone(host),
                port: *port,
                session: entry.key,
                worker: Arc::clone(&context.mailbox),
            });
            entry.set_timer_by(rules);
            return Ok(());
        }
        TargetAddress::Unix(_) => session.flow.distrust_short_reads(Peer::Target),
        TargetAddress::Ip(_) => {}
    }
    connecting.attempts.resolved(1);
    next_attempt(entry, context, rules)
}

/// Handles the resolver's answer for the target's name.
pub(crate) fn resolved<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    answer: NameAnswer,
) -> Outcome {
    let rules = entry.session.rules();
    let Some(connecting) = &mut entry.session.connecting else { return Ok(()) };
    let addresses =
        answer.and_then(
            |addresses| {
                if addresses.is_empty() { Err(NameFailure::Error) } else { Ok(addresses) }
            },
        );
    let addresses = match addresses {
        Ok(addresses) => addresses,
        Err(failure) => {
            return Err(fail(entry.session, context, &rules, failure.as_socket_failure()));
        }
    };
    connecting.attempts.resolved(addresses.len());
    connecting.resolved = Some(addresses);
    next_attempt(entry, context, &rules)
}

/// Tries the target's next address, and the following ones while each fails at once.
fn next_attempt<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) -> Outcome {
    let now = context.now;
    loop {
        let session = &mut *entry.session;
        // Closes the socket of the previous attempt.
        session.target = None;
        let Some(connecting) = &mut session.connecting else { return Ok(()) };
        let Some((position, until)) = connecting.attempts.next(now) else {
            let failure = connecting.failure.unwrap_or(TIMED_OUT);
            return Err(fail(session, context, rules, failure));
        };
        session.flow.attempt(until);
        let address = address_at(session, position);
        if leads_back(&context.shared, session, address) {
            attempt_failed(session, context.index, LOOP);
            continue;
        }
        if let Some(target) = session.permit.target() {
            target.connect_tried(context.index);
        }
        match attempt(&context.kernel, session, address) {
            Ok((socket, progress)) => {
                session.target = Some(socket);
                context.register(entry, Peer::Target)?;
                if matches!(progress, Progress::Connected) {
                    return connected(entry, context, rules, Readiness::default());
                }
                entry.set_timer_by(rules);
                return Ok(());
            }
            // Only the full accept queue of a Unix socket gives EAGAIN: its listener is alive and busy.
            Err(Errno::AGAIN) => {
                retry_later(session, now);
                entry.set_timer_by(rules);
                return Ok(());
            }
            Err(errno) => attempt_failed(session, context.index, failure::of_attempt(errno)),
        }
    }
}

/// Handles an event of either socket before the target is connected.
pub(crate) fn event<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    peer: Peer,
    event: Event,
    readiness: Readiness,
) -> Outcome {
    let session = &mut *entry.session;
    // SO_ERROR is read only on EPOLLERR: some kernels report EPOLLHUP alone with successful
    // connects, too.
    let error = session.socket(peer).filter(|_| event.error).map(K::Socket::take_error);
    match (peer, error) {
        (Peer::Client, Some(Err(errno))) => {
            let reason = session.flow.reason_of_client_failure(failure::of_connection(errno));
            Err(Over::reset(reason))
        }
        // Connected and reset since: the client gets the bytes that arrived before the RST.
        (Peer::Target, Some(Err(errno))) if failure::came_after_connecting(errno) => {
            session.flow.broke(Peer::Target, failure::of_connection(errno));
            connected(entry, context, &entry.session.rules(), readiness)
        }
        (Peer::Target, Some(Err(errno))) => {
            attempt_failed(session, context.index, failure::of_attempt(errno));
            next_attempt(entry, context, &entry.session.rules())
        }
        (Peer::Target, _) if event.writable => {
            connected(entry, context, &entry.session.rules(), readiness)
        }
        // Bytes from the client stay in its receive queue until the target is connected.
        _ => {
            session.flow.on_ready(peer, readiness);
            Ok(())
        }
    }
}

fn connected<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
    readiness: Readiness,
) -> Outcome {
    let now = context.now;
    let session = &mut *entry.session;
    if is_itself(session, context.shared.first_ephemeral_port) {
        retry_later(session, now);
        attempt_failed(session, context.index, failure::of_attempt(Errno::CONNREFUSED));
        return next_attempt(entry, context, rules);
    }
    session.connecting = None;
    session.flow.connected(now);
    session.counters.connected(now.since(session.flow.accepted()));
    session.flow.on_ready(Peer::Target, readiness);
    let tcp = session.target_address.is_some_and(|address| !address.is_unix());
    session.options_due = tcp && !rules.options.is_nothing();
    if context.shared.detail.steps() {
        context.shared.outbox.send(Report::Forwarding {
            id: session.id,
            forward: Arc::clone(&session.route().forward.name),
            target: session.target_address.unwrap_or(Address::UNIX),
        });
    }
    entry.set_timer_by(rules);
    relay::serve(entry, context).1
}

/// Handles an attempt, or the look-up before the first one, that has reached its deadline.
pub(crate) fn attempt_timed_out<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) -> Outcome {
    if entry.session.is_waiting_for_name() {
        let failure = NameFailure::Timeout.as_socket_failure();
        return Err(fail(entry.session, context, rules, failure));
    }
    attempt_failed(entry.session, context.index, TIMED_OUT);
    next_attempt(entry, context, rules)
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
    Over { reason, abort }
}

/// First wait for room in the accept queue of a Unix socket; doubles with each attempt, up to 128 ms.
/// The kernel reports no event when the queue has room.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
const DOUBLINGS: u8 = 6;

const TIMED_OUT: SocketFailure =
    SocketFailure { cause: Cause::ConnectTimeout, errno: None, fin_unknown: false };

const LOOP: SocketFailure = SocketFailure { cause: Cause::Loop, errno: None, fin_unknown: false };

fn attempt_failed<K: Kernel>(session: &mut Session<K>, worker: usize, failure: SocketFailure) {
    if let Some(target) = session.permit.target() {
        target.connect_failed(worker);
    }
    if let Some(connecting) = &mut session.connecting {
        connecting.failure = Some(failure);
    }
}

/// Schedules another attempt at the same address, after a pause.
fn retry_later<K: Kernel>(session: &mut Session<K>, now: Time) {
    if let Some(connecting) = &mut session.connecting {
        let at = now.after(BUSY_PAUSE * (1 << connecting.busy.min(DOUBLINGS)));
        connecting.busy = connecting.busy.saturating_add(1);
        connecting.attempts.retry_last();
        session.flow.attempt(at.min(connecting.attempts.until()));
    }
}

/// Whether the target's socket is connected to itself (TCP simultaneous open). Checked only for loopback
/// addresses with a port of the ephemeral range, since it costs system calls.
fn is_itself<K: Kernel>(session: &Session<K>, first_ephemeral_port: u16) -> bool {
    let address = session.target_address.and_then(Address::ip);
    let possible = address.is_some_and(|address| {
        address.ip().is_loopback() && address.port() >= first_ephemeral_port
    });
    let socket = session.socket(Peer::Target).filter(|_| possible);
    socket.is_some_and(K::Socket::is_connected_to_itself)
}

/// Whether the session's target is a listener of this process. Also sets the session's target address
/// for the attempt that follows.
fn leads_back<K: Kernel>(
    shared: &Shared<K>,
    session: &mut Session<K>,
    address: Option<SocketAddr>,
) -> bool {
    let (guard, kernel) = (&shared.loop_guard, &shared.kernel);
    let target = session.permit.target().map(|target| &target.address);
    let (reached, target_address) = match (target, address) {
        (Some(TargetAddress::Unix(path)), _) => {
            (guard.reached_at(path, kernel), Some(Address::UNIX))
        }
        (_, Some(address)) => (guard.reached_by(address, kernel), Some(address.into())),
        (_, None) => (false, session.target_address),
    };
    session.target_address = target_address;
    reached
}

/// The target's address at `position`; `None` if the target is a Unix socket.
fn address_at<K: Kernel>(session: &Session<K>, position: usize) -> Option<SocketAddr> {
    let resolved = session.connecting.as_ref().and_then(|connecting| connecting.resolved.as_ref());
    match session.permit.target()?.address {
        TargetAddress::Unix(_) => None,
        TargetAddress::Ip(address) => (position == 0).then_some(address),
        TargetAddress::Name(..) => resolved?.get(position).copied(),
    }
}

/// Opens a socket and starts to connect it to `address`, or to the target's Unix socket if `None`.
fn attempt<K: Kernel>(
    kernel: &K,
    session: &Session<K>,
    address: Option<SocketAddr>,
) -> sys::Result<(K::Socket, Progress)> {
    let target = session.permit.target().map(|target| &target.address);
    if let Some(TargetAddress::Unix(path)) = target {
        return Ok((kernel.connect_unix(path)?, Progress::Connected));
    }
    let address = address.ok_or(Errno::HOSTUNREACH)?;
    match kernel.connect_tcp(address) {
        // Linux searches for a free port in one pass, and a port behind the search position may have
        // been freed meanwhile: one more attempt before the error counts.
        Err(Errno::ADDRNOTAVAIL) => kernel.connect_tcp(address),
        result => result,
    }
}
