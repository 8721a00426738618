//! One connection of a target: what it still reads and what it still owes.

use std::iter;
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::Socket;

use super::{Behaviour, Counters};
use crate::exchange::Header;
use crate::stream::{Checker, Source, Stream};
use crate::wire::End;

/// An echo reads no further while it holds this many bytes.
const MAX_HELD: usize = 256 * 1024;

pub(super) enum Turn {
    More,
    Over,
}

pub(super) struct Connection {
    socket: Socket,
    behaviour: Behaviour,
    /// The client has not ended yet.
    reading: bool,
    /// Bytes to send as they are.
    held: Vec<u8>,
    /// The stream to send after them, and its length.
    source: Source,
    source_len: u64,
    fin: Fin,
    verify: Verify,
    /// The first bytes were answered.
    has_greeted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fin {
    /// More to send may come up.
    NotYet,
    /// Sent as soon as nothing is left to send.
    Due,
    Sent,
}

enum Verify {
    Header(Vec<u8>),
    Body(Header, Checker),
}

/// The last digit of the address of the other side.
fn last_digit(socket: &Socket) -> u8 {
    let address = socket.peer_addr().ok().and_then(|address| address.as_socket());
    let text = address.map(|address| address.ip().to_string()).unwrap_or_default();
    text.bytes().last().unwrap_or(b'-')
}

impl Connection {
    pub(super) fn new(socket: Socket, behaviour: Behaviour) -> Self {
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
        let (source_len, fin) = match behaviour {
            Behaviour::Source(n) => (n, Fin::Due),
            _ => (0, Fin::NotYet),
        };
        let held = match behaviour {
            Behaviour::Greet(byte) | Behaviour::GreetAndStall(byte) => vec![byte],
            Behaviour::GreetByPeer => vec![last_digit(&socket)],
            Behaviour::GreetHttp => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            _ => Vec::new(),
        };
        Self {
            socket,
            behaviour,
            reading: !matches!(behaviour, Behaviour::Stall | Behaviour::GreetAndStall(_)),
            held,
            source: Source::new(Stream::default()),
            source_len,
            fin,
            verify: Verify::Header(Vec::new()),
            has_greeted: false,
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn interest(&self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, self.wants_input());
        flags.set(EventFlags::OUT, self.owes() || self.fin == Fin::Due);
        flags
    }

    /// Reads and writes once, as far as it wants to and the socket lets it.
    pub(super) fn turn(&mut self, scratch: &mut [u8], counters: &Counters) -> Result<Turn, End> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error.into());
        }
        if self.wants_input() {
            self.read(scratch, counters)?;
        }
        self.write(scratch, counters)?;
        if self.fin == Fin::Due && !self.owes() {
            self.socket.shutdown(Shutdown::Write)?;
            self.fin = Fin::Sent;
        }
        Ok(if self.fin == Fin::Sent && !self.reading { Turn::Over } else { Turn::More })
    }

    fn wants_input(&self) -> bool {
        self.reading && self.held.len() < MAX_HELD
    }

    fn owes(&self) -> bool {
        !self.held.is_empty() || self.source.offset() < self.source_len
    }

    fn read(&mut self, scratch: &mut [u8], counters: &Counters) -> Result<(), End> {
        match recv(&self.socket, &mut *scratch, RecvFlags::empty()) {
            Ok((0, _)) => {
                self.reading = false;
                self.on_eof()
            }
            Ok((n, _)) => {
                counters.received.fetch_add(n as u64, Ordering::Relaxed);
                self.on_bytes(&scratch[..n])
            }
            Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), End> {
        match self.behaviour {
            Behaviour::Echo | Behaviour::Greet(_) => self.held.extend(bytes),
            Behaviour::Multiply(times) => {
                self.held.extend(bytes.iter().flat_map(|byte| iter::repeat_n(*byte, times)));
            }
            Behaviour::GreetByHeader if !self.has_greeted => {
                self.has_greeted = true;
                self.held.push(match bytes {
                    [b'P', b'R', b'O', ..] => b'1',
                    [b'\r', b'\n', b'\r', ..] => b'2',
                    _ => b'0',
                });
            }
            Behaviour::Verify => return self.verify(bytes),
            _ => {}
        }
        Ok(())
    }

    fn on_eof(&mut self) -> Result<(), End> {
        match (self.behaviour, &self.verify) {
            (Behaviour::AnswerAtEof(n), _) => self.source_len = n,
            (Behaviour::Verify, Verify::Body(header, checker))
                if checker.offset() == header.up_len => {}
            (Behaviour::Verify, _) => return self.refuse(),
            _ => {}
        }
        if self.fin == Fin::NotYet {
            self.fin = Fin::Due;
        }
        Ok(())
    }

    fn verify(&mut self, bytes: &[u8]) -> Result<(), End> {
        match &mut self.verify {
            Verify::Header(seen) => {
                let (head, body) = bytes.split_at(bytes.len().min(Header::LEN - seen.len()));
                seen.extend(head);
                let Ok(complete) = seen.as_slice().try_into() else { return Ok(()) };
                let header = Header::parse(complete);
                self.source = Source::new(header.down());
                self.source_len = header.down_len;
                self.verify = Verify::Body(header, Checker::new(header.up()));
                self.verify(body)
            }
            Verify::Body(_, checker) => match checker.check(bytes) {
                Ok(()) => Ok(()),
                Err(_) => self.refuse(),
            },
        }
    }

    /// Tells the client of an exchange that its bytes were wrong: by an RST.
    fn refuse(&mut self) -> Result<(), End> {
        self.socket.set_linger(Some(Duration::ZERO))?;
        Err(Errno::PROTO.into())
    }

    fn write(&mut self, scratch: &mut [u8], counters: &Counters) -> Result<(), End> {
        while self.owes() {
            let bytes = if self.held.is_empty() {
                let left = self.source_len - self.source.offset();
                let len = usize::try_from(left).map_or(scratch.len(), |n| n.min(scratch.len()));
                self.source.peek(&mut scratch[..len]);
                &scratch[..len]
            } else {
                &self.held
            };
            let sent = match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => sent,
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            };
            counters.sent.fetch_add(sent as u64, Ordering::Relaxed);
            if self.held.is_empty() {
                self.source.advance(sent);
            } else {
                self.held.drain(..sent);
            }
        }
        Ok(())
    }
}
