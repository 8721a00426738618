//! One thread of the data plane: waits for events and serves the sessions that they concern. It blocks
//! in epoll_wait(2) only.
//!
//! The modules below hold the work of the thread: batches of new sessions, timers, messages, walks over
//! many sessions, and upgrades. The modules of the stages hold the work on one session.

mod begin;
mod spin;
mod timers;

mod list;
mod mail;
mod walk;

mod park;
mod restore;
mod save;

mod abandon;

mod audit;
pub use audit::{Audit, Awaited, HoldingAudit, SessionAudit};

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
use crate::upgrade::{Order, Parking};
use flow::{Peer, Random, Readiness, Stage, Time};
use spin::Spin;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Sender, TryRecvError};
use std::time::Duration;
use sys::Event;
use sys::kernel::{Descriptor as _, Epoll, Kernel, Waker as _};
use walk::Walk;

/// Most events taken per turn. A larger batch would delay its first events.
const EVENTS_PER_TURN: usize = 256;
/// Bytes that all bulk sessions together may move per turn, before new events are read: a small message
/// waits for about one share, however many bulk sessions there are.
const BULK_PER_TURN: usize = SHARE;
/// Connections accepted from one listener per turn: open sessions must not wait for a flood of new
/// ones.
const ACCEPTS_PER_TURN: u32 = 16;

/// Pause after a failed epoll_wait(2), which keeps the loop from spinning.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// Events of one epoll_wait(2).
type Events<K> = <<K as Kernel>::Epoll as Epoll<K>>::Events;

/// The state of a worker. The modules in `worker/` hold its other methods.
pub struct Worker<K: Kernel> {
    pub(crate) context: Context<K>,
    pub(crate) acceptor: Acceptor<K>,
    pub(crate) table: Table<K>,
    pub(crate) tidy_at: Option<Time>,
    /// Work of more than one turn, in order of arrival.
    pub(crate) walks: VecDeque<Walk<K>>,
    pub(crate) draining: bool,
    /// All sessions are reset: open ones, and those still handed over by other workers.
    pub(crate) cutting: bool,
    /// A request to park at the end of the turn.
    pub(crate) parking: Option<Parking>,
    /// The worker is parked, and waits for orders.
    pub(crate) parked: Option<Parking>,
    /// The epoll instance is inherited, with sessions that are not restored yet.
    pub(crate) has_registrations: bool,
    /// [`Message::Stop`](crate::message::Message::Stop) was received.
    pub(crate) stopped: bool,
    spin: Spin,
    /// Gets a message when the worker ends; `None` afterwards.
    ended: Option<Ended>,
}

/// Sends a message when it is dropped, also by a panic.
struct Ended(Sender<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        // Fails if the engine was dropped.
        let _ = self.0.send(());
    }
}

/// The condition that ends the current wait of a worker's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// An event of the epoll instance with this descriptor, or the time `until`. A time that is not
    /// later than the present one: the thread does not wait.
    Events {
        /// Number of the descriptor.
        epoll: u32,
        /// End of the wait; [`Time::NEVER`] without a timer.
        until: Time,
    },
    /// A wake-up of the mailbox, with sessions to restore.
    Wakeup,
    /// An order to the parked worker.
    Order,
    /// Nothing: the worker has ended.
    Nothing,
}

impl<K: Kernel> Worker<K> {
    /// Makes a worker, on an inherited epoll instance if there is one. `ended` gets a message when the
    /// worker ends.
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared<K>>,
        epoll: Option<K::Epoll>,
        ended: Sender<()>,
    ) -> sys::Result<Self> {
        let kernel = shared.kernel.clone();
        let mailbox = Arc::clone(&shared.mailboxes[index]);
        let has_registrations = epoll.is_some();
        let epoll = epoll.map_or_else(|| kernel.epoll(), Ok)?;
        shared.note_epoll(index, epoll.number());
        epoll.add_waker(mailbox.waker(), MAILBOX)?;
        let now = kernel.now();
        let pump = Pump::new(kernel.clone(), index, shared.pipes_per_worker);
        let rate_limit = RateLimit::new();
        let random = Random::of_several(shared.seed, index);
        Ok(Self {
            context: Context {
                kernel,
                index,
                shared,
                mailbox,
                epoll,
                pump,
                rate_limit,
                random,
                now,
                waiting: Vec::new(),
            },
            acceptor: Acceptor::new(),
            table: Table::new(now),
            tidy_at: None,
            walks: VecDeque::new(),
            draining: false,
            cutting: false,
            parking: None,
            parked: None,
            has_registrations,
            stopped: false,
            spin: Spin::default(),
            ended: Some(Ended(ended)),
        })
    }

    /// Runs turns until [`Message::Stop`](crate::message::Message::Stop).
    #[expect(clippy::disallowed_methods, reason = "the caller is the thread of the worker")]
    pub(crate) fn run(mut self) {
        let mut events = K::Epoll::events(EVENTS_PER_TURN);
        while !self.is_stopped() {
            if let Some(parking) = self.parked.take() {
                let order = parking.orders.recv();
                self.obey(parking, order.unwrap_or(Order::Resume));
            } else if self.take_turn(&mut events).is_err() {
                std::thread::sleep(ERROR_PAUSE);
            }
        }
    }

    /// One turn. Blocks only in calls of the kernel, which wait for events or a wake-up; a parked worker
    /// executes an order if there is one.
    ///
    /// # Errors
    /// Any error of epoll_wait(2), which is a bug of ours. The turn then had no events.
    pub fn turn(&mut self) -> sys::Result<()> {
        if let Some(parking) = self.parked.take() {
            match parking.orders.try_recv() {
                Err(TryRecvError::Empty) => self.parked = Some(parking),
                order => self.obey(parking, order.unwrap_or(Order::Resume)),
            }
        } else if !self.is_stopped() {
            self.take_turn(&mut K::Epoll::events(EVENTS_PER_TURN))?;
        }
        Ok(())
    }

    /// A turn of a worker that is not parked. `events` is room for its events.
    fn take_turn(&mut self, events: &mut Events<K>) -> sys::Result<()> {
        let mut waited = Ok(());
        if self.has_registrations {
            self.restoring_turn();
        } else {
            waited = self.serving_turn(events);
        }
        self.finish_if_stopped();
        waited
    }

    /// Whether the worker has ended.
    pub fn is_stopped(&self) -> bool {
        self.ended.is_none()
    }

    /// The condition that ends the wait of the next turn.
    pub fn waits_for(&self) -> WaitsFor {
        if self.parked.is_some() {
            WaitsFor::Order
        } else if self.is_stopped() {
            WaitsFor::Nothing
        } else if self.has_registrations {
            WaitsFor::Wakeup
        } else {
            let timeout = self.poll_timeout();
            let timeout = self.spin.due(timeout).or(timeout);
            let until = timeout.map_or(Time::NEVER, |timeout| self.context.now.after(timeout));
            WaitsFor::Events { epoll: self.context.epoll.number(), until }
        }
    }

    /// Waits for messages, and reads no events: edge-triggered events of sessions that are not restored
    /// yet would be lost.
    fn restoring_turn(&mut self) {
        self.context.mailbox.waker().wait();
        self.context.now = self.context.kernel.now();
        self.read_mail();
        self.finish_walks();
    }

    /// Waits for events, and serves the sessions that they concern.
    fn serving_turn(&mut self, events: &mut Events<K>) -> sys::Result<()> {
        let waited = self.wait(events);
        // The clock is read once per turn.
        self.context.now = self.context.kernel.now();
        for event in K::Epoll::iter(events) {
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
            self.park(parking);
        }
        waited
    }

    /// Waits for events. A spin without any ends the turn, and the next one sleeps: timers are measured from the start
    /// of a turn.
    fn wait(&mut self, events: &mut Events<K>) -> sys::Result<()> {
        let timeout = self.poll_timeout();
        if !self.spin.is_on() {
            return self.context.epoll.wait(events, timeout);
        }
        let span = self.spin.due(timeout);
        let waited = match span {
            Some(span) => self.context.epoll.spin(events, span),
            None => self.context.epoll.wait(events, timeout),
        };
        let had_events = K::Epoll::iter(events).next().is_some();
        self.spin.note(had_events);
        if span.is_some() {
            self.context.shared.note_spin(self.context.index, had_events);
        }
        waited
    }

    /// Ends the worker after [`Message::Stop`](crate::message::Message::Stop), unless it is parked.
    pub(crate) fn finish_if_stopped(&mut self) {
        if self.stopped && self.parked.is_none() {
            // Sessions in the table and in the mailbox are reset: a close would send a FIN.
            self.read_mail();
            self.cut();
            self.walks.clear();
            self.context.report_all();
            self.ended = None;
        }
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
        let of_listeners = earlier(self.acceptor.retry_at(), self.acceptor.room_at());
        let of_worker = earlier(self.tidy_at, self.context.rate_limit.due_at());
        let next = earlier(self.table.next_due_at(), earlier(of_listeners, of_worker));
        // Measured from the start of the turn: a timer may fire late by the duration of the turn.
        next.map(|at| at.since(self.context.now))
    }

    fn dispatch(&mut self, event: Event) {
        match Source::of(event.token) {
            Source::Session(key, peer, attempt) => self.session_event(key, peer, attempt, event),
            Source::Mailbox => self.read_mail(),
            // Level-triggered: epoll reports connections left in the queue again.
            Source::Listener(number) => {
                self.accept_from(number);
            }
        }
    }

    fn session_event(&mut self, key: Key, peer: Peer, attempt: usize, event: Event) {
        let readiness =
            Readiness { readable: event.readable, writable: event.writable, mark: event.mark };
        let handle =
            |entry: &mut Entry<'_, K>, context: &mut Context<K>| match entry.session.flow.stage() {
                Stage::Greeting { .. } => greet::event(entry, context, event, readiness),
                Stage::Connecting { .. } => match peer {
                    Peer::Client => connect::client_event(entry, context.now, event, readiness),
                    Peer::Target => {
                        connect::attempt_event(entry, context, attempt, event, readiness)
                    }
                },
                Stage::Preamble { .. } => preamble::event(entry, context, peer, event, readiness),
                Stage::Relaying | Stage::Flushing { .. } => {
                    relay::event(entry, context, peer, event, readiness)
                }
            };
        self.handle(key, handle);
    }

    /// Looks up a session, calls `handler` with it, and ends the session if it is over.
    fn handle(
        &mut self,
        key: Key,
        handler: impl FnOnce(&mut Entry<'_, K>, &mut Context<K>) -> Outcome,
    ) {
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
