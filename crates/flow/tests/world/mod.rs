//! Two peers, the kernel's queues between them and the session, and an engine that carries the
//! session's actions out, with short counts and "would block" wherever a real one may meet them.

use flow::{
    Cause, CloseReason, Direction, PathChoice, Peer, Readiness, Session, SocketFailure, Time,
    Timeouts, Unacked,
};
use std::time::Duration;

mod checks;
mod engine;

pub(crate) use engine::ROOM;
use engine::SEND_BUFFER;

/// More than any history of this size needs. An engine that makes no progress exceeds it.
const MOST_ACTIONS: usize = 100_000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// The application at this end writes so many bytes.
    Send(Peer, u64),
    /// The application at this end reads up to so many bytes of those that have arrived.
    Read(Peer, u64),
    /// The application at this end writes one urgent byte. TCP only.
    Urgent(Peer),
    /// The application at this end writes one byte with a descriptor attached. Unix sockets only.
    Attach(Peer),
    Fin(Peer),
    Reset(Peer),
    /// The end resets during the next send to it, after a part of the bytes was taken.
    ResetDuringSend(Peer),
    /// A FIN without an event: the engine has not been notified of it yet.
    FinUnseen(Peer),
    /// The engine is busy elsewhere during the next event.
    Busy,
    /// Time passes, this much.
    Pass(Duration),
    /// An upgrade: the next process image restores the session from its numbers.
    HandOver,
}

/// One peer, its connection to the forwarder, and the queues of the forwarder's socket.
#[derive(Debug, Default)]
struct ScriptedPeer {
    /// It is connected by a Unix socket, not by TCP.
    is_unix: bool,
    /// Positions of its stream: written by its application, and taken by the engine.
    written: u64,
    taken: u64,
    /// Position of its last urgent byte: a recv stops in front of it, a splice never passes it.
    mark: Option<u64>,
    /// Positions at which each read stops once, without an event for the bytes behind: descriptors
    /// are attached to the byte before.
    stops: Vec<u64>,
    fin_sent: bool,
    reset: bool,
    /// It resets during the next send to it.
    resets_during_send: bool,
    /// The error that the socket has not reported yet: once, to the first call of any kind.
    pending_error: Option<Errno>,
    /// Positions of the other stream: handed to the kernel by the engine, and read by the application.
    queued: u64,
    read: u64,
    fin_received: bool,
    was_cut: bool,
}

pub(crate) struct World {
    session: Session,
    client: ScriptedPeer,
    target: ScriptedPeer,
    /// The bytes that the engine holds for each lane (up, down), as stream positions: from, to.
    held: [(u64, u64); 2],
    /// Whether those bytes are in a pipe.
    in_pipe: [bool; 2],
    /// Events of both sockets that the engine has not seen yet.
    pending: [Readiness; 2],
    busy: bool,
    now: Time,
    /// When a byte last moved, or an application last read one.
    last_progress: Time,
    /// When each lane last received bytes, or its sink took some, in its kernel or its application.
    last_taken: [Time; 2],
    timeouts: Timeouts,
    faults: u64,
    end: Option<CloseReason>,
    /// When the engine checks the session next. By the engine's rule it moves earlier only where the
    /// session reports that its deadline may have.
    timer: Option<Time>,
}

impl World {
    /// A session between two TCP peers. The bits of `faults` decide where the kernel is unkind.
    pub(crate) fn tcp(choice: PathChoice, faults: u64) -> Self {
        Self::new(choice, faults, [false; 2])
    }

    /// Like [`Self::tcp`], with a Unix socket to the client or the target where `unix` says so.
    pub(crate) fn new(choice: PathChoice, faults: u64, unix: [bool; 2]) -> Self {
        let now = Time::from_micros(1);
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            idle: Some(Duration::from_secs(30)),
            half_close: Some(Duration::from_secs(10)),
            max_age: None,
            // Some histories have a limit shorter than that of idleness.
            stall: faults.is_multiple_of(2).then_some(Duration::from_secs(4)),
        };
        let mut session = Session::new(now, choice, now.after(timeouts.connect));
        for peer in [Peer::Client, Peer::Target] {
            if unix[peer as usize] {
                session.distrust_short_reads(peer);
            }
        }
        session.connected(now);
        let [client, target] =
            unix.map(|is_unix| ScriptedPeer { is_unix, ..ScriptedPeer::default() });
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
            last_taken: [now; 2],
            timeouts,
            faults,
            end: None,
            timer: None,
        }
    }

    fn scripted(&mut self, peer: Peer) -> &mut ScriptedPeer {
        match peer {
            Peer::Client => &mut self.client,
            Peer::Target => &mut self.target,
        }
    }

    /// The next bit of the history's bad luck.
    fn unlucky(&mut self) -> bool {
        self.faults = self.faults.rotate_left(7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.faults % 4 == 1
    }

    pub(crate) fn happens(&mut self, event: Event) {
        let alive = |scripted: &ScriptedPeer| !scripted.reset && !scripted.was_cut;
        match event {
            Event::Send(peer, count) => {
                let scripted = self.scripted(peer);
                if alive(scripted) && !scripted.fin_sent {
                    scripted.written += count;
                    self.announce(peer, Readiness { readable: true, ..Readiness::default() });
                }
            }
            Event::Read(peer, count) if alive(self.scripted(peer)) => self.reads(peer, count),
            Event::Urgent(peer) => {
                let scripted = self.scripted(peer);
                if alive(scripted) && !scripted.fin_sent && !scripted.is_unix {
                    scripted.mark = Some(scripted.written);
                    scripted.written += 1;
                    let event = Readiness { readable: true, mark: true, ..Readiness::default() };
                    self.announce(peer, event);
                }
            }
            Event::Attach(peer) => {
                let scripted = self.scripted(peer);
                if alive(scripted) && !scripted.fin_sent && scripted.is_unix {
                    scripted.written += 1;
                    scripted.stops.push(scripted.written);
                    self.announce(peer, Readiness { readable: true, ..Readiness::default() });
                }
            }
            Event::FinUnseen(peer) if alive(self.scripted(peer)) => {
                self.scripted(peer).fin_sent = true;
            }
            Event::Fin(peer) if alive(self.scripted(peer)) => {
                self.scripted(peer).fin_sent = true;
                let event = Readiness { readable: true, mark: true, ..Readiness::default() };
                self.announce(peer, event);
            }
            Event::Reset(peer) if alive(self.scripted(peer)) => {
                self.scripted(peer).resets();
                self.announce(peer, Readiness { readable: true, writable: true, mark: true });
            }
            Event::ResetDuringSend(peer) => self.scripted(peer).resets_during_send = true,
            Event::Read(..) | Event::Fin(_) | Event::FinUnseen(_) | Event::Reset(_) => {}
            Event::Pass(span) => self.passes(span),
            Event::Busy => self.busy = true,
            Event::HandOver => self.hand_over(),
        }
    }

    /// The application of `peer` reads its queue.
    fn reads(&mut self, peer: Peer, count: u64) {
        let now = self.now;
        let scripted = self.scripted(peer);
        let read = (scripted.read + count).min(scripted.queued);
        let progress = read > scripted.read;
        scripted.read = read;
        let has_room = scripted.queued - read <= SEND_BUFFER / 3 * 2;
        if progress {
            self.last_progress = now;
            self.progressed(Direction::from(peer).other());
        }
        // The kernel announces room when a third is free (`sk_stream_is_writeable()` in Linux).
        if has_room {
            self.announce(peer, Readiness { writable: true, ..Readiness::default() });
        }
    }

    /// Raises an edge: epoll merges it with those that the engine has not seen yet. Mostly the engine
    /// sees it at once.
    fn announce(&mut self, peer: Peer, event: Readiness) {
        self.pend(peer, event);
        if !std::mem::take(&mut self.busy) && !self.unlucky() {
            self.engine_wakes();
        }
    }

    /// Raises an edge that the engine does not see yet.
    fn pend(&mut self, peer: Peer, event: Readiness) {
        let pending = &mut self.pending[peer as usize];
        pending.readable |= event.readable;
        pending.writable |= event.writable;
        pending.mark |= event.mark;
    }

    fn engine_wakes(&mut self) {
        for peer in [Peer::Client, Peer::Target] {
            let event = std::mem::take(&mut self.pending[peer as usize]);
            // The engine takes the socket's error with the event, or a later call reports it.
            if self.scripted(peer).reset
                && event.mark
                && !self.unlucky()
                && let Some(errno) = self.scripted(peer).pending_error.take()
            {
                self.session.broke(peer, failure_of(errno), self.now);
            }
            self.session.on_ready(peer, event, self.now);
        }
        self.drive();
    }

    fn hand_over(&mut self) {
        let numbers = self.session.to_numbers();
        self.session = Session::from_numbers(&numbers).expect("written numbers can be read");
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
                Some(reason) => {
                    self.cut(reason);
                    self.check_stalls();
                }
                None => self.drive(),
            }
        }
        self.now = until;
        self.check_stalls();
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
        let of = |scripted: &ScriptedPeer| {
            u32::try_from(scripted.queued - scripted.read).expect("a send buffer is smaller")
        };
        Unacked { client: of(&self.client), target: of(&self.target) }
    }

    pub(crate) fn fin_was_passed_to(&self, peer: Peer) -> bool {
        match peer {
            Peer::Client => self.client.fin_received,
            Peer::Target => self.target.fin_received,
        }
    }

    /// Both applications read everything and end their streams: the session must end without a timeout.
    pub(crate) fn comes_to_an_end(&mut self) -> Option<CloseReason> {
        for _ in 0..1_000 {
            if self.end.is_some() {
                break;
            }
            for peer in [Peer::Client, Peer::Target] {
                self.happens(Event::Read(peer, u64::MAX / 2));
                self.happens(Event::Fin(peer));
                self.check();
            }
            self.passes(Duration::from_millis(50));
            self.check();
        }
        assert!(self.end.is_some(), "still open: {:?}", self.session);
        self.end
    }
}

impl ScriptedPeer {
    /// An RST arrives. Its error is EPIPE where a FIN had arrived and none was sent (`tcp_reset()` in
    /// Linux). The reset of a Unix socket, which was closed with unread bytes, is always ECONNRESET.
    fn resets(&mut self) {
        self.reset = true;
        let close_wait = self.fin_sent && !self.fin_received && !self.is_unix;
        self.pending_error = Some(if close_wait { Errno::Pipe } else { Errno::ConnReset });
    }

    /// The error of the next send on a reset connection: EPIPE if an earlier call got the report. A send
    /// on a Unix socket never takes the report.
    fn send_error(&mut self) -> Errno {
        self.pending_error.take_if(|_| !self.is_unix).unwrap_or(Errno::Pipe)
    }

    /// The received part of its sequence space, in which a FIN counts as one. TCP only.
    fn sequence_received(&self) -> Option<u64> {
        (!self.is_unix).then(|| self.written + u64::from(self.fin_sent))
    }

    /// Bytes in the receive queue up to the place at which the next read stops.
    fn available(&self, splice: bool) -> u64 {
        let stop = self.stops.iter().find(|stop| **stop > self.taken);
        let mark = self.mark.filter(|mark| *mark >= self.taken);
        let mark = mark.filter(|mark| splice || *mark > self.taken);
        mark.or(stop.copied()).unwrap_or(self.written) - self.taken
    }
}

/// The error numbers that a broken socket reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errno {
    Pipe = 32,
    ConnReset = 104,
    NotConn = 107,
}

/// The engine's classification of a failed call.
fn failure_of(errno: Errno) -> SocketFailure {
    SocketFailure {
        cause: Cause::Reset,
        errno: std::num::NonZeroU16::new(errno as u16),
        fin_unknown: errno != Errno::ConnReset,
    }
}
