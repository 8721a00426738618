//! Two TCP ends, the kernel's queues between them and the session, and an engine that carries the
//! session's actions out, with short counts and "would block" wherever a real one may meet them.

use flow::{
    Cause, CloseReason, End, Failure, PathChoice, Readiness, Session, Time, Timeouts, Unacked,
};
use std::time::Duration;

mod checks;
mod engine;

pub(crate) use engine::ROOM;

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
    /// The end resets while the next bytes are being sent to it, after a part of them was taken.
    ResetDuringSend(End),
    /// A FIN without an event: the engine has not been notified of it yet.
    FinUnseen(End),
    /// The engine is busy elsewhere while the next event happens.
    Busy,
    /// So much time passes.
    Pass(Duration),
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
    /// It will reset while the next bytes are being sent to it.
    resets_during_send: bool,
    /// Error that our socket has yet to report: once, to the first call of any kind.
    pending_error: Option<Errno>,
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
    /// Whether they are in a pipe.
    in_pipe: [bool; 2],
    /// Events of both sockets that the engine has not been told of yet.
    pending: [Readiness; 2],
    busy: bool,
    now: Time,
    /// When a byte last moved, or was read by an application.
    last_progress: Time,
    timeouts: Timeouts,
    faults: u64,
    end: Option<CloseReason>,
    /// When the engine checks the session again. Set by the engine's rule: moved earlier only where
    /// the session says that its deadline may be.
    timer: Option<Time>,
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
            in_pipe: [false; 2],
            pending: [Readiness::default(); 2],
            busy: false,
            now,
            last_progress: now,
            timeouts,
            faults,
            end: None,
            timer: None,
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
            Event::FinUnseen(end) if alive(self.peer(end)) => self.peer(end).fin_sent = true,
            Event::Fin(end) if alive(self.peer(end)) => {
                self.peer(end).fin_sent = true;
                let event = Readiness { readable: true, mark: true, ..Readiness::default() };
                self.announce(end, event);
            }
            Event::Reset(end) if alive(self.peer(end)) => {
                self.peer(end).resets();
                self.announce(end, Readiness { readable: true, writable: true, mark: true });
            }
            Event::ResetDuringSend(end) => self.peer(end).resets_during_send = true,
            Event::Fin(_) | Event::FinUnseen(_) | Event::Reset(_) => {}
            Event::Pass(span) => self.passes(span),
            Event::Busy => self.busy = true,
            Event::HandOver => self.hand_over(),
        }
    }

    /// An edge: merged with those that the engine has not seen yet, as epoll does, and mostly seen
    /// at once.
    fn announce(&mut self, end: End, event: Readiness) {
        self.pend(end, event);
        if !std::mem::take(&mut self.busy) && !self.unlucky() {
            self.engine_wakes();
        }
    }

    /// An edge that the engine has yet to see.
    fn pend(&mut self, end: End, event: Readiness) {
        let pending = &mut self.pending[end as usize];
        pending.readable |= event.readable;
        pending.writable |= event.writable;
        pending.mark |= event.mark;
    }

    fn engine_wakes(&mut self) {
        for end in [End::Client, End::Target] {
            let event = std::mem::take(&mut self.pending[end as usize]);
            // The socket's error is taken with the event, or met by a later call: both happen.
            if self.peer(end).reset
                && event.mark
                && !self.unlucky()
                && let Some(errno) = self.peer(end).pending_error.take()
            {
                self.session.broke(end, failure_of(errno));
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
            self.set_timer();
            let Some(due) = self.timer.take_if(|due| *due <= until) else { break };
            self.now = due.max(self.now);
            let unacked = self.unacked();
            match self.session.expire(self.now, &self.timeouts, || unacked) {
                Some(reason) => self.cut(reason),
                None => self.drive(),
            }
        }
        self.now = until;
    }

    fn set_timer(&mut self) {
        if self.session.take_due_earlier() || self.timer.is_none() {
            let deadline = self.session.deadline(&self.timeouts);
            self.timer = deadline.map(|due| self.timer.map_or(due, |timer| timer.min(due)));
        }
        let deadline = self.session.deadline(&self.timeouts);
        assert!(self.timer <= deadline, "{:?} would be late for {deadline:?}", self.timer);
    }

    fn unacked(&self) -> Unacked {
        let of = |peer: &Peer| u32::try_from(peer.queued - peer.read).unwrap_or(u32::MAX);
        Unacked { client: of(&self.client), target: of(&self.target) }
    }

    pub(crate) fn fin_was_passed_to(&self, end: End) -> bool {
        match end {
            End::Client => self.client.fin_received,
            End::Target => self.target.fin_received,
        }
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

impl Peer {
    /// An RST arrives. Its error is EPIPE where a FIN had come and we had sent none
    /// (`tcp_reset()` in Linux).
    fn resets(&mut self) {
        self.reset = true;
        let close_wait = self.fin_sent && !self.fin_received;
        self.pending_error = Some(if close_wait { Errno::Pipe } else { Errno::ConnReset });
    }

    /// The error of the next send on a reset connection: EPIPE if an earlier call got the report.
    fn send_error(&mut self) -> Errno {
        self.pending_error.take().unwrap_or(Errno::Pipe)
    }

    /// The received part of its sequence space, in which a FIN counts as one.
    fn sequence_received(&self) -> u64 {
        self.written + u64::from(self.fin_sent)
    }
}

/// The error numbers that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errno {
    Pipe = 32,
    ConnReset = 104,
    NotConn = 107,
}

/// The engine's classification of a failed call.
fn failure_of(errno: Errno) -> Failure {
    Failure {
        cause: Cause::Reset,
        errno: std::num::NonZeroU16::new(errno as u16),
        fin_unknown: errno != Errno::ConnReset,
    }
}
