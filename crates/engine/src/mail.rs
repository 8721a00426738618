//! What a worker may be told, and what it does then.

use crate::change::Changes;
use crate::forward::Forward;
use crate::session::Accepted;
use crate::slots::Key;
use crate::upgrade::{Parking, TakeOver};
use crate::view::{Look, Reply};
use crate::worker::Worker;
use flow::{By, Cause, CloseReason, Phase};
use std::net::SocketAddr;
use std::sync::Arc;

/// Why a session ends that is open when the time to drain is over.
pub(crate) const CUT: CloseReason = CloseReason::new(By::Shutdown, Phase::Drain, Cause::Drained);

/// What a worker may be told.
pub(crate) enum Message {
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
                Message::Change(changes, reply) => {
                    self.change(&changes);
                    reply(());
                }
                Message::Adopt(accepted) => self.begin(accepted),
                Message::Resolved { session, addresses } => self.resolved(session, addresses),
                Message::RoomAgain => self.retry_full(),
                Message::Look(look) => self.show(look),
                Message::Kill(id, reply) => self.kill(id, reply),
                Message::CutForward(forward) => self.cut_forward(&forward),
                // At the end of the turn.
                Message::Park(parking) => self.parking = Some(parking),
                Message::TakeOver(work) => self.take_over(work),
                Message::Begin => self.has_registrations = false,
                Message::Drain => self.drain(),
                Message::Cut => self.cut(),
                Message::Stop => self.stopped = true,
            }
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        self.stop_listening();
        for key in self.sessions.keys() {
            if let Some(session) = self.sessions.get_mut(key) {
                session.flow.drain();
            }
        }
    }

    pub(crate) fn cut(&mut self) {
        self.cutting = true;
        for key in self.sessions.keys() {
            self.end(key, CUT, true);
        }
    }
}
