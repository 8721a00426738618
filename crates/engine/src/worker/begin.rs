//! New sessions of this worker: batches of accepts, the choice of the worker, and the stages up to the
//! start of *connect*, which need no event.

use super::walk::Walk;
use super::{ACCEPTS_PER_TURN, Worker};
use crate::accept::{self, AcceptResult};
use crate::change::Listening;
use crate::close::CUT;
use crate::connect;
use crate::greet;
use crate::message::Message;
use crate::place;
use crate::rules::Rules;
use crate::session::{Accepted, Over, Session};
use flow::{Direction, Peer};
use std::sync::Arc;
use sys::kernel::Kernel;

impl<K: Kernel> Worker<K> {
    /// Polls a new listener, or attaches a known one to another route. Ignored while draining.
    pub(crate) fn listen(&mut self, number: u32, listening: Arc<Listening<K>>) {
        if !self.draining {
            self.acceptor.listen(number, listening, &self.context.epoll, self.context.now);
        }
    }

    /// Accepts queued connections, at most [`ACCEPTS_PER_TURN`]; epoll reports the others again. False
    /// if an immediate second batch would be useless: the queue is empty, or the listener was suspended.
    pub(crate) fn accept_from(&mut self, number: u32) -> bool {
        // While draining, listeners stay in the table until the walk removes them.
        let listening = self.acceptor.get(number).filter(|_| !self.draining);
        let Some(listening) = listening.map(Arc::clone) else { return false };
        let rules = listening.route.forward.rules();
        let mut failure = None;
        for _ in 0..ACCEPTS_PER_TURN {
            let Self { acceptor, context, .. } = self;
            match accept::accept(acceptor, context, number, &listening, &rules) {
                AcceptResult::Admitted(accepted) => {
                    self.assign(accepted, &rules);
                    failure = None;
                }
                AcceptResult::Refused => failure = None,
                AcceptResult::Failed(errno) => failure = Some(errno),
                AcceptResult::Nothing => return false,
            }
        }
        // A failed accept normally takes the connection out of the queue. If it does not (a security
        // module forbids the call), level-triggered polling would report it endlessly.
        if let Some(errno) = failure {
            accept::pause(&mut self.acceptor, &mut self.context, number, &listening, errno);
        }
        failure.is_none()
    }

    pub(crate) fn retry_exhausted(&mut self) {
        let numbers = self.acceptor.take_exhausted();
        self.walk(Walk::Poll { numbers });
    }

    /// Polls the listeners that wait for room. Those without room are suspended again by their next
    /// accept.
    pub(crate) fn retry_full(&mut self) {
        let numbers = self.acceptor.take_full();
        self.walk(Walk::Poll { numbers });
    }

    /// Retries the selection for the sessions that wait for a place in a target.
    pub(crate) fn retry_waiting(&mut self) {
        let sessions = std::mem::take(&mut self.context.waiting);
        if !sessions.is_empty() {
            self.walk(Walk::RetryWaiting { sessions, at: 0 });
        }
    }

    /// Begins the session here, or hands the connection to a less loaded worker.
    fn assign(&mut self, accepted: Accepted<K>, rules: &Rules) {
        let chosen = self.context.shared.choose_worker(self.context.index);
        if chosen == self.context.index {
            self.begin(accepted, rules);
        } else {
            self.context.shared.mailboxes[chosen].send(Message::Adopt(accepted));
        }
    }

    /// Makes a session of an admitted connection, and starts to connect it, or to read its first bytes. `rules` are
    /// the current rules of its forward.
    pub(crate) fn begin(&mut self, mut accepted: Accepted<K>, rules: &Rules) {
        let id = self.context.shared.next_id();
        let claim = accepted.claim.take();
        let counted_by = accepted.counted_by;
        let mut session = Session::new(id, accepted, self.context.now, rules);
        session.counters(self.context.index).opened();
        if counted_by != rules.clients.generation {
            // Accepted by another worker, under rules that have changed since.
            self.context.shared.recount_accepted(&mut session, rules, self.context.now);
        }
        session.pace(Direction::Down, rules);
        let key = self.table.insert(session);
        let cutting = self.cutting;
        self.handle(key, |entry, context| {
            if greet::is_due(entry.session, rules) {
                greet::begin(entry, context, rules, claim)?;
                return if cutting { Err(Over::reset(CUT)) } else { Ok(()) };
            }
            greet::report_accepted(entry.session, context);
            // First: also the record of a session that ends right here names its target.
            place::select_first(entry, context, rules, claim)?;
            if cutting {
                return Err(Over::reset(CUT));
            }
            context.register(entry, Peer::Client)?;
            connect::proceed(entry, context, rules)
        });
    }
}
