//! Stage *relay*: events of a connected session's sockets, and its share of a turn.

use crate::context::Context;
use crate::failure;
use crate::flush;
use crate::session::{Outcome, Over};
use crate::table::Entry;
use flow::{Action, Peer, Readiness};
use sys::Event;
use sys::kernel::{Kernel, Socket as _};

/// Bytes that one session may move in a turn before other sessions are served.
pub(crate) const SHARE: usize = 256 * 1024;
/// Actions of one session per turn: bounds steps that move no bytes.
const ACTIONS_PER_TURN: usize = 64;

/// Handles an event of the socket to `peer`.
#[inline]
pub(crate) fn event<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    peer: Peer,
    event: Event,
    readiness: Readiness,
) -> Outcome {
    let session = &mut *entry.session;
    if event.error
        && let Some(Err(errno)) = session.socket(peer).map(K::Socket::take_error)
    {
        session.flow.broke(peer, failure::of_connection(errno), context.now);
    }
    session.flow.on_ready(peer, readiness, context.now);
    // Small messages are served at once, bulk after them.
    if session.flow.is_bulk() {
        entry.enqueue();
    } else if !session.flags.queued() {
        return serve(entry, context).1;
    }
    Ok(())
}

/// Carries out a session's actions, up to its share. Returns the number of bytes moved, and the outcome.
pub(crate) fn serve<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
) -> (usize, Outcome) {
    let now = context.now;
    let mut moved = 0;
    for _ in 0..ACTIONS_PER_TURN {
        let session = &mut *entry.session;
        match session.flow.next(now) {
            Action::Step(direction, step) => {
                moved += context.pump.carry_out(session, direction, step, now);
            }
            Action::CheckUnacked(peer) => {
                let bytes = flush::unacked_if_alive(session, peer);
                session.flow.unacked(bytes, now);
            }
            Action::Wait => {
                if session.needs_timer() {
                    entry.set_timer();
                }
                return (moved, Ok(()));
            }
            Action::Close(reason) => return (moved, Err(Over::closed(reason))),
            Action::Reset(reason) => return (moved, Err(Over::reset(reason))),
        }
        if moved >= SHARE {
            break;
        }
    }
    entry.enqueue();
    if entry.session.needs_timer() {
        entry.set_timer();
    }
    (moved, Ok(()))
}
