use rustix::fd::BorrowedFd;
use sys::Errno;

use super::FAIR;
use crate::hub::{Next, Service};
use crate::socket::discard;

/// Bytes per read.
const CHUNK: usize = 256 * 1024;

/// Echoes received bytes. Stops reading while the client does not read.
pub(super) struct Echo {
    scratch: Vec<u8>,
    /// Each byte is sent back so many times.
    times: u8,
    first: Role,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// No byte received yet, so the protocol is unknown.
    Unknown,
    Echo,
    Sink,
}

/// A connection, with the bytes not sent back yet.
pub(super) struct Session {
    role: Role,
    held: Vec<u8>,
}

impl Echo {
    /// Every connection is an echo.
    pub(super) fn plain(times: u8) -> Self {
        Self { scratch: vec![0; CHUNK], times, first: Role::Echo }
    }

    /// A connection whose first byte is 0 is a sink.
    pub(super) fn mixed() -> Self {
        Self { first: Role::Unknown, ..Self::plain(1) }
    }
}

impl Service for Echo {
    type Session = Session;

    fn open(&mut self) -> Session {
        Session { role: self.first, held: Vec::new() }
    }

    fn ready(&mut self, socket: BorrowedFd<'_>, session: &mut Session, mark: bool) -> Next {
        for _ in 0..FAIR {
            if !session.held.is_empty() {
                match sys::stream::send(socket, &session.held) {
                    Ok(count) => drop(session.held.drain(..count)),
                    Err(Errno::AGAIN) => return Next::Keep,
                    Err(_) => return Next::Close,
                }
                continue;
            }
            let read = match session.role {
                Role::Sink => discard(socket, &mut self.scratch),
                Role::Unknown | Role::Echo => sys::stream::receive(socket, &mut self.scratch),
            };
            let count = match read {
                Ok(0) => return Next::Close,
                Ok(count) => count,
                Err(Errno::AGAIN) => return Next::Keep,
                Err(_) => return Next::Close,
            };
            if session.role == Role::Unknown {
                session.role = if self.scratch[0] == 0 { Role::Sink } else { Role::Echo };
            }
            if session.role == Role::Echo {
                match sys::stream::send(socket, &self.scratch[..count]) {
                    Ok(sent) => session.held.extend_from_slice(&self.scratch[sent..count]),
                    Err(Errno::AGAIN) => session.held.extend_from_slice(&self.scratch[..count]),
                    Err(_) => return Next::Close,
                }
                for _ in 1..self.times {
                    session.held.extend_from_slice(&self.scratch[..count]);
                }
            }
            // Less than asked for: the socket is drained, and the next bytes are the next event.
            if count < self.scratch.len() && !mark && session.held.is_empty() {
                return Next::Keep;
            }
        }
        Next::Again
    }
}
