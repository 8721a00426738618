//! One thread of the data plane: waits for events and serves the sessions that they concern. It blocks
//! in epoll_wait(2) only.
//!
//! The modules below hold the work of the thread: batches of new sessions, timers, messages, walks over
//! many sessions, and upgrades. The modules of the stages hold the work on one session.

mod begin;
mod timers;

mod list;
mod mail;
mod walk;

mod park;
mod restore;
mod save;

use crate::acceptor::Acceptor;
use crate::close;
use crate::connect;
use crate::context::Context;
use crate::greet;
use crate::preamble;
use crate::pump::Pump;
use crate::rate_limit::RateLimit;
use crate::relay::{self, SHARE};
use crate::session::{Outcome, Over};
use crate::shared::Shared;
use crate::slots::Key;
use crate::table::{Entry, Table};
use crate::token::{MAILBOX, Source};
use crate::upgrade::Parking;
use flow::{Peer, Readiness, Stage, Time};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use sys::{Epoll, Event, Events};
use walk::Walk;

/// Most events taken per turn. A larger batch would delay its first events.
const EVENTS_PER_TURN: usize = 256;
/// Bytes that all bulk sessions together may move per turn, before new events are read: a small message
/// waits for about one share, however many bulk sessions there are.
const BULK_PER_TURN: usize = SHARE;
/// Connections accepted from one listener per turn: open sessions must not wait for a flood of new
/// ones.
const ACCEPTS_PER_TURN: u32 = 16;

/// The state of a worker. The modules in `worker/` hold its other methods.
pub(crate) struct Worker {
    pub(crate) context: Context,
    pub(crate) acceptor: Acceptor,
    pub(crate) table: Table,
    pub(crate) tidy_at: Option<Time>,
    /// Work of more than one turn, in order of arrival.
    pub(crate) walks: VecDeque<Walk>,
    pub(crate) draining: bool,
    /// All sessions are reset: open ones, and those still handed over by other workers.
    pub(crate) cutting: bool,
    pub(crate) parking: Option<Parking>,
    /// The epoll instance is inherited, with sessions that are not restored yet.
    pub(crate) has_registrations: bool,
    pub(crate) stopped: bool,
}

impl Worker {
    /// Makes a worker, on an inherited epoll instance if there is one.
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        epoll: Option<OwnedFd>,
    ) -> sys::Result<Self> {
        let mailbox = Arc::clone(&shared.mailboxes[index]);
        let has_registrations = epoll.is_some();
        let epoll = epoll.map_or_else(Epoll::new, |fd| Ok(Epoll::restored(fd)))?;
        shared.note_epoll(index, sys::handoff::number(&epoll));
        epoll.add_waker(mailbox.waker().as_fd(), MAILBOX)?;
        let now = clock();
        let pump = Pump::new(shared.pipes_per_worker);
        Ok(Self {
            context: Context {
                index,
                shared,
                mailbox,
                epoll,
                pump,
                rate_limit: RateLimit::new(),
                now,
            },
            acceptor: Acceptor::default(),
            table: Table::new(now),
            tidy_at: None,
            walks: VecDeque::new(),
            draining: false,
            cutting: false,
            parking: None,
            has_registrations,
            stopped: false,
        })
    }

    /// Runs turns until [`Message::Stop`](crate::message::Message::Stop).
    pub(crate) fn run(mut self) {
        // Edge-triggered events of sessions that are not restored yet would be lost.
        while self.has_registrations && !self.stopped {
            self.context.mailbox.waker().wait();
            self.context.now = clock();
            self.read_mail();
            self.finish_walks();
        }
        let mut events = Events::with_room_for(EVENTS_PER_TURN);
        while !self.stopped {
            // Any error of epoll_wait(2) here is a bug of ours. The turn then has no events, and a pause
            // keeps the loop from spinning.
            if self.context.epoll.wait(&mut events, self.poll_timeout()).is_err() {
                std::thread::sleep(Duration::from_millis(10));
            }
            self.context.now = clock();
            for event in events.iter() {
                self.dispatch(event);
            }
            self.serve_waiting();
            self.serve_timers();
            // Most turns have no walk, and the call costs some thirty instructions.
            if !self.walks.is_empty() {
                self.continue_walks();
            }
            // Only at the end of a turn: epoll does not repeat an event that was taken and not handled.
            if let Some(parking) = self.parking.take() {
                self.park(&parking);
                self.context.now = clock();
            }
        }
        // Sessions in the table and in the mailbox are reset: a close would send a FIN.
        self.read_mail();
        self.cut();
    }

    /// Longest wait of the next epoll_wait(2); `None` if no timer is set.
    fn poll_timeout(&self) -> Option<Duration> {
        if self.table.queued() > 0 || !self.walks.is_empty() {
            return Some(Duration::ZERO);
        }
        let earlier = |one: Option<Time>, other: Option<Time>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            _ => one.or(other),
        };
        let next =
            earlier(self.table.next_due_at(), earlier(self.acceptor.retry_at(), self.tidy_at));
        // Measured from the start of the turn: a timer may fire late by the duration of the turn.
        next.map(|at| at.since(self.context.now))
    }

    fn dispatch(&mut self, event: Event) {
        match Source::of(event.token) {
            Source::Session(key, peer) => self.session_event(key, peer, event),
            Source::Mailbox => self.read_mail(),
            // Level-triggered: epoll reports connections left in the queue again.
            Source::Listener(number) => {
                self.accept_from(number);
            }
        }
    }

    fn session_event(&mut self, key: Key, peer: Peer, event: Event) {
        let readiness =
            Readiness { readable: event.readable, writable: event.writable, mark: event.mark };
        let handle = |entry: &mut Entry<'_>, context: &mut Context| match entry.session.flow.stage()
        {
            Stage::Greeting(greeting) => greet::event(greeting),
            Stage::Connecting { .. } => connect::event(entry, context, peer, event, readiness),
            Stage::Preamble(preamble) => preamble::event(preamble),
            Stage::Relaying | Stage::Flushing { .. } => {
                relay::event(entry, context, peer, event, readiness)
            }
        };
        self.handle(key, handle);
    }

    /// Looks up a session, calls `handler` with it, and ends the session if it is over.
    fn handle(&mut self, key: Key, handler: impl FnOnce(&mut Entry<'_>, &mut Context) -> Outcome) {
        let Some(mut entry) = self.table.entry(key) else { return };
        let outcome = handler(&mut entry, &mut self.context);
        self.settle(key, outcome);
    }

    /// Removes a session from the table and ends it.
    pub(crate) fn end(&mut self, key: Key, over: Over) {
        if let Some(session) = self.table.remove(key) {
            close::close(session, &mut self.context, over, self.draining);
            self.tidy_later();
        }
    }

    /// Ends a session whose handler reports that it is over.
    fn settle(&mut self, key: Key, outcome: Outcome) {
        if let Err(over) = outcome {
            self.end(key, over);
        }
    }

    /// Serves the sessions in the run queue, each at most once, up to [`BULK_PER_TURN`].
    fn serve_waiting(&mut self) {
        let mut moved = 0;
        for _ in 0..self.table.queued() {
            if moved >= BULK_PER_TURN {
                break;
            }
            let Some(mut entry) = self.table.dequeue() else { continue };
            let key = entry.key;
            let (bytes, outcome) = relay::serve(&mut entry, &mut self.context);
            moved += bytes;
            self.settle(key, outcome);
        }
        self.context.shared.note_pipes(self.context.index, self.context.pump.pool.pipes());
        if let Some(cause) = self.context.pump.missing.take() {
            self.context.report_exhausted(cause, "a pipe; copying instead");
        }
    }
}

/// Reads the clock: called once per turn, and nowhere else in the engine.
fn clock() -> Time {
    Time::from_micros(sys::monotonic_micros())
}
