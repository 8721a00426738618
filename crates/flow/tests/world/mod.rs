//! Two TCP ends, the kernel's queues between them and the session, and an engine that carries the
//! session's actions out, with short counts and "would block" wherever a real one may meet them.

use flow::{
    Cause, CloseReason, End, Failure, PathChoice, Readiness, Session, Time, Timeouts, Unacked,
};
use std::time::Duration;

mod checks;
mod engine;

/// No history of this size needs more; an engine that turns without progress does.
const MOST_ACTIONS: usize = 100_000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// The end's application writes so many bytes.
    Send(End, u64),
    /// The end's application reads up to so many bytes from what has arrived.
    Read(End, u64),
    /// The end's application writes one urgent byte.
    Urgent(End),
    Fin(End),
    Reset(End),
    /// So much time passes.
    Pass(Duration),
    Drain,
    /// The process becomes another image, which goes on with what was written down.
    HandOver,
}

/// One peer, its TCP connection with us, and our socket's queues.
#[derive(Debug, Default)]
struct Peer {
    /// Positions of its stream: written by it, and taken by us.
    written: u64,
    taken: u64,
    /// Where its last urgent byte stands: a recv stops in front of it, a splice never passes it.
    mark: Option<u64>,
    fin_sent: bool,
    reset: bool,
    /// Our socket has reported the reset once: the kernel reports it a single time.
    error_reported: bool,
    /// Positions of the other stream: given to the kernel by us, and read by its application.
    queued: u64,
    read: u64,
    fin_received: bool,
    was_reset_by_us: bool,
}

pub(crate) struct World {
    session: Session,
    client: Peer,
    target: Peer,
    /// Bytes the engine holds per lane (up, down) as stream positions: from, to.
    held: [(u64, u64); 2],
    /// Events of both sockets that the engine has not been told of yet.
    pending: [Readiness; 2],
    now: Time,
    /// When a byte last moved, or was read by an application.
    last_progress: Time,
    timeouts: Timeouts,
    faults: u64,
    end: Option<CloseReason>,
}

impl World {
    pub(crate) fn new(choice: PathChoice, faults: u64) -> Self {
        let now = Time::from_micros(1);
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            idle: Some(Duration::from_secs(30)),
            half_close: Some(Duration::from_secs(10)),
            max_age: None,
        };
        let mut session = Session::new(now, choice, now.after(timeouts.connect));
        session.connected(now);
        let (client, target) = (Peer::default(), Peer::default());
        Self {
            session,
            client,
            target,
            held: [(0, 0); 2],
            pending: [Readiness::default(); 2],
            now,
            last_progress: now,
            timeouts,
            faults,
            end: None,
        }
    }

    fn peer(&mut self, end: End) -> &mut Peer {
        match end {
            End::Client => &mut self.client,
            End::Target => &mut self.target,
        }
    }

    /// The next bit of the history's bad luck.
    fn unlucky(&mut self) -> bool {
        self.faults = self.faults.rotate_left(7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.faults % 4 == 1
    }

    pub(crate) fn happens(&mut self, event: Event) {
        let alive = |peer: &Peer| !peer.reset && !peer.was_reset_by_us;
        match event {
            Event::Send(end, count) => {
                let peer = self.peer(end);
                if alive(peer) && !peer.fin_sent {
                    peer.written += count;
                    self.announce(end, Readiness { readable: true, ..Readiness::default() });
                }
            }
            Event::Read(end, count) => {
                let now = self.now;
                let peer = self.peer(end);
                if alive(peer) {
                    let read = (peer.read + count).min(peer.queued);
                    let progress = read > peer.read;
                    peer.read = read;
                    if progress {
                        self.last_progress = now;
                    }
                    self.announce(end, Readiness { writable: true, ..Readiness::default() });
                }
            }
            Event::Urgent(end) => {
                let peer = self.peer(end);
                if alive(peer) && !peer.fin_sent {
                    peer.mark = Some(peer.written);
                    peer.written += 1;
                    let event = Readiness { readable: true, mark: true, ..Readiness::default() };
                    self.announce(end, event);
                }
            }
            Event::Fin(end) if alive(self.peer(end)) => {
                self.peer(end).fin_sent = true;
                let event = Readiness { readable: true, mark: true, ..Readiness::default() };
                self.announce(end, event);
            }
            Event::Reset(end) if alive(self.peer(end)) => {
                self.peer(end).reset = true;
                self.announce(end, Readiness { readable: true, writable: true, mark: true });
            }
            Event::Fin(_) | Event::Reset(_) => {}
            Event::Pass(span) => self.passes(span),
            Event::Drain => self.session.drain(),
            Event::HandOver => self.hand_over(),
        }
    }

    /// An edge: merged with those that the engine has not seen yet, as epoll does, and mostly seen
    /// at once.
    fn announce(&mut self, end: End, event: Readiness) {
        let pending = &mut self.pending[end as usize];
        pending.readable |= event.readable;
        pending.writable |= event.writable;
        pending.mark |= event.mark;
        if !self.unlucky() {
            self.engine_wakes();
        }
    }

    fn engine_wakes(&mut self) {
        for end in [End::Client, End::Target] {
            let event = std::mem::take(&mut self.pending[end as usize]);
            // The socket's error is taken with the event, or met by a later call: both happen.
            let unreported = self.peer(end).reset && !self.peer(end).error_reported;
            if unreported && event.mark && !self.unlucky() {
                self.peer(end).error_reported = true;
                let failure = failure_of(self.peer(end));
                self.session.broke(end, failure);
            }
            self.session.learn(end, event);
        }
        self.drive();
    }

    fn hand_over(&mut self) {
        let numbers = self.session.to_numbers();
        self.session = Session::from_numbers(&numbers).expect("what was written can be read");
    }

    /// Time passes; every deadline in between fires when it is due.
    fn passes(&mut self, span: Duration) {
        self.engine_wakes();
        let until = self.now.after(span);
        for _ in 0..MOST_ACTIONS {
            if self.end.is_some() {
                break;
            }
            let due = self.session.deadline(&self.timeouts).filter(|due| *due <= until);
            let Some(due) = due else { break };
            self.now = due.max(self.now);
            let unacked = self.unacked();
            match self.session.expire(self.now, &self.timeouts, || unacked) {
                Some(reason) => self.cut(reason),
                None => self.drive(),
            }
        }
        self.now = until;
    }

    fn unacked(&self) -> Unacked {
        let of = |peer: &Peer| u32::try_from(peer.queued - peer.read).unwrap_or(u32::MAX);
        Unacked { client: of(&self.client), target: of(&self.target) }
    }

    /// Both ends read everything and say goodbye: the session must end without a timeout.
    pub(crate) fn comes_to_an_end(&mut self) -> Option<CloseReason> {
        for _ in 0..1_000 {
            if self.end.is_some() {
                break;
            }
            for end in [End::Client, End::Target] {
                self.happens(Event::Read(end, u64::MAX / 2));
                self.happens(Event::Fin(end));
                self.check();
            }
            self.passes(Duration::from_millis(50));
            self.check();
        }
        assert!(self.end.is_some(), "still open: {:?}", self.session);
        self.end
    }
}

/// What the kernel says of a reset connection: EPIPE where a FIN had come before.
fn failure_of(peer: &Peer) -> Failure {
    let errno = if peer.fin_sent { 32 } else { 104 };
    let errno = std::num::NonZeroU16::new(errno);
    Failure { cause: Cause::Reset, errno, peer_had_ended: peer.fin_sent }
}
