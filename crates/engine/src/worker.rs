//! One thread of the data plane: waits for events, serves the sessions they are about, and never
//! blocks anywhere else.

use crate::accept::Listening;
use crate::change::Changes;
use crate::failure;
use crate::forward::Forward;
use crate::mailbox::Mailbox;
use crate::notices::Notices;
use crate::pump::Pump;
use crate::session::{Accepted, Session};
use crate::shared::Shared;
use crate::slots::{Key, Slots};
use crate::upgrade::{Parking, TakeOver};
use crate::view::{Look, Reply};
use crate::wheel::Wheel;
use flow::{Action, By, Cause, CloseReason, End, Phase, Readiness, Stage, Time, Unacked};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::{Epoll, Event, Events};

/// Events taken per turn. More would only delay the first of them.
const EVENTS_PER_TURN: usize = 256;
/// Bytes that one session may move at a time before the others have their share.
const SHARE: usize = 256 * 1024;
/// Bytes that bulk may move per turn, all sessions together. Then new events are looked at: a small
/// message waits for about one pipe-full, however many bulk sessions there are.
const BULK_PER_TURN: usize = 1024 * 1024;
/// Actions per turn: a bound for steps that move nothing.
const ACTIONS_PER_TURN: usize = 64;
/// Pause between the end of a session and giving unused memory back.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

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

/// One worker's state. `accept`, `connect` and `relay` hold its other functions.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) epoll: Epoll,
    pub(crate) sessions: Slots<Session>,
    pub(crate) wheel: Wheel,
    pub(crate) pump: Pump,
    pub(crate) listeners: HashMap<u32, Arc<Listening>>,
    /// Listeners that are not polled for want of room, or of a resource.
    pub(crate) full: Vec<u32>,
    pub(crate) exhausted: Vec<u32>,
    /// When to try the exhausted ones again.
    pub(crate) retry_at: Option<Time>,
    pub(crate) notices: Notices<(Arc<str>, Cause)>,
    /// Sessions that wait for their share: bulk, and those that used up their last one.
    waiting: VecDeque<Key>,
    tidy_at: Option<Time>,
    pub(crate) draining: bool,
    /// Sessions are reset: those that are open, and those that another worker still sends.
    pub(crate) cutting: bool,
    /// The clock, read once per turn.
    pub(crate) now: Time,
    parking: Option<Parking>,
    /// The epoll instance has the sessions of an image before this one, which are still to come.
    pub(crate) has_registrations: bool,
    stopped: bool,
}

/// Tokens of epoll below 2^32 are not sessions: listeners by number, and this one.
pub(crate) const MAILBOX: u64 = u32::MAX as u64;

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
        shared.note_epoll(index, crate::upgrade::number(&epoll));
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
            listeners: HashMap::new(),
            full: Vec::new(),
            exhausted: Vec::new(),
            retry_at: None,
            notices: Notices::new(),
            waiting: VecDeque::new(),
            tidy_at: None,
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
        if !self.waiting.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = [self.wheel.next_at(), self.retry_at, self.tidy_at];
        next.into_iter().flatten().min().map(|at| at.since(clock()))
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
                    self.set_timer(key);
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
        self.wait_for_share(key);
        self.set_timer(key);
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

    // === deadlines ===

    /// Makes sure that the wheel brings the session up no later than its deadline. A deadline that
    /// has moved later is found out when the wheel does.
    pub(crate) fn set_timer(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(deadline) = session.deadline() else { return };
        if deadline < session.timer {
            session.timer = deadline;
            self.wheel.schedule(key.index(), deadline);
        }
    }

    fn serve_timers(&mut self) {
        while let Some(index) = self.wheel.pop(self.now) {
            if let Some(key) = self.sessions.key_at(index) {
                self.timer_fired(key);
            }
        }
        if self.retry_at.is_some_and(|at| at <= self.now) {
            self.retry_exhausted();
        }
        if self.tidy_at.is_some_and(|at| at <= self.now) {
            self.tidy();
        }
    }

    fn timer_fired(&mut self, key: Key) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.timer = Time::NEVER;
        session.set_options_if_due(now);
        match session.flow.stage() {
            Stage::Connecting { attempt_until } if attempt_until <= now => {
                return self.attempt_timed_out(key);
            }
            Stage::Connecting { .. } => {}
            Stage::Flushing { .. } => {
                self.serve(key);
                return;
            }
            Stage::Relaying => {
                let route = Arc::clone(&session.route);
                let (client, target) = (&session.client, session.target.as_ref());
                let unacked = || Unacked {
                    client: sys::socket::unacked(client.as_fd()),
                    target: target.map_or(0, |target| sys::socket::unacked(target.as_fd())),
                };
                if let Some(reason) = session.flow.expire(now, &route.forward.timeouts, unacked) {
                    return self.end(key, reason, true);
                }
            }
        }
        self.set_timer(key);
    }

    /// Gives memory back that the sessions of a while ago needed.
    fn tidy(&mut self) {
        self.tidy_at = None;
        if self.sessions.give_back() > 0 {
            self.pump.pool.clear();
            sys::release_free_memory();
        }
    }

    /// Asks for [`Self::tidy`] in a while.
    pub(crate) fn tidy_later(&mut self) {
        let at = self.now.after(TIDY_PAUSE);
        self.tidy_at.get_or_insert(at);
    }

    // === mail ===

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

    fn cut(&mut self) {
        self.cutting = true;
        for key in self.sessions.keys() {
            self.end(key, CUT, true);
        }
    }
}

/// Why a session ends that is open when the time to drain is over.
pub(crate) const CUT: CloseReason = CloseReason::new(By::Shutdown, Phase::Drain, Cause::Drained);

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

/// The highest bit of a session's index tells which of its two sockets an event is about.
const TARGET_BIT: u64 = 1 << 31;

pub(crate) fn token(key: Key, end: End) -> u64 {
    key.to_bits() | if end == End::Target { TARGET_BIT } else { 0 }
}

fn session_of(token: u64) -> Option<(Key, End)> {
    let end = if token & TARGET_BIT == 0 { End::Client } else { End::Target };
    Key::from_bits(token & !TARGET_BIT).map(|key| (key, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_the_session_and_its_end() {
        let key = Key::from_bits(0x0005_0000_004d).unwrap();
        for end in [End::Client, End::Target] {
            assert_eq!(session_of(token(key, end)), Some((key, end)));
        }
        assert_eq!(session_of(MAILBOX), None);
        assert_eq!(session_of(0), None);
    }
}
