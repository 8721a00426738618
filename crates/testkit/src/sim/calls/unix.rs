//! Unix stream sockets (unix(7)): bytes go directly into the peer's queue.

use crate::sim::conditions::Call;
use crate::sim::state::file::File;
use crate::sim::state::poll::{ANY, DATA, ERR, HUP, IN, Mask, OUT, PRI, RDHUP, SPACE};
use crate::sim::state::slab::Key;
use crate::sim::state::unix::{Kind, UnixSide};
use crate::sim::world::World;
use std::path::Path;
use sys::{Errno, Result};

impl World {
    /// Connects to a path at once, and returns the side of the client (`unix_stream_connect`).
    pub(crate) fn connect_unix(&mut self, path: &Path) -> Result<Key> {
        let (_, file) = self.paths.get(path).copied().ok_or(Errno::NOENT)?;
        let listener = self.listener(file).map_err(|_| Errno::CONNREFUSED)?;
        if !listener.listens || listener.is_shut {
            return Err(Errno::CONNREFUSED);
        }
        if listener.is_full() {
            return Err(Errno::AGAIN);
        }
        let connection = self.new_number();
        let [client, server] = [(); 2].map(|()| {
            let (_, send_buffer) = self.buffer_sizes();
            self.sides.insert(UnixSide::new(connection, send_buffer))
        });
        for (own, peer) in [(client, server), (server, client)] {
            if let Some(side) = self.sides.get_mut(own) {
                side.peer = peer;
            }
        }
        self.listener(file)?.queue.push_back(server);
        self.wake(file, DATA);
        Ok(client)
    }

    /// Records the file of a side.
    pub(crate) fn own_side(&mut self, side: Key, file: Key) {
        if let Some(side) = self.sides.get_mut(side) {
            side.file = Some(file);
        }
    }

    /// Memory of the bytes that a side has sent and its peer has not read (`sk_wmem_alloc`).
    pub(crate) fn charged(&self, side: Key) -> usize {
        let peer = self.sides.get(side).and_then(|side| self.sides.get(side.peer));
        peer.map_or(0, |peer| peer.charged)
    }

    /// `unix_poll`
    pub(crate) fn look_at_side(&self, key: Key) -> Mask {
        let Some(side) = self.sides.get(key) else { return HUP | OUT };
        let mut mask = 0;
        if side.error.is_some() {
            mask |= ERR;
        }
        if side.receive_shut && side.send_shut {
            mask |= HUP;
        }
        if side.receive_shut {
            mask |= IN | RDHUP;
        }
        if side.has_unread() {
            mask |= IN;
        }
        if side.has_urgent() {
            mask |= PRI;
        }
        if side.is_writable(self.charged(key)) {
            mask |= OUT;
        }
        mask
    }

    /// Bytes that one read can take. 0 at the end of the stream.
    pub(crate) fn spliceable_unix(&mut self, socket: Key) -> Result<usize> {
        let (_, side) = self.side(socket)?;
        if !side.has_unread() {
            return side.nothing_to_read().map(|()| 0);
        }
        Ok(side.readable())
    }

    /// `unix_stream_read_generic`
    pub(crate) fn receive_unix(&mut self, socket: Key, buffer: &mut [u8]) -> Result<usize> {
        let most = self.spliceable_unix(socket)?.min(buffer.len());
        let (_, side) = self.side(socket)?;
        let count = if side.may_be_read_short() { self.shortened(most) } else { most };
        self.take_unix(socket, &mut buffer[..count])?;
        if count < most {
            self.wake(socket, DATA);
        }
        Ok(count)
    }

    /// recv(2) with `MSG_PEEK`.
    pub(crate) fn peek_unix(&mut self, socket: Key, buffer: &mut [u8]) -> Result<usize> {
        let most = self.spliceable_unix(socket)?.min(buffer.len());
        let (_, side) = self.side(socket)?;
        Ok(side.peek(&mut buffer[..most]))
    }

    /// Takes bytes. Each piece that was read as a whole is an event for the writer, if it has room
    /// (`unix_write_space`).
    pub(crate) fn take_unix(&mut self, socket: Key, buffer: &mut [u8]) -> Result<usize> {
        let (_, side) = self.side(socket)?;
        let (count, pieces) = side.take(buffer);
        let (charged, peer) = (side.charged, side.peer);
        if pieces > 0 && self.sides.get(peer).is_some_and(|writer| writer.is_writable(charged)) {
            self.wake_side(peer, SPACE);
        }
        Ok(count)
    }

    /// `unix_stream_sendmsg`: a pending error is left for recv(2).
    pub(crate) fn send_unix(&mut self, socket: Key, bytes: &[u8], kind: Kind) -> Result<usize> {
        let (_, side) = self.side(socket)?;
        let (send_shut, peer, send_buffer) = (side.send_shut, side.peer, side.send_buffer);
        let is_open = self.sides.get(peer).is_some_and(|other| !other.receive_shut);
        if send_shut || !is_open {
            return Err(Errno::PIPE);
        }
        self.fails(Call::Send)?;
        let short = self.shortened(bytes.len());
        let Some(other) = self.sides.get_mut(peer) else { return Err(Errno::PIPE) };
        let count = other.add(&bytes[..short], kind, send_buffer);
        if count == 0 {
            return if bytes.is_empty() { Ok(0) } else { Err(Errno::AGAIN) };
        }
        self.wake_side(peer, DATA);
        Ok(count)
    }

    /// `unix_shutdown`
    pub(crate) fn shut_write_unix(&mut self, socket: Key) -> Result<()> {
        let (key, side) = self.side(socket)?;
        side.send_shut = true;
        let peer = side.peer;
        if let Some(other) = self.sides.get_mut(peer) {
            other.receive_shut = true;
        }
        self.wake_side(key, ANY);
        self.wake_side(peer, ANY);
        Ok(())
    }

    /// Closes a side (`unix_release_sock`). Unread bytes reset the connection.
    pub(crate) fn close_unix(&mut self, key: Key) {
        let Some(side) = self.sides.remove(key) else { return };
        self.end_side(side.peer, side.has_unread());
    }

    /// Closes the server's side of a connection that was not accepted.
    pub(crate) fn refuse_unix(&mut self, key: Key) {
        if let Some(side) = self.sides.remove(key) {
            self.end_side(side.peer, true);
        }
    }

    fn end_side(&mut self, key: Key, reset: bool) {
        if let Some(side) = self.sides.get_mut(key) {
            side.receive_shut = true;
            side.send_shut = true;
            if reset {
                side.error = Some(Errno::CONNRESET);
            }
        }
        self.wake_side(key, ANY);
    }

    fn wake_side(&mut self, key: Key, mask: Mask) {
        if let Some(file) = self.sides.get(key).and_then(|side| side.file) {
            self.wake(file, mask);
        }
    }

    /// Takes the pending error of a socket (`SO_ERROR`).
    pub(crate) fn take_error(&mut self, socket: Key) -> Result<()> {
        let error = match self.file(socket) {
            Some(File::Unix(_)) => self.side(socket)?.1.error.take(),
            Some(File::Tcp(_)) => self.end(socket)?.1.error.take(),
            _ => None,
        };
        error.map_or(Ok(()), Err)
    }
}
