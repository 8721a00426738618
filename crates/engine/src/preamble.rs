//! Stage *preamble*: sends bytes to the target ahead of the client's: a header of the PROXY protocol.

use crate::attempt::TIMED_OUT;
use crate::context::Context;
use crate::failure;
use crate::holding::Holding;
use crate::relay;
use crate::rules::Rules;
use crate::session::{Outcome, Over, Session};
use crate::table::Entry;
use flow::{Direction, Peer, ProxyAddresses, Readiness, SendProxy, Time};
use sys::kernel::{Kernel, Socket as _};
use sys::{Errno, Event};

/// Sends the preamble to the target, which is connected, and relays.
pub(crate) fn begin<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) -> Outcome {
    let own = entry.session.permit.target().map(|target| target.header.get()).unwrap_or_default();
    let send_proxy = own.0.unwrap_or(rules.send_proxy);
    let kept = entry.session.proxied_mut().map(|proxied| std::mem::take(&mut proxied.tlvs));
    let tlvs = kept.filter(|_| own.1.unwrap_or(rules.pass_tlvs)).unwrap_or_default();
    // One that has broken since it was connected takes no byte.
    if send_proxy != SendProxy::Off && !is_broken(entry.session) {
        let bytes = send_proxy.header_with(&addresses(entry.session), &tlvs);
        let rest = &bytes[send(entry.session, &bytes, context.now)..];
        if !rest.is_empty() && !is_broken(entry.session) {
            *entry.session.holding(Direction::Up) = Some(context.pump.pool.buffer(rest));
            let until = context.now.after(rules.timeouts.connect);
            entry.session.flow.preamble_waits(until);
            entry.set_timer_by(rules);
            return Ok(());
        }
    }
    relay::serve(entry, context).1
}

/// Handles an event of the socket to `peer` during this stage.
pub(crate) fn event<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    peer: Peer,
    event: Event,
    readiness: Readiness,
) -> Outcome {
    let session = &mut *entry.session;
    session.flow.on_ready(peer, readiness, context.now);
    if event.error
        && let Some(Err(errno)) = session.socket(peer).map(K::Socket::take_error)
    {
        let failure = failure::of_connection(errno);
        if peer == Peer::Client {
            return Err(Over::reset(session.flow.reason_of_client_failure(failure)));
        }
        session.flow.broke(peer, failure, context.now);
    }
    if peer == Peer::Target { proceed(entry, context) } else { Ok(()) }
}

/// Sends what is left, and relays after the last byte, or if the target's socket has broken.
pub(crate) fn proceed<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    let now = context.now;
    let session = &mut *entry.session;
    let holding = session.holding(Direction::Up).take();
    if let Some(mut holding) = holding.filter(|_| !is_broken(session)) {
        if let Holding::Buffer(buffer) = &mut *holding {
            buffer.sent(send(session, buffer.unsent(), now));
            if !buffer.unsent().is_empty() && !is_broken(session) {
                *session.holding(Direction::Up) = Some(holding);
                return Ok(());
            }
        }
        context.pump.pool.give_back(holding);
    }
    session.flow.preamble_ended(now);
    entry.set_timer();
    relay::serve(entry, context).1
}

/// Handles the expired deadline of this stage: the target has taken no more bytes for too long.
pub(crate) fn timed_out() -> Outcome {
    Err(Over::reset(failure::reason_of_attempt(TIMED_OUT)))
}

fn is_broken<K: Kernel>(session: &Session<K>) -> bool {
    session.flow.socket(Peer::Target).failure().is_some()
}

/// Sends to the target. Returns the number of bytes taken; an error breaks the socket in `flow`.
fn send<K: Kernel>(session: &mut Session<K>, bytes: &[u8], now: Time) -> usize {
    let Some(target) = &session.target else { return 0 };
    match target.send(bytes) {
        Ok(taken) => taken,
        Err(Errno::AGAIN) => 0,
        Err(errno) => {
            session.flow.broke(Peer::Target, failure::of_connection(errno), now);
            0
        }
    }
}

/// The addresses that the header states: of the client, and those that it has connected to. A chain of proxies
/// passes on those of the first.
fn addresses<K: Kernel>(session: &Session<K>) -> ProxyAddresses {
    if let Some(proxied) = session.proxied().filter(|it| it.names_client()) {
        return proxied.addresses.clone();
    }
    let Some(client) = session.client_address.ip() else {
        let listen = &session.route().listen;
        return ProxyAddresses::unix(listen.strip_prefix("unix:").unwrap_or_default().as_bytes());
    };
    match session.client.local_address() {
        Ok(Some(local)) => ProxyAddresses::tcp(client, local),
        // A reset may have taken the connection apart: the target will see its end.
        _ => ProxyAddresses::Own,
    }
}
