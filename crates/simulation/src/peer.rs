//! The application at one end of a session: it acts by the script, checks every received byte, and counts
//! its calls and their results.

use crate::content::{Stream, difference, fill};
pub(crate) use crate::facts::{Facts, Leaving, Step};
use crate::network::{PeerSocket, Ready};
use crate::preface::Preface;
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
    /// Its header, which is not part of the stream.
    header: Vec<u8>,
    /// What must come ahead of the stream that it receives, once that is known.
    pub(crate) preface: Option<Preface>,
    to_write: VecDeque<Write>,
    /// Bytes that it may still read; `None` is without a limit.
    allowance: Option<u64>,
    /// Its host is silent or unreachable.
    is_cut_off: bool,
    pub(crate) facts: Facts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Bytes(u64),
    /// The rest of its header and of the beginning of its stream.
    Opening,
    Mark,
    Fin,
}

impl ScriptedPeer {
    /// An application that connects by this socket.
    pub(crate) fn connecting(
        socket: PeerSocket,
        header: Vec<u8>,
        outbound: Stream,
        inbound: Stream,
    ) -> Self {
        Self { is_connecting: true, header, ..Self::new(Some(socket), outbound, Some(inbound)) }
    }

    /// An application that has accepted a connection.
    pub(crate) fn accepted(socket: PeerSocket, outbound: Stream, inbound: Option<Stream>) -> Self {
        let mut peer = Self::new(Some(socket), outbound, inbound);
        peer.facts.was_connected = true;
        peer
    }

    /// An application whose connection the kernel refused at once.
    pub(crate) fn not_connected(errno: Errno) -> Self {
        let mut peer = Self::new(None, Stream::default(), None);
        peer.facts.broken = Some(errno);
        peer
    }

    fn new(socket: Option<PeerSocket>, outbound: Stream, inbound: Option<Stream>) -> Self {
        Self {
            socket,
            is_connecting: false,
            outbound,
            inbound,
            header: Vec::new(),
            preface: None,
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
            Act::Send(_) | Act::Open | Act::Mark | Act::Fin if self.has_planned_fin() => {}
            Act::Send(count) => self.to_write.push_back(Write::Bytes(count.into())),
            Act::Open if self.opening_left() == 0 => {}
            Act::Open => self.to_write.push_back(Write::Opening),
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
        self.act(Act::Open);
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
                let rest = self.preface.as_mut().map(Preface::end);
                self.received_behind(&rest.unwrap_or_default());
                self.facts.fin_received = true;
                Step::FinReceived
            }
            Ok(count) => {
                if let Some(allowance) = &mut self.allowance {
                    *allowance -= count as u64;
                }
                self.received(&scratch[..count]);
                Step::Received(count)
            }
            Err(Errno::AGAIN | Errno::INTR) => Step::Nothing,
            Err(errno) => {
                self.broke(errno);
                self.close()
            }
        }
    }

    /// Counts received bytes, and takes what comes ahead of the stream of the other end.
    fn received(&mut self, bytes: &[u8]) {
        self.facts.got += bytes.len() as u64;
        match &mut self.preface {
            Some(preface) => {
                let behind = preface.take(bytes);
                self.received_behind(&behind);
            }
            None => self.received_behind(bytes),
        }
    }

    /// Compares received bytes with the stream of the other end.
    fn received_behind(&mut self, behind: &[u8]) {
        if let Some(inbound) = &self.inbound {
            let at = difference(inbound, self.facts.received, behind);
            assert!(at.is_none(), "a wrong byte at {at:?}: lost, invented or reordered");
        }
        self.facts.received += behind.len() as u64;
    }

    /// The engine passes its header on: it is the beginning of its stream.
    pub(crate) fn pass_header_on(&mut self, outbound: Stream) {
        self.facts.written += std::mem::take(&mut self.facts.header_written);
        self.header.clear();
        self.outbound = outbound;
    }

    /// Bytes of its header that it has not sent.
    fn header_left(&self) -> &[u8] {
        let sent = usize::try_from(self.facts.header_written).unwrap_or(usize::MAX);
        self.header.get(sent..).unwrap_or_default()
    }

    /// The next bytes that it sends, header first.
    fn fill(&self, bytes: &mut [u8]) {
        let header = self.header_left();
        let (first, rest) = bytes.split_at_mut(header.len().min(bytes.len()));
        first.copy_from_slice(&header[..first.len()]);
        fill(&self.outbound, self.facts.written, rest);
    }

    /// Counts bytes that its kernel took.
    fn sent(&mut self, count: u64) {
        let of_header = count.min(self.header_left().len() as u64);
        self.facts.header_written += of_header;
        self.facts.written += count - of_header;
    }

    /// All bytes that it has sent have arrived at the host of the other end.
    pub(crate) fn has_all_arrived(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.unacked() == 0)
    }

    /// Bytes of its header and of the beginning of its stream that it has not sent.
    fn opening_left(&self) -> u64 {
        let beginning = self.outbound.begins_with() as u64;
        self.header_left().len() as u64 + beginning.saturating_sub(self.facts.written)
    }

    fn write(&mut self, choices: &mut impl Choices, scratch: &mut [u8]) -> Step {
        let Some(first) = self.to_write.front().copied() else { return Step::Nothing };
        let count = match first {
            Write::Bytes(count) => count,
            Write::Opening => self.opening_left(),
            Write::Mark => 1,
            Write::Fin => 0,
        };
        if count == 0 && first != Write::Fin {
            self.to_write.pop_front();
            return Step::Wrote(0);
        }
        let bytes = &mut scratch[..if first == Write::Mark { 1 } else { size(choices, count) }];
        self.fill(bytes);
        let Some(socket) = &self.socket else { return Step::Nothing };
        let taken = match first {
            Write::Bytes(_) | Write::Opening => socket.send(bytes),
            Write::Mark => socket.send_marked(bytes[0]),
            Write::Fin => socket.shut_write().map(|()| 0),
        };
        match taken {
            Ok(0) if first == Write::Fin => {
                self.to_write.clear();
                self.facts.fin_sent = true;
                Step::FinSent
            }
            Ok(taken) => {
                let taken_now = taken as u64;
                self.facts.has_marked |= first == Write::Mark;
                match self.to_write.front_mut() {
                    Some(Write::Bytes(left)) if *left > taken_now => *left -= taken_now,
                    Some(Write::Opening) if count > taken_now => {}
                    _ => _ = self.to_write.pop_front(),
                }
                self.sent(taken_now);
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
