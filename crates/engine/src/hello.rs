//! Stage *greet*, second part: reads the TLS ClientHello that decides the route of a client. Its bytes are peeked
//! at, so that they stay in the socket for the lanes.

use crate::connect;
use crate::context::Context;
use crate::failure;
use crate::hello_state::HelloState;
use crate::rules::Rules;
use crate::session::{Outcome, Over, Session};
use crate::table::Entry;
use flow::{By, Cause, ClientHello, CloseReason, HelloRead, Peer, Phase};
use std::sync::Arc;
use sys::Errno;
use sys::kernel::{Kernel, Socket as _};

const HELLO_TIMEOUT: CloseReason = CloseReason::new(By::Limit, Phase::Greet, Cause::HelloTimeout);
const NO_ROUTE: CloseReason = CloseReason::new(By::Limit, Phase::Greet, Cause::NoRoute);

/// Waits for the hello of a client. The caller sets the timer.
pub(crate) fn begin<K: Kernel>(entry: &mut Entry<'_, K>, context: &Context<K>, rules: &Rules) {
    *entry.session.hello_mut() = HelloState::default();
    entry.session.flow.greet(context.now.after(rules.hello_timeout));
}

/// Chooses the route of the client if its hello is complete, or no hello can follow.
pub(crate) fn proceed<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    let session = &mut *entry.session;
    if !session.route().awaits_hello() {
        // A reload has removed the routes.
        return choose(entry, context, None);
    }
    let needs = session.hello_mut().needs;
    // No byte follows a FIN, and a peek stops at an urgent mark.
    let is_all = session.flow.socket(Peer::Client).has_mark();
    let bytes = context.pump.scratch();
    let read = match session.client.peek(bytes) {
        Ok(0) => HelloRead::NotTls,
        Ok(count) if count < needs && !is_all => return Ok(()),
        Ok(count) => HelloRead::of(&bytes[..count]),
        Err(Errno::AGAIN) => return Ok(()),
        Err(errno) => return Err(broke(session, errno)),
    };
    match read {
        HelloRead::Complete(hello) => choose(entry, context, Some(hello)),
        HelloRead::Incomplete { needs } if !is_all => {
            entry.session.hello_mut().needs = needs;
            Ok(())
        }
        HelloRead::Incomplete { .. } | HelloRead::NotTls => choose(entry, context, None),
    }
}

/// Handles the expired deadline. A client that waits for its server to speak first has sent nothing.
pub(crate) fn timed_out<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    let has_begun = entry.session.hello().is_some_and(|hello| hello.needs > 0);
    if has_begun { Err(Over::reset(HELLO_TIMEOUT)) } else { choose(entry, context, None) }
}

/// The end of a session whose client reset the connection.
pub(crate) fn broke<K: Kernel>(session: &Session<K>, errno: Errno) -> Over {
    Over::reset(session.flow.reason_of_client_failure(failure::of_connection(errno)))
}

/// Goes on by the route for the hello or, without one, to the targets of the listener.
fn choose<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    hello: Option<ClientHello>,
) -> Outcome {
    let session = &mut *entry.session;
    let route = Arc::clone(session.route());
    let chosen = hello.as_ref().and_then(|hello| route.for_hello(hello));
    let server_name = hello.and_then(|hello| hello.server_name).map(Into::into);
    *session.hello_mut() = HelloState { needs: 0, server_name };
    match chosen {
        Some(chosen) => session.permit.follow(chosen),
        None if route.targets.load().members().is_empty() => return Err(Over::reset(NO_ROUTE)),
        None => {}
    }
    let rules = entry.session.rules();
    connect::begin(entry, context, &rules, None)
}
