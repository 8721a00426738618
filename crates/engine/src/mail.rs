//! What a worker may be told, and what it does then.

use crate::change::Changes;
use crate::forward::Forward;
use crate::session::Accepted;
use crate::slots::Key;
use crate::upgrade::{Parking, TakeOver};
use crate::view::{Look, Reply};
use crate::walk::Walk;
use crate::worker::Worker;
use flow::{By, Cause, CloseReason, Phase};
use std::net::SocketAddr;
use std::sync::Arc;

/// Why a session ends that is open when the time to drain is over.
pub(crate) const CUT: CloseReason = CloseReason::new(By::Shutdown, Phase::Drain, Cause::Drained);

/// What a worker may be told.
pub(crate) enum Message {
    /// Reply at once: a sign of life.
    Ping(Reply<()>),
    /// The configuration has changed; to be answered when that has been seen to.
    Change(Arc<Changes>, Reply<()>),
    /// A session that another worker accepted, and that counts here already.
    Adopt(Accepted),
    /// The answer to a name's query.
    Resolved { session: Key, addresses: Arc<[SocketAddr]> },
    /// A gate at which this worker waited has room again.
    RoomAgain,
    /// Show some sessions.
    Look(Look),
    /// Reset the session with this number, and tell whether it was here.
    Kill(u64, Reply<bool>),
    /// Reset the sessions of a forward.
    CutForward(Arc<Forward>),
    /// Stop, so that what is here can be written down.
    Park(Parking),
    /// Go on with sessions of the image before.
    TakeOver(TakeOver),
    /// All workers have theirs.
    Begin,
    /// Accept no more; sessions go on.
    Drain,
    /// Reset what is still open.
    Cut,
    /// End the thread.
    Stop,
}

impl Worker {
    pub(crate) fn read_mail(&mut self) {
        for message in self.mailbox.take() {
            match message {
                Message::Ping(reply) => reply(()),
                Message::Change(changes, reply) => {
                    self.walk(Walk::change(Arc::clone(&changes), reply));
                    if !changes.stricter.is_empty() {
                        self.walk(Walk::SetTimers { changes, place: 0 });
                    }
                }
                Message::Adopt(accepted) => self.begin(accepted),
                Message::Resolved { session, addresses } => self.resolved(session, addresses),
                Message::RoomAgain => self.retry_full(),
                Message::Look(look) => self.show(look),
                Message::Kill(id, reply) => self.walk(Walk::Kill { id, place: 0, reply }),
                Message::CutForward(forward) => {
                    self.walk(Walk::CutForward { forward, place: 0 });
                }
                // At the end of the turn.
                Message::Park(parking) => self.parking = Some(parking),
                Message::TakeOver(work) => self.take_over(work),
                Message::Begin => self.has_registrations = false,
                Message::Drain => self.drain(),
                Message::Cut => {
                    self.cutting = true;
                    self.walk(Walk::Cut { place: 0 });
                }
                Message::Stop => self.stopped = true,
            }
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        self.retry_at = None;
        let numbers = self.listeners.keys().copied().collect();
        self.walk(Walk::Drain { numbers });
    }
}
