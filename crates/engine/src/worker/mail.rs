//! Handles the messages in a worker's mailbox.

use super::Worker;
use super::walk::Walk;
use crate::change::Changes;
use crate::connect;
use crate::message::Message;
use crate::view::Reply;
use std::sync::Arc;
use sys::kernel::Kernel;

impl<K: Kernel> Worker<K> {
    pub(crate) fn read_mail(&mut self) {
        for message in self.context.mailbox.take() {
            match message {
                Message::Ping(reply) => reply(()),
                Message::Change(changes, reply) => self.change(changes, reply),
                Message::Adopt(accepted) => {
                    let rules = accepted.permit.route().forward.rules();
                    self.begin(accepted, &rules);
                }
                Message::Resolved { session, round, answer } => {
                    self.handle(session, |entry, context| {
                        connect::resolved(entry, context, round, answer)
                    });
                }
                Message::RoomAgain => {
                    // Accepted clients before new ones.
                    self.retry_waiting();
                    self.retry_full();
                }
                Message::List(query) => self.list(query),
                Message::Kill(filter, reply) => {
                    self.walk(Walk::Kill { filter, place: 0, killed: 0, reply });
                }
                Message::CutRemoved { forward, target } => {
                    self.walk(Walk::CutRemoved { forward, target, place: 0 });
                }
                Message::CutTarget(target) => self.walk(Walk::CutTarget { target, place: 0 }),
                // The worker parks at the end of the turn.
                Message::Park(parking) => self.parking = Some(parking),
                Message::TakeOver(work) => self.take_over(work),
                Message::Begin => {
                    self.has_registrations = false;
                    self.retry_waiting();
                }
                Message::Spin(span) => self.spin.set(span),
                Message::Drain => self.drain(),
                Message::Cut => {
                    self.cutting = true;
                    self.walk(Walk::Cut { place: 0 });
                }
                Message::Stop => self.stopped = true,
            }
        }
    }

    /// Queues the walks of a changed configuration: listeners first.
    fn change(&mut self, changes: Arc<Changes<K>>, reply: Reply<()>) {
        self.walk(Walk::change(Arc::clone(&changes), reply));
        if !changes.recounted.is_empty() {
            self.walk(Walk::Recount { changes: Arc::clone(&changes), place: 0 });
        }
        if !changes.repaced.is_empty() {
            self.walk(Walk::Pace { changes: Arc::clone(&changes), place: 0 });
        }
        if !changes.stricter.is_empty() {
            self.walk(Walk::SetTimers { changes, place: 0 });
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        self.acceptor.stop_retrying();
        let numbers = self.acceptor.numbers();
        self.walk(Walk::Drain { numbers });
    }
}
