//! recv(2), send(2) and shutdown(2) of TCP sockets. Those of Unix sockets are in `unix`.

use crate::sim::state::endpoint::State;
use crate::sim::state::file::File;
use crate::sim::state::poll::{ANY, DATA};
use crate::sim::state::slab::Key;
use crate::sim::state::unix::Kind;
use crate::sim::world::World;
use sys::{Errno, Result};

impl World {
    pub(crate) fn is_unix(&self, socket: Key) -> bool {
        matches!(self.file(socket), Some(File::Unix(_)))
    }

    /// recv(2): at most up to the urgent byte, unless that is the first.
    pub(crate) fn receive(&mut self, socket: Key, buffer: &mut [u8]) -> Result<usize> {
        if self.is_unix(socket) {
            return self.receive_unix(socket, buffer);
        }
        let (_, end) = self.end(socket)?;
        if end.receive.is_empty() {
            return end.nothing_to_read().map(|()| 0);
        }
        let most = end.receive.readable().min(buffer.len());
        let count = if end.may_be_read_short() { self.shortened(most) } else { most };
        self.take(socket, &mut buffer[..count])?;
        if count < most {
            self.wake(socket, DATA);
        }
        Ok(count)
    }

    /// recv(2) with `MSG_PEEK`, which ends where a read does.
    pub(crate) fn peek(&mut self, socket: Key, buffer: &mut [u8]) -> Result<usize> {
        if self.is_unix(socket) {
            return self.peek_unix(socket, buffer);
        }
        let (_, end) = self.end(socket)?;
        if end.receive.is_empty() {
            return end.nothing_to_read().map(|()| 0);
        }
        Ok(end.receive.peek(buffer))
    }

    /// Takes bytes from the receive queue of a TCP socket.
    fn take(&mut self, socket: Key, buffer: &mut [u8]) -> Result<usize> {
        let (key, end) = self.end(socket)?;
        let count = end.receive.take(buffer);
        self.update_window(key);
        self.settle();
        Ok(count)
    }

    /// Bytes that splice(2) can take at once (`tcp_splice_read`): never an urgent one. 0 at the end of the
    /// stream.
    pub(crate) fn spliceable(&mut self, socket: Key) -> Result<usize> {
        if self.is_unix(socket) {
            return self.spliceable_unix(socket);
        }
        let (_, end) = self.end(socket)?;
        match end.receive.before_urgent() {
            0 => end.nothing_to_read().map(|()| 0),
            count => Ok(count),
        }
    }

    /// Takes up to `count` bytes, of those that splice(2) can take.
    pub(crate) fn take_for_splice(&mut self, socket: Key, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let count = if self.is_unix(socket) {
            self.take_unix(socket, &mut bytes)?
        } else {
            self.take(socket, &mut bytes)?
        };
        bytes.truncate(count);
        Ok(bytes)
    }

    /// send(2), of one piece.
    pub(crate) fn send(&mut self, socket: Key, bytes: &[u8]) -> Result<usize> {
        let taken = if self.is_unix(socket) {
            self.send_unix(socket, bytes, Kind::Plain)?
        } else {
            self.send_tcp(socket, bytes, false)?
        };
        if let Some(open) = self.files.get_mut(socket) {
            open.taken += taken as u64;
        }
        Ok(taken)
    }

    /// Sends one byte as urgent (`MSG_OOB`).
    pub(crate) fn send_urgent(&mut self, socket: Key, byte: u8) -> Result<usize> {
        if self.is_unix(socket) {
            return self.send_unix(socket, &[byte], Kind::Urgent);
        }
        self.send_tcp(socket, &[byte], true)
    }

    /// `tcp_sendmsg_locked`
    fn send_tcp(&mut self, socket: Key, bytes: &[u8], is_urgent: bool) -> Result<usize> {
        let (_, end) = self.end(socket)?;
        end.check_sendable()?;
        let (room, is_refusable) = (end.send.room(), end.send.holds_bytes());
        let mut count = self.shortened(bytes.len()).min(room);
        if is_refusable && self.random.happens(self.conditions.refused_sends) {
            count = 0;
        }
        let (key, end) = self.end(socket)?;
        // The reason of a short count, a full buffer or a lack of memory, asks for an event in any case
        // (`wait_for_space`). An acknowledgement raises it.
        end.send.no_space |= count < bytes.len();
        if count == 0 {
            return if bytes.is_empty() { Ok(0) } else { Err(Errno::AGAIN) };
        }
        end.send.add(&bytes[..count], is_urgent);
        self.transmit(key);
        self.settle();
        Ok(count)
    }

    /// shutdown(2) for writing (`inet_shutdown`).
    pub(crate) fn shut_write(&mut self, socket: Key) -> Result<()> {
        if self.is_unix(socket) {
            return self.shut_write_unix(socket);
        }
        let (key, end) = self.end(socket)?;
        if end.state == State::SynSent {
            // It is disconnected, and an error is left (`tcp_disconnect`).
            let pair = (end.local, end.remote);
            end.send.lose(true);
            end.done();
            (end.receive.shut, end.send.shut) = (false, false);
            end.error = Some(Errno::CONNRESET);
            self.ports.release(pair, Some(key));
            self.wake(socket, ANY);
            return Ok(());
        }
        let closed = end.state == State::Closed;
        end.send.shut = true;
        if end.begin_close() {
            self.transmit(key);
        }
        self.settle();
        self.wake(socket, ANY);
        if closed { Err(Errno::NOTCONN) } else { Ok(()) }
    }

    /// `SIOCOUTQ`: bytes that are not acknowledged, and one for the FIN; of a Unix socket, the memory of
    /// bytes that its peer has not read.
    pub(crate) fn unacknowledged(&mut self, socket: Key) -> u32 {
        let count = match self.file(socket) {
            Some(File::Unix(side)) => self.charged(*side),
            Some(File::Tcp(end)) => self.ends.get(*end).map_or(0, |end| end.send.unacknowledged()),
            _ => 0,
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The number of bytes that arrived, and one for a FIN.
    pub(crate) fn sequence(&mut self, socket: Key) -> Result<u64> {
        let (_, end) = self.end(socket)?;
        Ok(end.receive.received() + u64::from(end.receive.fin))
    }
}
