//! Stage *accept*: from a listener's queue to an admitted connection.

use crate::acceptor::Acceptor;
use crate::admission::{NotAdmitted, RefusedClient};
use crate::change::Listening;
use crate::client_rules::CountedClient;
use crate::context::Context;
use crate::failure;
use crate::permit::{Claim, Permit};
use crate::rate_limit::ReportKind;
use crate::report::Report;
use crate::rule::Route;
use crate::rules::Rules;
use crate::select;
use crate::session::Accepted;
use flow::{AccessList, AtLimit, By, Cause, CloseReason, Phase, Prefix};
use plan::AccessLists;
use std::sync::Arc;
use sys::kernel::{Kernel, Socket as _};
use sys::{Address, Errno};

/// The result of one accept.
pub(crate) enum AcceptResult<K: Kernel> {
    /// A connection was accepted and has its permit.
    Admitted(Accepted<K>),
    /// A connection was accepted and reset: a limit is reached, or its client is not allowed.
    Refused,
    /// The error concerns this connection alone; the next accept(2) may succeed.
    Failed(Errno),
    /// No connection to accept for now: the queue is empty, or the listener is no longer polled.
    Nothing,
}

/// Accepts one connection, if there is room for it.
pub(crate) fn accept<K: Kernel>(
    acceptor: &mut Acceptor<K>,
    context: &mut Context<K>,
    number: u32,
    listening: &Listening<K>,
    rules: &Rules,
) -> AcceptResult<K> {
    let route = &listening.route;
    // Where clients may wait, the permit is taken before accept(2), and released if the queue is
    // empty. Where they may not, it is taken after: a permit held without a client would make
    // another worker refuse one.
    let mut permit = None;
    if rules.at_limit == AtLimit::Wait {
        permit = request(context, route, rules, None).ok();
        if permit.is_none() {
            let until = select::next_trial(route, context.now);
            acceptor.wait_for_room(number, &context.epoll, until);
            return AcceptResult::Nothing;
        }
    }
    match listening.socket.accept() {
        Ok((socket, address)) => {
            // Before the limits: this client takes no place, and none is missing to another worker.
            if !is_admitted(rules, address) {
                socket.reset();
                give_back(context, permit);
                let lists = rules.accept_proxy.is_none().then_some(&rules.lists);
                report_not_allowed(context, route, address, lists);
                return AcceptResult::Refused;
            }
            match admit(context, route, rules, address, permit) {
                Ok(places) => {
                    AcceptResult::Admitted(admitted(listening, rules, socket, address, places))
                }
                Err(reason) => {
                    socket.reset();
                    report_not_admitted(context, route, reason, address);
                    AcceptResult::Refused
                }
            }
        }
        Err(errno) => {
            give_back(context, permit);
            failed(acceptor, context, number, listening, errno)
        }
    }
}

/// A connection with its places, ready for its session.
fn admitted<K: Kernel>(
    listening: &Listening<K>,
    rules: &Rules,
    socket: K::Socket,
    address: Address,
    (permit, claim): (Permit, Option<Claim>),
) -> Accepted<K> {
    let is_mptcp = listening.is_mptcp && socket.is_mptcp();
    if listening.is_mptcp && !is_mptcp {
        // After a failure, the client is served without these options.
        let _ = socket.prepare_accepted_by_mptcp(rules.options.buffers);
    }
    let counted_by = rules.clients.generation;
    Accepted { socket, address, is_mptcp, permit, claim, counted_by }
}

/// Takes the places of an accepted connection, beside those of a permit that was taken before.
fn admit<K: Kernel>(
    context: &Context<K>,
    route: &Arc<Route>,
    rules: &Rules,
    address: Address,
    permit: Option<(Permit, Option<Claim>)>,
) -> Result<(Permit, Option<Claim>), NotAdmitted> {
    let client = rules.clients.client_at_accept(address);
    match permit {
        Some(permit) => count_client(context, rules, permit, client),
        None => request(context, route, rules, client),
    }
}

fn request<K: Kernel>(
    context: &Context<K>,
    route: &Arc<Route>,
    rules: &Rules,
    client: Option<CountedClient>,
) -> Result<(Permit, Option<Claim>), NotAdmitted> {
    context.shared.request(route, rules, client, context.index, context.now)
}

/// Counts the client of a permit that was taken before accept(2), or returns the permit.
fn count_client<K: Kernel>(
    context: &Context<K>,
    rules: &Rules,
    (mut permit, claim): (Permit, Option<Claim>),
    client: Option<CountedClient>,
) -> Result<(Permit, Option<Claim>), NotAdmitted> {
    match context.shared.enter_client(&mut permit, rules, client, context.now) {
        Ok(()) => Ok((permit, claim)),
        Err(reason) => {
            give_back(context, Some((permit, claim)));
            Err(reason)
        }
    }
}

/// Returns a permit that was taken before accept(2).
fn give_back<K: Kernel>(context: &Context<K>, permit: Option<(Permit, Option<Claim>)>) {
    if let Some((permit, claim)) = permit {
        context.shared.release_claim(claim);
        context.shared.release(permit);
    }
}

/// Whether the lists allow the client. With `accept_proxy`, they decide about the client in the header, and the
/// proxy must be a trusted one.
fn is_admitted(rules: &Rules, client: Address) -> bool {
    match &rules.accept_proxy {
        Some(proxies) => proxies.trusts(client.ip().map(|address| address.ip())),
        None => rules.access.as_ref().is_none_or(|list| is_allowed(list, client)),
    }
}

/// Clients of Unix sockets have no address, and are allowed: the mode of the socket's file decides about them.
pub(crate) fn is_allowed(list: &AccessList, client: Address) -> bool {
    client.ip().is_none_or(|address| list.allows(address.ip()))
}

fn failed<K: Kernel>(
    acceptor: &mut Acceptor<K>,
    context: &mut Context<K>,
    number: u32,
    listening: &Listening<K>,
    errno: Errno,
) -> AcceptResult<K> {
    if errno == Errno::AGAIN {
        return AcceptResult::Nothing;
    }
    if failure::is_of_one_connection(errno) {
        return AcceptResult::Failed(errno);
    }
    // accept(2) allocates a descriptor before it checks the queue: a failed allocation with an
    // empty queue concerns no client.
    if listening.socket.has_pending() {
        pause(acceptor, context, number, listening, errno);
    }
    AcceptResult::Nothing
}

/// Suspends polling of a listener after an error that the next accept(2) would meet, too: descriptors
/// or memory are short, or the error is unknown. The connection stays in the kernel's queue, and
/// level-triggered polling would report it endlessly.
pub(crate) fn pause<K: Kernel>(
    acceptor: &mut Acceptor<K>,
    context: &mut Context<K>,
    number: u32,
    listening: &Listening<K>,
    errno: Errno,
) {
    context.pump.pool.clear();
    acceptor.pause(number, &context.epoll, context.now);
    listening.route.forward.counters.of(context.index).accept_failed(errno);
    let forward = Arc::clone(&listening.route.forward.name);
    let cause = failure::exhausted(errno).unwrap_or(Cause::IoError);
    let kind = ReportKind::Forward(Arc::clone(&forward), cause);
    context.report(kind, |count| Report::AcceptFailed { forward, errno, count });
}

/// Counts a client that was refused, and returns the reason.
fn refused<K: Kernel>(context: &Context<K>, route: &Route, cause: Cause) -> CloseReason {
    route.forward.counters.of(context.index).refused(context.now, cause);
    CloseReason::new(By::Limit, Phase::Admit, cause)
}

/// Counts and reports a client that the lists refuse; without lists, `accept_proxy`.
pub(crate) fn report_not_allowed<K: Kernel>(
    context: &mut Context<K>,
    route: &Route,
    client: Address,
    lists: Option<&AccessLists>,
) {
    let reason = refused(context, route, Cause::NotAllowed);
    let forward = Arc::clone(&route.forward.name);
    let kind = ReportKind::Forward(Arc::clone(&forward), Cause::NotAllowed);
    context.report_client(kind, prefix_of(client), |count| Report::NotAllowed {
        forward,
        reason,
        client,
        lists: lists.cloned(),
        count,
    });
}

/// Counts and reports a client that a limit refuses. Returns the reason.
pub(crate) fn report_not_admitted<K: Kernel>(
    context: &mut Context<K>,
    route: &Route,
    why: NotAdmitted,
    client: Address,
) -> CloseReason {
    match why {
        NotAdmitted::Full(_) => report_full(context, route, prefix_of(client)),
        NotAdmitted::Client(refused) => report_client(context, route, refused),
    }
}

fn report_full<K: Kernel>(
    context: &mut Context<K>,
    route: &Route,
    client: Option<Prefix>,
) -> CloseReason {
    let forward = &route.forward;
    let reason = refused(context, route, Cause::OverLimit);
    let process = &context.shared.gate;
    let sessions = context.shared.is_at_its_share(forward).then(|| forward.gate.taken());
    let is_of_process = process.free() == 0 || sessions.is_some();
    let limit = if is_of_process { process.limit() } else { forward.gate.limit() };
    let forward = Arc::clone(&forward.name);
    let kind = ReportKind::Forward(Arc::clone(&forward), Cause::OverLimit);
    context.report_client(kind, client, |count| Report::Refused {
        forward,
        reason,
        limit,
        sessions,
        is_of_process,
        client,
        count,
    });
    reason
}

/// The address of a client; clients of Unix listeners have none.
fn prefix_of(client: Address) -> Option<Prefix> {
    client.ip().map(|address| Prefix::around(address.ip(), 32, 128))
}

fn report_client<K: Kernel>(
    context: &mut Context<K>,
    route: &Route,
    refused_client: RefusedClient,
) -> CloseReason {
    let RefusedClient { client, limit, places } = refused_client;
    let reason = refused(context, route, limit.cause());
    let forward = Arc::clone(&route.forward.name);
    let kind = ReportKind::Forward(Arc::clone(&forward), limit.cause());
    context.report_client(kind, Some(client), |count| Report::ClientRefused {
        forward,
        reason,
        client,
        limit,
        places,
        count,
    });
    reason
}
