//! One thread of the data plane: waits for events, serves the sessions they are about, and never
//! blocks anywhere else.
//!
//! The modules are what it does: for a session, in the order in which that meets them, then for a
//! message.

mod accept;
mod connect;
mod timers;

mod end;

mod mail;
mod show;
mod walk;

mod park;
mod restore;
mod save;

use crate::acceptor::Acceptor;
use crate::failure;
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::notices::Notices;
use crate::pump::Pump;
use crate::session::Session;
use crate::shared::Shared;
use crate::slots::{Key, Slots};
use crate::token::{MAILBOX, session_of};
use crate::upgrade::Parking;
use crate::wheel::Wheel;
use flow::{Action, End, Readiness, Stage, Time};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use sys::{Epoll, Event, Events};
use walk::Walk;

/// Events taken per turn. More would only delay the first of them.
const EVENTS_PER_TURN: usize = 256;
/// Bytes that one session may move at a time before the others have their share.
const SHARE: usize = 256 * 1024;
/// Bytes that bulk may move per turn, all sessions together. Then new events are looked at: a small
/// message waits for about one share, however many bulk sessions there are.
const BULK_PER_TURN: usize = SHARE;
/// Actions per turn: a bound for steps that move nothing.
const ACTIONS_PER_TURN: usize = 64;
/// Connections accepted from one listener per turn: established sessions must not wait for a flood
/// of new ones.
const ACCEPTS_PER_TURN: u32 = 16;

/// One worker's state. The modules in `worker/` hold its other functions.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) epoll: Epoll,
    pub(crate) sessions: Slots<Session>,
    pub(crate) wheel: Wheel,
    pub(crate) pump: Pump,
    pub(crate) acceptor: Acceptor,
    pub(crate) notices: Notices,
    /// Sessions that wait for their share: bulk, and those that used up their last one.
    waiting: VecDeque<Key>,
    pub(crate) tidy_at: Option<Time>,
    /// Work that takes more than a turn, in order.
    pub(crate) walks: VecDeque<Walk>,
    pub(crate) draining: bool,
    /// Sessions are reset: those that are open, and those that another worker still sends.
    pub(crate) cutting: bool,
    /// The clock, read once per turn.
    pub(crate) now: Time,
    pub(crate) parking: Option<Parking>,
    /// The epoll instance has the sessions of an image before this one, which are still to come.
    pub(crate) has_registrations: bool,
    pub(crate) stopped: bool,
}

impl Worker {
    /// A worker, with the epoll instance of one in an image before this, if there was one.
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        epoll: Option<OwnedFd>,
    ) -> sys::Result<Self> {
        let mailbox = Arc::clone(&shared.mailboxes[index]);
        let has_registrations = epoll.is_some();
        let epoll = epoll.map_or_else(Epoll::new, |fd| Ok(Epoll::inherited(fd)))?;
        shared.note_epoll(index, sys::inherit::number(&epoll));
        epoll.add_waker(mailbox.waker().as_fd(), MAILBOX)?;
        let now = clock();
        let pump = Pump::new(shared.pipes_per_worker);
        Ok(Self {
            index,
            shared,
            mailbox,
            epoll,
            sessions: Slots::new(),
            wheel: Wheel::new(now),
            pump,
            acceptor: Acceptor::default(),
            notices: Notices::new(),
            waiting: VecDeque::new(),
            tidy_at: None,
            walks: VecDeque::new(),
            draining: false,
            cutting: false,
            now,
            parking: None,
            has_registrations,
            stopped: false,
        })
    }

    /// Turns until told to stop.
    pub(crate) fn run(mut self) {
        // Events of sessions that are not here yet would be lost.
        while self.has_registrations && !self.stopped {
            self.mailbox.waker().wait();
            self.now = clock();
            self.read_mail();
            self.finish_walking();
        }
        let mut events = Events::with_room_for(EVENTS_PER_TURN);
        while !self.stopped {
            // The only error left to epoll_wait(2) here would be a bug of ours; a turn without
            // events is what remains of it, at a pace that cannot spin.
            if self.epoll.wait(&mut events, self.patience()).is_err() {
                std::thread::sleep(Duration::from_millis(10));
            }
            self.now = clock();
            for event in events.iter() {
                self.dispatch(event);
            }
            self.serve_waiting();
            self.serve_timers();
            self.go_on_walking();
            // Not before: an event that was taken and not looked at is not reported again.
            if let Some(parking) = self.parking.take() {
                self.park(&parking);
            }
        }
        // What a worker that stops still has, and what it is just being sent, must not end in a
        // FIN.
        self.read_mail();
        self.cut();
    }

    /// How long this worker may sleep.
    fn patience(&self) -> Option<Duration> {
        if !self.waiting.is_empty() || !self.walks.is_empty() {
            return Some(Duration::ZERO);
        }
        let earlier = |one: Option<Time>, other: Option<Time>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            _ => one.or(other),
        };
        let next = earlier(self.wheel.next_at(), earlier(self.acceptor.retry_at(), self.tidy_at));
        next.map(|at| at.since(clock()))
    }

    fn dispatch(&mut self, event: Event) {
        if event.token == MAILBOX {
            self.read_mail();
        } else if let Some((key, end)) = session_of(event.token) {
            self.session_event(key, end, event);
        } else {
            // What is left is reported again.
            self.accept_from(u32::try_from(event.token).unwrap_or(u32::MAX));
        }
    }

    fn session_event(&mut self, key: Key, end: End, event: Event) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let readiness =
            Readiness { readable: event.readable, writable: event.writable, mark: event.mark };
        if matches!(session.flow.stage(), Stage::Connecting { .. }) {
            return self.event_while_connecting(key, end, event, readiness);
        }
        if event.error
            && let Some(Err(errno)) = session.socket(end).map(sys::socket::take_error)
        {
            session.flow.broke(end, failure::of_connection(errno));
        }
        session.flow.learn(end, readiness);
        // Small messages go out at once; bulk waits until they have.
        if session.flow.is_bulk() {
            self.wait_for_share(key);
        } else if !session.queued {
            self.serve(key);
        }
    }

    pub(crate) fn wait_for_share(&mut self, key: Key) {
        if let Some(session) = self.sessions.get_mut(key).filter(|session| !session.queued) {
            session.queued = true;
            self.waiting.push_back(key);
        }
    }

    /// Does what the session wants done, up to its share. Returns the bytes that were moved.
    pub(crate) fn serve(&mut self, key: Key) -> usize {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(key) else { return 0 };
        let mut moved = 0;
        for _ in 0..ACTIONS_PER_TURN {
            let mut action = session.flow.next(now);
            if let Action::LookAtQueue(end) = action {
                action = session.flow.flushed(now, unacked_if_alive(session, end));
            }
            match action {
                Action::Step(direction, step) => {
                    moved += self.pump.carry_out(session, direction, step, now);
                }
                Action::Wait | Action::LookAtQueue(_) => {
                    if session.needs_timer() {
                        self.set_timer(key);
                    }
                    return moved;
                }
                Action::Close(reason) => {
                    self.end(key, reason, false);
                    return moved;
                }
                Action::Reset(reason) => {
                    self.end(key, reason, true);
                    return moved;
                }
            }
            if moved >= SHARE {
                break;
            }
        }
        let needs_timer = session.needs_timer();
        self.wait_for_share(key);
        if needs_timer {
            self.set_timer(key);
        }
        moved
    }

    /// Gives those who wait their share, in turn, each at most once.
    fn serve_waiting(&mut self) {
        let mut moved = 0;
        for _ in 0..self.waiting.len() {
            if moved >= BULK_PER_TURN {
                break;
            }
            let Some(key) = self.waiting.pop_front() else { break };
            if let Some(session) = self.sessions.get_mut(key) {
                session.queued = false;
                moved += self.serve(key);
            }
        }
        self.shared.note_pipes(self.index, self.pump.pool.pipes());
        if let Some(cause) = self.pump.missing.take() {
            self.report_exhausted(cause, "a pipe; copying instead");
        }
    }
}

/// The send queue of a living socket; nothing is left to wait for on one that has broken since.
fn unacked_if_alive(session: &Session, end: End) -> u32 {
    session
        .socket(end)
        .filter(|socket| sys::socket::take_error(*socket).is_ok())
        .map_or(0, sys::socket::unacked)
}

/// The clock's only reader in the engine.
fn clock() -> Time {
    Time::from_micros(sys::monotonic_micros())
}
