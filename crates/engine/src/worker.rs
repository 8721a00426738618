//! One thread of the data plane: waits for events, serves the sessions they are about, and never
//! blocks anywhere else.
//!
//! The modules hold what is about the thread: batches of new sessions, timers, messages, walks over many
//! sessions, and upgrades. What happens to one session is in the modules of the stages.

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
use flow::{End, Readiness, Stage, Time};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use sys::{Epoll, Event, Events};
use walk::Walk;

/// Events taken per turn. More would only delay the first of them.
const EVENTS_PER_TURN: usize = 256;
/// Bytes that bulk may move per turn, all sessions together. Then new events are looked at: a small
/// message waits for about one share, however many bulk sessions there are.
const BULK_PER_TURN: usize = SHARE;
/// Connections accepted from one listener per turn: established sessions must not wait for a flood
/// of new ones.
const ACCEPTS_PER_TURN: u32 = 16;

/// One worker's state. The modules in `worker/` hold its other functions.
pub(crate) struct Worker {
    pub(crate) context: Context,
    pub(crate) acceptor: Acceptor,
    pub(crate) table: Table,
    pub(crate) tidy_at: Option<Time>,
    /// Work that takes more than a turn, in order.
    pub(crate) walks: VecDeque<Walk>,
    pub(crate) draining: bool,
    /// Sessions are reset: those that are open, and those that another worker still sends.
    pub(crate) cutting: bool,
    pub(crate) parking: Option<Parking>,
    /// The epoll instance is inherited, and its sessions are not restored yet.
    pub(crate) has_registrations: bool,
    pub(crate) stopped: bool,
}

impl Worker {
    /// A worker, with an inherited epoll instance if there is one.
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

    /// The loop, until [`Message::Stop`](crate::message::Message::Stop).
    pub(crate) fn run(mut self) {
        // Events of sessions that are not here yet would be lost.
        while self.has_registrations && !self.stopped {
            self.context.mailbox.waker().wait();
            self.context.now = clock();
            self.read_mail();
            self.finish_walks();
        }
        let mut events = Events::with_room_for(EVENTS_PER_TURN);
        while !self.stopped {
            // The only error left to epoll_wait(2) here would be a bug of ours; a turn without
            // events is what remains of it, at a pace that cannot spin.
            if self.context.epoll.wait(&mut events, self.poll_timeout()).is_err() {
                std::thread::sleep(Duration::from_millis(10));
            }
            self.context.now = clock();
            for event in events.iter() {
                self.dispatch(event);
            }
            self.serve_waiting();
            self.serve_timers();
            // Most turns have none, and the call alone costs some thirty instructions.
            if !self.walks.is_empty() {
                self.continue_walks();
            }
            // Not before: an event that was taken and not looked at is not reported again.
            if let Some(parking) = self.parking.take() {
                self.park(&parking);
                self.context.now = clock();
            }
        }
        // Sessions in the table and in the mailbox are reset: they must not end in a FIN.
        self.read_mail();
        self.cut();
    }

    /// How long epoll_wait(2) may block.
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
        // From the beginning of the turn: a timer may fire late by as much as the turn took.
        next.map(|at| at.since(self.context.now))
    }

    fn dispatch(&mut self, event: Event) {
        match Source::of(event.token) {
            Source::Session(key, end) => self.session_event(key, end, event),
            Source::Mailbox => self.read_mail(),
            // Connections beyond one turn's share are reported again.
            Source::Listener(number) => {
                self.accept_from(number);
            }
        }
    }

    fn session_event(&mut self, key: Key, end: End, event: Event) {
        let readiness =
            Readiness { readable: event.readable, writable: event.writable, mark: event.mark };
        let handle = |entry: &mut Entry<'_>, context: &mut Context| match entry.session.flow.stage()
        {
            Stage::Greeting(greeting) => greet::event(greeting),
            Stage::Connecting { .. } => connect::event(entry, context, end, event, readiness),
            Stage::Preamble(preamble) => preamble::event(preamble),
            Stage::Relaying | Stage::Flushing { .. } => {
                relay::event(entry, context, end, event, readiness)
            }
        };
        self.handle(key, handle);
    }

    /// Looks a session up, once, and calls `handler` with it.
    fn handle(&mut self, key: Key, handler: impl FnOnce(&mut Entry<'_>, &mut Context) -> Outcome) {
        let Some(mut entry) = self.table.entry(key) else { return };
        let outcome = handler(&mut entry, &mut self.context);
        self.settle(key, outcome);
    }

    /// Ends a session.
    pub(crate) fn end(&mut self, key: Key, over: Over) {
        if let Some(session) = self.table.remove(key) {
            close::close(session, &mut self.context, over, self.draining);
            self.tidy_later();
        }
    }

    /// Ends a session that is over.
    fn settle(&mut self, key: Key, outcome: Outcome) {
        if let Err(over) = outcome {
            self.end(key, over);
        }
    }

    /// Serves the run queue, each session at most once, up to a turn's share.
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

/// The clock's only reader in the engine.
fn clock() -> Time {
    Time::from_micros(sys::monotonic_micros())
}
