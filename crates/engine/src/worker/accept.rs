//! From a listener's queue to a session: admission, and the choice of a worker.

use super::end::CUT;
use super::walk::Walk;
use super::{ACCEPTS_PER_TURN, Worker};
use crate::change::Listening;
use crate::connect;
use crate::failure;
use crate::forward::Route;
use crate::message::Message;
use crate::rate_limit::Kind;
use crate::report::Report;
use crate::session::{Accepted, Over, Session};
use flow::{AtLimit, By, Cause, CloseReason, End, Phase};
use rustix::fd::AsFd;
use std::sync::Arc;
use sys::Errno;

/// The result of an attempt to accept a connection.
enum Tried {
    /// A client was there.
    Accepted,
    /// It failed, for a reason of that connection's own; the next one may be sound.
    Failed(Errno),
    /// There is no use in trying for another one now.
    NoUse,
}

impl Worker {
    /// Accepts from a listener from now on; from one that is known, for another route.
    pub(crate) fn listen(&mut self, number: u32, listening: Arc<Listening>) {
        if !self.draining {
            self.acceptor.listen(number, listening, &self.context.epoll, self.context.now);
        }
    }

    /// Accepts what waits, up to a turn's share. What is left is reported again. False if there is
    /// no use in going on at once.
    pub(crate) fn accept_from(&mut self, number: u32) -> bool {
        // While draining, a listener stays in the table until the walk reaches it.
        let listening = self.acceptor.get(number).filter(|_| !self.draining);
        let Some(listening) = listening.map(Arc::clone) else { return false };
        let mut failure = None;
        for _ in 0..ACCEPTS_PER_TURN {
            match self.accept_one(number, &listening) {
                Tried::Accepted => failure = None,
                Tried::Failed(errno) => failure = Some(errno),
                Tried::NoUse => return false,
            }
        }
        // A failed connection is out of the queue. Should it not be (a security module forbids
        // accepting it), it would be reported without end.
        if let Some(errno) = failure {
            self.pause(number, &listening, errno);
        }
        failure.is_none()
    }

    /// Accepts one connection.
    fn accept_one(&mut self, number: u32, listening: &Listening) -> Tried {
        let route = &listening.route;
        // Where clients may wait, a place is taken before accept(2), and returned if no client was
        // there. Where they may not, it is taken after: a place held without a client would make
        // another worker refuse one.
        let permit = match route.forward.rules().at_limit {
            AtLimit::Refuse => None,
            AtLimit::Wait => {
                let Ok(permit) = self.context.shared.request(route, self.context.index) else {
                    self.acceptor.wait_for_room(number, &self.context.epoll);
                    return Tried::NoUse;
                };
                Some(permit)
            }
        };
        match sys::listen::accept(listening.socket.as_fd()) {
            Ok((socket, address)) => {
                let permit = permit
                    .ok_or(())
                    .or_else(|()| self.context.shared.request(route, self.context.index));
                if let Ok(permit) = permit {
                    self.hand_on(Accepted { socket, address, permit });
                } else {
                    sys::socket::reset(socket);
                    self.report_refused(route);
                }
                Tried::Accepted
            }
            Err(errno) => {
                if let Some(permit) = permit {
                    self.context.shared.release(permit);
                }
                self.accept_failed(number, listening, errno)
            }
        }
    }

    fn accept_failed(&mut self, number: u32, listening: &Listening, errno: Errno) -> Tried {
        if errno == Errno::AGAIN {
            return Tried::NoUse;
        }
        if failure::is_of_one_connection(errno) {
            return Tried::Failed(errno);
        }
        // accept(2) wants a descriptor before it looks: without one, and without anybody there,
        // nothing is wrong.
        if sys::listen::has_pending(listening.socket.as_fd()) {
            self.pause(number, listening, errno);
        }
        Tried::NoUse
    }

    /// Files or memory are short, or something worse is wrong. The connection stays in the kernel's
    /// queue, and level-triggered polling would report it without end.
    fn pause(&mut self, number: u32, listening: &Listening, errno: Errno) {
        self.context.pump.pool.clear();
        self.acceptor.pause(number, &self.context.epoll, self.context.now);
        listening.route.forward.counters.of(self.context.index).accept_failed(errno);
        let forward = Arc::clone(&listening.route.forward.name);
        let cause = failure::exhausted(errno).unwrap_or(Cause::IoError);
        let kind = Kind::Forward(Arc::clone(&forward), cause);
        self.context.rate_limit.report(
            &self.context.shared.outbox,
            self.context.now,
            kind,
            |count| Report::AcceptFailed { forward, errno, count },
        );
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

    fn report_refused(&mut self, route: &Route) {
        let forward = &route.forward;
        forward.counters.of(self.context.index).refused(self.context.now);
        let reason = CloseReason::new(By::Limit, Phase::Admit, Cause::OverLimit);
        let process_is_full = self.context.shared.gate.taken() >= self.context.shared.gate.limit();
        let gate = if process_is_full { &self.context.shared.gate } else { &forward.gate };
        let (name, limit) = (Arc::clone(&forward.name), gate.limit());
        let kind = Kind::Forward(Arc::clone(&name), Cause::OverLimit);
        self.context.rate_limit.report(
            &self.context.shared.outbox,
            self.context.now,
            kind,
            |count| Report::Refused { forward: name, reason, limit, count },
        );
    }

    /// Gives the session to the worker that will serve it, which is usually this one.
    fn hand_on(&mut self, accepted: Accepted) {
        let chosen = self.context.shared.place(self.context.index);
        if chosen == self.context.index {
            self.begin(accepted);
        } else {
            // Without a limit a mailbox is never full.
            let _ = self.context.shared.mailboxes[chosen].send(Message::Adopt(accepted));
        }
    }

    /// Makes a session of an admitted connection, and begins to connect it.
    pub(crate) fn begin(&mut self, accepted: Accepted) {
        let id = self.context.shared.next_id();
        if self.context.shared.detail.steps() {
            self.context.shared.outbox.send(Report::Accepted {
                id,
                forward: Arc::clone(&accepted.permit.route().forward.name),
                client: accepted.address,
            });
        }
        let session = Session::new(id, accepted, self.context.index, self.context.now);
        session.counters.opened();
        let key = self.table.insert(session);
        if self.cutting {
            return self.end(key, Over::reset(CUT));
        }
        self.handle(key, |entry, context| {
            context.register(entry, End::Client)?;
            connect::begin(entry, context)
        });
    }
}
