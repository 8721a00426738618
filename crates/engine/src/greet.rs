//! Stage *greet*: reads the first bytes of a client. A trusted peer begins with a header of the PROXY protocol,
//! whose bytes are taken from the socket as a whole; then the TLS ClientHello may decide the route (`hello`).
//! All other bytes stay in the socket for the lanes.

use crate::accept;
use crate::connect;
use crate::context::Context;
use crate::failure;
use crate::hello;
use crate::permit::Claim;
use crate::proxied::Proxied;
use crate::report::Report;
use crate::rules::Rules;
use crate::session::{Outcome, Over, Session};
use crate::table::Entry;
use flow::{
    By, Cause, CloseReason, MOST_PROXY_HEADER, Peer, Phase, ProxyAddresses, ProxyHeader, Readiness,
};
use std::sync::Arc;
use sys::kernel::{Kernel, Socket as _};
use sys::{Errno, Event};

/// Whether the client of a new session must send something first.
pub(crate) fn is_due<K: Kernel>(session: &Session<K>, rules: &Rules) -> bool {
    rules.accept_proxy.is_some() || session.route().awaits_hello()
}

/// Waits for the first bytes of a new session.
pub(crate) fn begin<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
    claim: Option<Claim>,
) -> Outcome {
    let session = &mut *entry.session;
    if let Some(accept_proxy) = &rules.accept_proxy {
        session.greeting.get_or_insert_default().proxied = Some(Proxied {
            proxy: session.client_address,
            addresses: ProxyAddresses::Own,
            tlvs: Box::default(),
            header_length: 0,
            claim,
        });
        session.flow.greet(context.now.after(accept_proxy.timeout));
    } else {
        report_accepted(session, context);
        await_hello(entry, context, rules, claim);
    }
    // The kernel reports bytes that are there already.
    context.register(entry, Peer::Client)?;
    entry.set_timer_by(rules);
    Ok(())
}

/// A claim is to a place in the targets of the listener, and the hello may lead to others.
fn await_hello<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
    claim: Option<Claim>,
) {
    context.shared.release_claim(claim);
    hello::begin(entry, context, rules);
}

/// Handles an event of the client's socket during this stage.
pub(crate) fn event<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    event: Event,
    readiness: Readiness,
) -> Outcome {
    entry.session.flow.on_ready(Peer::Client, readiness, context.now);
    if event.error
        && let Err(errno) = entry.session.client.take_error()
    {
        if entry.session.hello().is_some() {
            return Err(hello::broke(entry.session, errno));
        }
        return Err(broke(entry.session, errno, is_check(&entry.session.client)));
    }
    proceed(entry, context)
}

/// Goes on with the client if it has sent what it must.
pub(crate) fn proceed<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    if entry.session.hello().is_some() {
        return hello::proceed(entry, context);
    }
    let mut bytes = [0; MOST_PROXY_HEADER];
    let session = &mut *entry.session;
    let header = match session.client.peek(&mut bytes) {
        Ok(0) => return Err(health_check(Cause::Fin)),
        Ok(count) => ProxyHeader::read(&bytes[..count]),
        Err(Errno::AGAIN) => return Ok(()),
        Err(errno) => return Err(broke(session, errno, true)),
    };
    match header {
        Ok(Some(header)) if take(&session.client, &mut bytes[..header.length]) => {
            greeted(entry, context, header, &bytes)
        }
        // No byte follows a FIN.
        Ok(None) if !session.flow.socket(Peer::Client).has_mark() => Ok(()),
        _ => Err(Over::reset(BAD_HEADER)),
    }
}

/// Handles the expired deadline of this stage.
pub(crate) fn timed_out<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    if entry.session.hello().is_some() {
        return hello::timed_out(entry, context);
    }
    Err(Over::reset(HEADER_TIMEOUT))
}

const NOT_ALLOWED: CloseReason = CloseReason::new(By::Limit, Phase::Admit, Cause::NotAllowed);
const BAD_HEADER: CloseReason = CloseReason::new(By::Client, Phase::Greet, Cause::BadHeader);
const HEADER_TIMEOUT: CloseReason = CloseReason::new(By::Limit, Phase::Greet, Cause::HeaderTimeout);

/// Takes the bytes of the header from the socket. An urgent mark may end a read within it.
fn take<S: sys::kernel::Socket>(socket: &S, header: &mut [u8]) -> bool {
    let mut taken = 0;
    while taken < header.len() {
        match socket.receive(&mut header[taken..]) {
            Ok(count @ 1..) => taken += count,
            _ => return false,
        }
    }
    true
}

/// Goes on with the client that the header names, with which `bytes` begin.
fn greeted<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    header: ProxyHeader,
    bytes: &[u8],
) -> Outcome {
    let rules = entry.session.rules();
    let session = &mut *entry.session;
    let mut claim = None;
    if let Some(proxied) = session.proxied_mut() {
        claim = proxied.claim.take();
        if rules.keeps_tlvs {
            proxied.tlvs = header.tlvs_to_pass_on(bytes).into();
        }
        proxied.addresses = header.addresses;
        // At most `MOST_PROXY_HEADER`.
        proxied.header_length = u16::try_from(header.length).unwrap_or(u16::MAX);
        session.client_address = proxied.client();
    }
    let address = session.limited_address();
    if rules.access.as_ref().is_some_and(|list| !accept::is_allowed(list, address)) {
        accept::report_not_allowed(context, session.route(), address, Some(&rules.lists));
        context.shared.release_claim(claim);
        return Err(Over::without_record(NOT_ALLOWED, true));
    }
    let client = rules.clients.client(address);
    let counted = context.shared.enter_client(&mut session.permit, &rules, client, context.now);
    if let Err(why) = counted {
        context.shared.release_claim(claim);
        let route = Arc::clone(session.route());
        let reason = accept::report_not_admitted(context, &route, why, address);
        return Err(Over::without_record(reason, true));
    }
    report_accepted(session, context);
    if !session.route().awaits_hello() {
        return connect::begin(entry, context, &rules, claim);
    }
    await_hello(entry, context, &rules, claim);
    entry.set_timer_by(&rules);
    // No event follows for bytes that came with the header.
    hello::proceed(entry, context)
}

/// The end of a session whose client reset the connection.
fn broke<K: Kernel>(session: &Session<K>, errno: Errno, is_check: bool) -> Over {
    let reason = session.flow.reason_of_client_failure(failure::of_connection(errno));
    if is_check { health_check(reason.cause) } else { Over::reset(reason) }
}

/// Whether a client that reset the connection has sent nothing, or just the header of a health check.
fn is_check<S: sys::kernel::Socket>(client: &S) -> bool {
    let mut bytes = [0; MOST_PROXY_HEADER];
    let Ok(count @ 1..) = client.peek(&mut bytes) else { return true };
    let header = ProxyHeader::read(&bytes[..count]).ok().flatten();
    header.is_some_and(|it| it.length == count && matches!(it.addresses, ProxyAddresses::Own))
}

/// A trusted peer has closed the connection without a byte for the target.
fn health_check(cause: Cause) -> Over {
    Over::without_record(CloseReason::new(By::Client, Phase::Greet, cause), false)
}

/// Reports a client, if the log or a watcher takes it: once its header has stated its address, or at its end.
pub(crate) fn report_accepted<K: Kernel>(session: &Session<K>, context: &Context<K>) {
    if context.shared.detail.steps() {
        context.shared.outbox.send(Report::Accepted {
            id: session.id,
            forward: Arc::clone(&session.route().forward.name),
            client: session.client_address,
        });
    }
}
