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
    /// A connection whose first byte is 0 is a sink.
    has_sinks: bool,
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
        Self { scratch: vec![0; CHUNK], times, has_sinks: false }
    }

    /// A connection whose first byte is 0 is a sink.
    pub(super) fn mixed() -> Self {
        Self { has_sinks: true, ..Self::plain(1) }
    }
}

impl Service for Echo {
    type Session = Session;

    fn open(&mut self) -> Session {
        Session { role: Role::Unknown, held: Vec::new() }
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
            let mut received = &self.scratch[..count];
            if session.role == Role::Unknown {
                received = behind_header(received);
                let Some(first) = received.first() else { continue };
                session.role = if self.has_sinks && *first == 0 { Role::Sink } else { Role::Echo };
            }
            if session.role == Role::Echo {
                match sys::stream::send(socket, received) {
                    Ok(sent) => session.held.extend_from_slice(&received[sent..]),
                    Err(Errno::AGAIN) => session.held.extend_from_slice(received),
                    Err(_) => return Next::Close,
                }
                for _ in 1..self.times {
                    session.held.extend_from_slice(received);
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

/// The bytes behind a header of the PROXY protocol, version 2, which a forwarder sends in one piece.
fn behind_header(bytes: &[u8]) -> &[u8] {
    let Some((head, rest)) = bytes.split_at_checked(16) else { return bytes };
    if !head.starts_with(b"\r\n\r\n\0\r\nQUIT\n") {
        return bytes;
    }
    let length = u16::from_be_bytes([head[14], head[15]]);
    rest.get(usize::from(length)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_no_payload() {
        let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02";
        assert_eq!(behind_header(header), b"");
        assert_eq!(behind_header(&[&header[..], b"ab"].concat()), b"ab");
        for bytes in [&header[1..], b"ab", b"", b"0123456789abcdefgh"] {
            assert_eq!(behind_header(bytes), bytes);
        }
    }
}
