//! New sessions of this worker: batches of accepts, and the stages that a session passes without waiting
//! for an event.

use super::walk::Walk;
use super::{ACCEPTS_PER_TURN, Worker};
use crate::accept::{self, Tried};
use crate::change::Listening;
use crate::close::CUT;
use crate::connect;
use crate::message::Message;
use crate::report::Report;
use crate::rules::Rules;
use crate::select::select;
use crate::session::{Accepted, Over, Session};
use flow::End;
use std::sync::Arc;

impl Worker {
    /// Accepts from a listener from now on; attaches a known one to another route.
    pub(crate) fn listen(&mut self, number: u32, listening: Arc<Listening>) {
        if !self.draining {
            self.acceptor.listen(number, listening, &self.context.epoll, self.context.now);
        }
    }

    /// Accepts what waits, up to a turn's share; epoll reports the rest again. False if there is no use
    /// in going on at once.
    pub(crate) fn accept_from(&mut self, number: u32) -> bool {
        // While draining, a listener stays in the table until the walk reaches it.
        let listening = self.acceptor.get(number).filter(|_| !self.draining);
        let Some(listening) = listening.map(Arc::clone) else { return false };
        let rules = listening.route.forward.rules();
        let mut failure = None;
        for _ in 0..ACCEPTS_PER_TURN {
            let Self { acceptor, context, .. } = self;
            match accept::accept(acceptor, context, number, &listening, &rules) {
                Tried::Admitted(accepted) => {
                    self.hand_on(accepted, &rules);
                    failure = None;
                }
                Tried::Refused => failure = None,
                Tried::Failed(errno) => failure = Some(errno),
                Tried::Nothing => return false,
            }
        }
        // A failed connection is out of the queue. Should it not be (a security module forbids
        // accepting it), it would be reported without end.
        if let Some(errno) = failure {
            accept::pause(&mut self.acceptor, &mut self.context, number, &listening, errno);
        }
        failure.is_none()
    }

    pub(crate) fn retry_exhausted(&mut self) {
        let numbers = self.acceptor.take_exhausted();
        self.walk(Walk::Poll { numbers });
    }

    /// Polls the listeners of full forwards again. Those still full are set aside again.
    pub(crate) fn retry_full(&mut self) {
        let numbers = self.acceptor.take_full();
        self.walk(Walk::Poll { numbers });
    }

    /// Gives the session to the worker that will serve it, which is usually this one.
    fn hand_on(&mut self, accepted: Accepted, rules: &Rules) {
        let chosen = self.context.shared.choose_worker(self.context.index);
        if chosen == self.context.index {
            self.begin(accepted, rules);
        } else {
            self.context.shared.mailboxes[chosen].send(Message::Adopt(accepted));
        }
    }

    /// Makes a session of an admitted connection, and begins to connect it. `rules` are those of its
    /// forward, looked up by the caller.
    pub(crate) fn begin(&mut self, accepted: Accepted, rules: &Rules) {
        let id = self.context.shared.next_id();
        if self.context.shared.detail.steps() {
            self.context.shared.outbox.send(Report::Accepted {
                id,
                forward: Arc::clone(&accepted.permit.route().forward.name),
                client: accepted.address,
            });
        }
        let session = Session::new(id, accepted, self.context.index, self.context.now, rules);
        session.counters.opened();
        let key = self.table.insert(session);
        if self.cutting {
            return self.end(key, Over::reset(CUT));
        }
        self.handle(key, |entry, context| {
            context.register(entry, End::Client)?;
            select(&mut entry.session.permit, &context.shared)?;
            connect::begin(entry, context, rules)
        });
    }
}
