//! The application at one end of a session: it acts by the script, checks every received byte, and counts
//! its calls and their results.

use crate::content::{Stream, difference, fill};
use crate::network::{PeerSocket, Ready};
use crate::random::Choices;
use crate::script::Act;
use std::collections::VecDeque;
use sys::Errno;

/// Most bytes of one call.
pub(crate) const CHUNK: usize = 64 * 1024;

/// One application. Its connection may not be established yet.
#[derive(Debug)]
pub(crate) struct ScriptedPeer {
    /// `None` after the socket was closed.
    socket: Option<PeerSocket>,
    is_connecting: bool,
    /// The stream that it sends.
    outbound: Stream,
    /// The stream that it must receive; `None` until its session is known.
    pub(crate) inbound: Option<Stream>,
    to_write: VecDeque<Write>,
    /// Bytes that it may still read; `None` is without a limit.
    allowance: Option<u64>,
    /// Its host is silent or unreachable.
    is_cut_off: bool,
    pub(crate) facts: Facts,
}

/// Calls of an application so far, and their results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Bytes that its kernel took.
    pub(crate) written: u64,
    /// It has sent its FIN.
    pub(crate) fin_sent: bool,
    /// It has ended the connection by itself.
    pub(crate) left: Option<Leaving>,
    /// Bytes that it has received.
    pub(crate) received: u64,
    /// It has received a FIN.
    pub(crate) fin_received: bool,
    /// Its connection broke, or was never established.
    pub(crate) broken: Option<Errno>,
    /// Its connection was established.
    pub(crate) was_connected: bool,
    /// It did not read for a while.
    pub(crate) has_paused: bool,
    /// Its host was silent or unreachable for a while.
    pub(crate) was_cut_off: bool,
    /// It left while its host was: no segment of that has arrived.
    pub(crate) left_unheard: bool,
}

/// How an application ended its connection by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// With an RST.
    Reset,
    /// With a FIN; the kernel answers later bytes with an RST.
    Close,
    Vanish,
    /// Its process was killed.
    Killed,
    /// Its host has lost the connection.
    Crash,
    /// Both FINs had passed.
    InOrder,
}

/// The result of one step of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing could be done.
    Nothing,
    /// The connection was established.
    Connected,
    Wrote(usize),
    /// So many bytes were received; they are in the scratch buffer.
    Received(usize),
    FinSent,
    FinReceived,
    /// The connection broke, or could not be established.
    Broke,
    /// It has closed its socket: nothing more can come or go.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Bytes(u64),
    Mark,
    Fin,
}

impl Facts {
    /// Whether the other end may get a FIN behind the last byte.
    pub(crate) fn has_ended(&self) -> bool {
        self.fin_sent || matches!(self.left, Some(Leaving::Close | Leaving::Killed))
    }
}

impl ScriptedPeer {
    /// An application that connects by this socket.
    pub(crate) fn connecting(socket: PeerSocket, outbound: Stream, inbound: Stream) -> Self {
        Self { is_connecting: true, ..Self::new(Some(socket), outbound, Some(inbound)) }
    }

    /// An application that has accepted a connection.
    pub(crate) fn accepted(socket: PeerSocket, outbound: Stream, inbound: Option<Stream>) -> Self {
        let mut peer = Self::new(Some(socket), outbound, inbound);
        peer.facts.was_connected = true;
        peer
    }

    /// An application whose connection the kernel refused at once.
    pub(crate) fn not_connected(errno: Errno) -> Self {
        let mut peer = Self::new(None, 0, None);
        peer.facts.broken = Some(errno);
        peer
    }

    fn new(socket: Option<PeerSocket>, outbound: Stream, inbound: Option<Stream>) -> Self {
        Self {
            socket,
            is_connecting: false,
            outbound,
            inbound,
            to_write: VecDeque::new(),
            allowance: None,
            is_cut_off: false,
            facts: Facts::default(),
        }
    }

    /// Whether it may still do or see something.
    pub(crate) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether its socket is an open Unix socket.
    pub(crate) fn is_unix(&self) -> bool {
        self.socket.as_ref().is_some_and(PeerSocket::is_unix)
    }

    /// Carries out an act that needs no wait, or queues it for [`Self::step`].
    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Send(_) | Act::Mark | Act::Fin if self.has_planned_fin() => {}
            Act::Send(count) => self.to_write.push_back(Write::Bytes(count.into())),
            Act::Mark => self.to_write.push_back(Write::Mark),
            Act::Fin => self.to_write.push_back(Write::Fin),
            Act::Pause => {
                self.allowance = Some(0);
                self.facts.has_paused = true;
            }
            Act::Read(count) => {
                self.allowance = Some(self.allowance.unwrap_or(0) + u64::from(count));
                self.facts.has_paused = true;
            }
            Act::Flow => self.allowance = None,
            // A Unix socket has no RST, and both ends are on one host.
            Act::Reset | Act::Vanish if self.is_unix() => {
                self.close_at_once();
            }
            Act::Reset => self.leave(Leaving::Reset, PeerSocket::reset),
            Act::Close => self.close_at_once(),
            Act::Vanish => self.leave(Leaving::Vanish, PeerSocket::vanish),
        }
    }

    /// Its process was killed: the kernel has closed its socket.
    pub(crate) fn killed(&mut self) {
        // The handle is inert.
        self.leave(Leaving::Killed, drop);
    }

    /// Its host has lost its TCP connections. What the process does with its socket has no effect.
    pub(crate) fn crashed(&mut self) {
        if self.socket.as_ref().is_some_and(|socket| !socket.is_unix()) {
            self.leave(Leaving::Crash, drop);
        }
        // The host answers again, and knows no connection.
        if self.facts.left == Some(Leaving::Vanish) {
            self.facts.left = Some(Leaving::Crash);
        }
    }

    /// Its host becomes silent or unreachable, or answers again.
    pub(crate) fn set_cut_off(&mut self, is_cut_off: bool) {
        self.is_cut_off = is_cut_off;
        self.facts.was_cut_off |= is_cut_off;
    }

    fn close_at_once(&mut self) {
        let resets = self.socket.as_ref().is_some_and(PeerSocket::has_unread);
        self.leave(if resets { Leaving::Reset } else { Leaving::Close }, drop);
    }

    fn leave(&mut self, leaving: Leaving, end: impl FnOnce(PeerSocket)) {
        if let Some(socket) = self.socket.take() {
            self.facts.left = Some(leaving);
            self.facts.left_unheard = self.is_cut_off;
            end(socket);
        }
    }

    /// Reads without a limit from now on, and sends a FIN behind the queued bytes.
    pub(crate) fn cooperate(&mut self) {
        self.allowance = None;
        self.act(Act::Fin);
    }

    /// It has sent its FIN, or is going to.
    fn has_planned_fin(&self) -> bool {
        self.facts.fin_sent || self.to_write.back() == Some(&Write::Fin)
    }

    /// Whether a step would do something now.
    pub(crate) fn can_step(&self) -> bool {
        let Some(socket) = &self.socket else { return false };
        let ready = socket.ready();
        if self.is_connecting {
            return ready.writable || ready.failed;
        }
        self.wants_to_read() && ready.readable
            || self.wants_to_write() && ready.writable
            || self.is_watching() && (ready.failed || self.is_done(socket))
    }

    fn wants_to_read(&self) -> bool {
        self.allowance != Some(0) && !self.facts.fin_received
    }

    fn wants_to_write(&self) -> bool {
        !self.to_write.is_empty()
    }

    /// It has received the FIN, and only waits for the end of the connection.
    fn is_watching(&self) -> bool {
        self.facts.fin_received
    }

    /// Nothing more can come or go.
    fn is_done(&self, socket: &PeerSocket) -> bool {
        let is_over = self.facts.fin_sent || self.facts.broken.is_some();
        self.facts.fin_received && is_over && (self.facts.broken.is_some() || socket.unacked() == 0)
    }

    /// Takes one step: one call that reads or writes. `scratch` has room for [`CHUNK`] bytes.
    pub(crate) fn step(&mut self, choices: &mut impl Choices, scratch: &mut [u8]) -> Step {
        let Some(socket) = &self.socket else { return Step::Nothing };
        let ready = socket.ready();
        if self.is_connecting {
            return self.connect(ready);
        }
        let can_read = self.wants_to_read() && ready.readable;
        let can_write = self.wants_to_write() && ready.writable;
        match (can_read, can_write) {
            (true, true) if choices.chance(50) => self.write(choices, scratch),
            (true, _) => self.read(choices, scratch),
            (false, true) => self.write(choices, scratch),
            (false, false) if self.is_watching() => self.watch(ready),
            (false, false) => Step::Nothing,
        }
    }

    fn watch(&mut self, ready: Ready) -> Step {
        let Some(socket) = &self.socket else { return Step::Nothing };
        if self.is_done(socket) {
            self.leave(Leaving::InOrder, drop);
            return Step::Closed;
        }
        match socket.take_error() {
            Err(errno) if ready.failed => self.broke(errno),
            _ => Step::Nothing,
        }
    }

    fn connect(&mut self, ready: Ready) -> Step {
        let Some(socket) = &self.socket else { return Step::Nothing };
        if let Err(errno) = socket.take_error() {
            self.socket = None;
            return self.broke(errno);
        }
        if !ready.writable {
            return Step::Nothing;
        }
        self.is_connecting = false;
        self.facts.was_connected = true;
        Step::Connected
    }

    fn read(&mut self, choices: &mut impl Choices, scratch: &mut [u8]) -> Step {
        let Some(socket) = &self.socket else { return Step::Nothing };
        let room = size(choices, self.allowance.unwrap_or(u64::MAX));
        match socket.receive(&mut scratch[..room]) {
            // The kernel reports an error once: behind it, the end is no FIN.
            Ok(0) if self.facts.broken.is_some() => self.close(),
            Ok(0) => {
                self.facts.fin_received = true;
                Step::FinReceived
            }
            Ok(count) => {
                if let Some(allowance) = &mut self.allowance {
                    *allowance -= count as u64;
                }
                self.check(&scratch[..count]);
                self.facts.received += count as u64;
                Step::Received(count)
            }
            Err(Errno::AGAIN | Errno::INTR) => Step::Nothing,
            Err(errno) => {
                self.broke(errno);
                self.close()
            }
        }
    }

    /// Compares received bytes with the stream of the other end.
    fn check(&self, bytes: &[u8]) {
        if let Some(inbound) = self.inbound {
            let at = difference(inbound, self.facts.received, bytes);
            assert!(at.is_none(), "a wrong byte at {at:?}: lost, invented or reordered");
        }
    }

    fn write(&mut self, choices: &mut impl Choices, scratch: &mut [u8]) -> Step {
        let (Some(socket), Some(first)) = (&self.socket, self.to_write.front_mut()) else {
            return Step::Nothing;
        };
        let taken = match first {
            Write::Bytes(count) => {
                let bytes = &mut scratch[..size(choices, *count)];
                fill(self.outbound, self.facts.written, bytes);
                let taken = socket.send(bytes);
                if let Ok(taken) = taken {
                    *count -= taken as u64;
                }
                taken
            }
            Write::Mark => {
                let mut byte = [0];
                fill(self.outbound, self.facts.written, &mut byte);
                socket.send_marked(byte[0])
            }
            Write::Fin => socket.shut_write().map(|()| 0),
        };
        match taken {
            Ok(0) if *first == Write::Fin => {
                self.to_write.clear();
                self.facts.fin_sent = true;
                Step::FinSent
            }
            Ok(taken) => {
                if matches!(first, Write::Bytes(0) | Write::Mark) {
                    self.to_write.pop_front();
                }
                self.facts.written += taken as u64;
                Step::Wrote(taken)
            }
            Err(Errno::AGAIN | Errno::INTR) => Step::Nothing,
            Err(errno) => {
                // Bytes received before can still be read.
                self.to_write.clear();
                self.broke(errno)
            }
        }
    }

    fn broke(&mut self, errno: Errno) -> Step {
        self.facts.broken.get_or_insert(errno);
        Step::Broke
    }

    fn close(&mut self) -> Step {
        self.socket = None;
        Step::Closed
    }
}

fn size(choices: &mut impl Choices, most: u64) -> usize {
    let most = u32::try_from(most.min(CHUNK as u64)).unwrap_or(1).max(1);
    let size = if choices.chance(50) { most } else { choices.size(most) };
    size as usize
}
