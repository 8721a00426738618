//! One attempt to connect to an address: how it starts, and how it fails.

use crate::connecting::{Attempt, Connecting};
use crate::context::Context;
use crate::down_cause::DownCause;
use crate::failure;
use crate::report::Report;
use crate::rules::Rules;
use crate::session::{Over, Session};
use crate::shared::Shared;
use crate::table::Entry;
use crate::target::Target;
use crate::target_address::TargetAddress;
use crate::token::attempt_token;
use flow::{Buffers, By, Cause, Outbound, SocketFailure, Time};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Kernel, Socket as _};
use sys::socket::Progress;
use sys::{Address, Errno};

/// An attempt that is due.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) round: usize,
    /// Of the address.
    pub(crate) position: usize,
    /// Of the attempt.
    pub(crate) number: usize,
}

/// Starts an attempt. One that fails at once is in progress as far as the caller can see, and the race has
/// its failure.
pub(crate) fn begin_attempt<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    step: Step,
) -> Result<Progress, Over> {
    let session = &mut *entry.session;
    let (rules, client) = (session.rules(), session.client_address);
    let Some(connecting) = &mut session.connecting else { return Ok(Progress::UnderWay) };
    let round = &connecting.rounds[step.round];
    let address = round.address_at(step.position);
    let target = Arc::clone(&round.target);
    let shown = address.map_or(Address::UNIX, Address::from);
    // The session has the address of its last target, which the record names.
    if step.round + 1 == connecting.rounds.len() {
        session.target_address = Some(shown);
    }
    session.attempts = session.attempts.saturating_add(1);
    if leads_back(&context.shared, &target, address) {
        failed_at(session, context, step.number, Some(shown), LOOP);
        return Ok(Progress::UnderWay);
    }
    match attempt(context, &rules, client, &target, address) {
        Ok((socket, progress)) => {
            if let Err(over) = context.watch(&socket, attempt_token(entry.key, step.number)) {
                // It may be connected already: a FIN would look like the end of a complete stream.
                socket.reset();
                return Err(over);
            }
            connecting.attempts[step.number] =
                Some(Attempt { socket, address: shown, started: context.now });
            Ok(progress)
        }
        // Only the full accept queue of a Unix socket gives EAGAIN: its listener is alive and busy.
        Err(Errno::AGAIN) => {
            retry_later(connecting, step.number, context.now);
            Ok(Progress::UnderWay)
        }
        Err(errno) => {
            let failure = failure::of_attempt_with(errno, rules.outbound.is_some());
            failed_at(session, context, step.number, Some(shown), failure);
            Ok(Progress::UnderWay)
        }
    }
}

/// First wait for room in the accept queue of a Unix socket; doubles with each attempt, up to 128 ms.
/// The kernel reports no event when the queue has room.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
const DOUBLINGS: u8 = 6;

pub(crate) const TIMED_OUT: SocketFailure =
    SocketFailure { cause: Cause::ConnectTimeout, errno: None, fin_unknown: false };

/// A check took the target down while it was being connected.
pub(crate) const TAKEN_DOWN: SocketFailure =
    SocketFailure { cause: Cause::TargetDown, errno: None, fin_unknown: false };

pub(crate) const LOOP: SocketFailure =
    SocketFailure { cause: Cause::Loop, errno: None, fin_unknown: false };

/// Closes a failed attempt, and lets the race go on.
pub(crate) fn attempt_failed<K: Kernel>(
    session: &mut Session<K>,
    context: &Context<K>,
    number: usize,
    failure: SocketFailure,
) {
    let Some(connecting) = &mut session.connecting else { return };
    let attempt = connecting.attempts[number].take();
    let address = attempt.as_ref().map(|attempt| attempt.address);
    // The kernel has closed what it reports. Any other may be connected already: a FIN would look like the
    // end of a complete stream.
    attempt.filter(|_| failure.errno.is_none()).into_iter().for_each(|it| it.socket.reset());
    failed_at(session, context, number, address, failure);
}

/// Notes the failure of an attempt that has no socket any more.
fn failed_at<K: Kernel>(
    session: &mut Session<K>,
    context: &Context<K>,
    number: usize,
    address: Option<Address>,
    failure: SocketFailure,
) {
    let Some(connecting) = &mut session.connecting else { return };
    let Some(round) = connecting.race.round_of(number) else { return };
    connecting.race.failed(number, context.now);
    // The record names the address of the failure that it has as the cause.
    if round + 1 == connecting.rounds.len() {
        session.target_address = address;
    }
    connecting.rounds[round].failure = Some(failure);
    connecting.rounds[round].target.connect_failed(context.index);
    let is_over = connecting.race.is_over(round);
    report_failure(session, context, round, address, failure);
    if is_over {
        round_is_over(session, context, round);
    }
}

/// Reports a failed attempt, or that the target's name has no `address`.
pub(crate) fn report_failure<K: Kernel>(
    session: &Session<K>,
    context: &Context<K>,
    round: usize,
    address: Option<Address>,
    failure: SocketFailure,
) {
    let connecting = session.connecting.as_ref().filter(|_| context.shared.detail.steps());
    if let Some(round) = connecting.and_then(|connecting| connecting.rounds.get(round)) {
        context.shared.outbox.send(Report::AttemptFailed {
            id: session.id,
            forward: Arc::clone(&session.route().forward.name),
            target: Arc::clone(&round.target.text),
            address,
            reason: failure::reason_of_attempt(failure),
        });
    }
}

/// Returns the place in a target whose attempts have all failed, unless it is that of the permit.
pub(crate) fn round_is_over<K: Kernel>(
    session: &mut Session<K>,
    context: &Context<K>,
    round: usize,
) {
    let connecting = session.connecting.as_mut();
    let Some(round) = connecting.and_then(|it| it.rounds.get_mut(round)) else { return };
    round.is_over = true;
    if let Some(place) = round.place.take() {
        context.shared.release_place(place);
    }
    let (target, failure) = (Arc::clone(&round.target), round.failure);
    if let Some(failure) = failure {
        count_failure(session, context, &target, failure);
    }
    if let Some(set) = session.route().targets.load().set_of(&target) {
        context.shared.resolver.connect_failed(set);
    }
}

/// Counts a failed connect for the health of the target, unless this host was short of something: of one of
/// several targets for its passive health, and to have it checked soon.
fn count_failure<K: Kernel>(
    session: &Session<K>,
    context: &Context<K>,
    target: &Target,
    failure: SocketFailure,
) {
    let route = session.route();
    if failure::reason_of_attempt(failure).by == By::Resource || failure == TAKEN_DOWN {
        return;
    }
    if target.checked.client_failed() {
        context.shared.suspects.add(target.id);
    }
    let rules = session.rules();
    let applies = route.targets.load().has_passive_health(&rules);
    let Some(passive) = rules.passive.filter(|_| applies) else { return };
    let was_down = target.is_down();
    if target.failed(context.now, &passive) && !was_down {
        let (cause, failures) = (DownCause::Connects(failure.cause), passive.failures);
        target.note_down(context.kernel.system_time(), &cause, failures);
        context.shared.outbox.send(Report::TargetDown {
            forward: Arc::clone(&route.forward.name),
            target: Arc::clone(&target.text),
            cause,
            failures,
        });
        // Backups may serve, or all that are down.
        context.shared.wake(route.forward.targets_changed());
    }
}

/// Schedules another attempt at the same address, after a pause.
pub(crate) fn retry_later<K: Kernel>(connecting: &mut Connecting<K>, number: usize, now: Time) {
    let at = now.after(BUSY_PAUSE * (1 << connecting.busy.min(DOUBLINGS)));
    connecting.busy = connecting.busy.saturating_add(1);
    connecting.race.busy(number, at);
}

/// Whether a socket is connected to itself (TCP simultaneous open). Checked only for ports of the ephemeral
/// range, since it costs system calls.
pub(crate) fn is_itself<K: Kernel>(
    socket: &K::Socket,
    address: Address,
    first_ephemeral_port: u16,
) -> bool {
    let is_possible = |address: SocketAddr| address.port() >= first_ephemeral_port;
    address.ip().is_some_and(is_possible) && socket.is_connected_to_itself()
}

/// Whether this address of a target is a listener of this process.
fn leads_back<K: Kernel>(shared: &Shared<K>, target: &Target, address: Option<SocketAddr>) -> bool {
    let (guard, kernel) = (&shared.loop_guard, &shared.kernel);
    match (&target.address, address) {
        (TargetAddress::Unix(path), _) => guard.reached_at(path, kernel),
        (_, Some(address)) => guard.reached_by(address, kernel),
        (_, None) => false,
    }
}

/// Opens a socket and starts to connect it to `address`, or to the target's Unix socket if `None`.
fn attempt<K: Kernel>(
    context: &mut Context<K>,
    rules: &Rules,
    client: Address,
    target: &Target,
    address: Option<SocketAddr>,
) -> sys::Result<(K::Socket, Progress)> {
    if let TargetAddress::Unix(path) = &target.address {
        return Ok((context.kernel.connect_unix(path)?, Progress::Connected));
    }
    let address = address.ok_or(Errno::HOSTUNREACH)?;
    let turn = if rules.outbound.is_some() { context.random.number() } else { 0 };
    let (kernel, buffers) = (&context.kernel, rules.options.buffers);
    let connect = || match &rules.outbound {
        None if buffers == Buffers::AUTO => kernel.connect_tcp(address),
        None => kernel.connect_with(address, &Outbound::default(), buffers, turn),
        // The clients of Unix listeners have no address.
        Some(outbound) if outbound.transparent && client.ip().is_some() => {
            let source = client.ip().map(|client| client.ip().to_canonical());
            // A PROXY header may state any address. None of a host: the kernel would choose one of ours.
            let sources: Vec<_> = source.filter(is_of_host).into_iter().collect();
            if sources.is_empty() {
                return Err(Errno::INVAL);
            }
            let outbound = Outbound { sources, ..Outbound::clone(outbound) };
            kernel.connect_with(address, &outbound, buffers, turn)
        }
        Some(outbound) => kernel.connect_with(address, outbound, buffers, turn),
    };
    let has_source =
        rules.outbound.as_ref().is_some_and(|it| it.transparent || !it.sources.is_empty());
    match connect() {
        // Linux searches for a free port in one pass, and a port behind the search position may have
        // been freed meanwhile: one more attempt before the error counts.
        Err(Errno::ADDRNOTAVAIL) if !has_source => connect(),
        result => result,
    }
}

/// Whether a connection may come from this address.
fn is_of_host(address: &IpAddr) -> bool {
    !address.is_unspecified()
        && !address.is_multicast()
        && *address != IpAddr::V4(Ipv4Addr::BROADCAST)
}
