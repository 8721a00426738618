//! Unix stream sockets (unix(7)): bytes go directly into the peer's queue.

use super::conditions::Call;
use super::listener::{Bound, Listener};
use super::poll::{ANY, DATA, ERR, HUP, IN, Mask, OUT, PRI, RDHUP, SPACE};
use super::world::{File, FileKey, World};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use sys::{Errno, Result};

/// What a send passes beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Descriptors: a read stops behind the bytes.
    Attached,
    /// The byte is urgent, until another one is, or a read begins with it: a read stops in front of it
    /// (`manage_oob`).
    Urgent,
}

/// Bytes of one send.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: VecDeque<u8>,
    /// Its first number of bytes: they use the sender's buffer until the last of them is read.
    size: usize,
    kind: Kind,
}

/// The state of a Unix connection's two sides, shared by both files.
#[derive(Debug, Default)]
pub(super) struct UnixSide {
    /// The file of this side; `None` while it waits in an accept queue, and once it is closed.
    file: Option<FileKey>,
    peer: u64,
    open: bool,
    inbox: VecDeque<Piece>,
    held: usize,
    receive_shut: bool,
    send_shut: bool,
    error: Option<Errno>,
    send_buffer: usize,
}

/// A file's reference to its side of a connection.
#[derive(Debug)]
pub(super) struct UnixEnd(pub(super) u64);

impl UnixEnd {
    pub(super) fn accepted(side: u64) -> Self {
        Self(side)
    }
}

/// `unix_writable`: a quarter of the send buffer is used at most.
fn is_writable(held: usize, send_buffer: usize) -> bool {
    held.saturating_mul(4) <= send_buffer
}

/// All sides of Unix connections.
pub(super) type UnixSides = BTreeMap<u64, UnixSide>;

impl World {
    fn side(&mut self, socket: FileKey) -> Result<(u64, &mut UnixSide)> {
        let Some(File::Unix(UnixEnd(key))) = self.files.get(&socket) else {
            return Err(Errno::NOTCONN);
        };
        let key = *key;
        self.sides.get_mut(&key).map(|side| (key, side)).ok_or(Errno::NOTCONN)
    }

    /// Records the file of a side.
    pub(super) fn attach_unix(&mut self, file: FileKey) {
        if let Ok((_, side)) = self.side(file) {
            side.file = Some(file);
        }
    }

    /// Binds a path. `EADDRINUSE` if there is a file.
    pub(super) fn bind_unix(&mut self, path: &Path) -> Result<Listener> {
        self.fails(Call::Listen)?;
        if self.paths.contains_key(path) {
            // The file of a socket that no longer listens is replaced. `sys::listen` connects to find out,
            // which leaves a connection in the queue of one that does.
            match self.connect_unix(path) {
                Err(Errno::CONNREFUSED) => {}
                Err(_) => return Err(Errno::ADDRINUSE),
                Ok(end) => {
                    self.close_unix(&end);
                    return Err(Errno::ADDRINUSE);
                }
            }
        }
        Ok(Listener::new(Bound::Unix(path.to_owned())))
    }

    /// Connects to a path at once.
    pub(super) fn connect_unix(&mut self, path: &Path) -> Result<UnixEnd> {
        self.fails(Call::Connect)?;
        let (_, file) = self.paths.get(path).copied().ok_or(Errno::NOENT)?;
        let listener = self.listener(file).map_err(|_| Errno::CONNREFUSED)?;
        if !listener.listens || listener.shut {
            return Err(Errno::CONNREFUSED);
        }
        if listener.queue.len() > listener.backlog {
            return Err(Errno::AGAIN);
        }
        let [client, server] = [self.new_key(), self.new_key()];
        for (own, peer) in [(client, server), (server, client)] {
            let (_, send_buffer) = self.buffer_sizes();
            let side = UnixSide { peer, open: true, send_buffer, ..UnixSide::default() };
            self.sides.insert(own, side);
        }
        self.listener(file)?.queue.push_back(server);
        self.wake(file, DATA);
        Ok(UnixEnd(client))
    }

    /// Bytes sent by this side and not read by its peer. `None` if the socket is not a Unix socket.
    pub(super) fn unread_by_peer(&mut self, socket: FileKey) -> Option<u32> {
        let (_, side) = self.side(socket).ok()?;
        let peer = side.peer;
        let held = self.sides.get(&peer).map_or(0, |peer| peer.held);
        Some(u32::try_from(held).unwrap_or(u32::MAX))
    }

    /// `unix_poll`.
    pub(super) fn poll_unix(&mut self, socket: FileKey) -> Mask {
        let unread = self.unread_by_peer(socket).unwrap_or(0) as usize;
        let Ok((_, side)) = self.side(socket) else { return HUP | OUT };
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
        if !side.inbox.is_empty() {
            mask |= IN;
        }
        if side.inbox.iter().any(|piece| piece.kind == Kind::Urgent) {
            mask |= PRI;
        }
        if is_writable(unread, side.send_buffer) {
            mask |= OUT;
        }
        mask
    }

    /// The error of a side, or its end as 0.
    fn nothing_to_read(side: &mut UnixSide) -> Result<usize> {
        match side.error.take() {
            Some(errno) => Err(errno),
            None if side.receive_shut => Ok(0),
            None => Err(Errno::AGAIN),
        }
    }

    /// Bytes that one read can take: up to those with an attached descriptor. 0 at the end of the stream.
    pub(super) fn spliceable_unix(&mut self, socket: FileKey) -> Result<usize> {
        let (_, side) = self.side(socket)?;
        if side.inbox.is_empty() {
            return Self::nothing_to_read(side);
        }
        let attached = side.inbox.iter().position(|piece| piece.kind == Kind::Attached);
        let urgent = side.inbox.iter().skip(1).position(|piece| piece.kind == Kind::Urgent);
        let pieces = attached.into_iter().chain(urgent).min();
        let pieces = pieces.map_or(side.inbox.len(), |at| at + 1);
        Ok(side.inbox.iter().take(pieces).map(|piece| piece.bytes.len()).sum())
    }

    pub(super) fn receive_unix(&mut self, socket: FileKey, buffer: &mut [u8]) -> Result<usize> {
        self.fails(Call::Receive)?;
        let (_, side) = self.side(socket)?;
        if side.inbox.is_empty() {
            return Self::nothing_to_read(side);
        }
        let (mut count, mut pieces) = (0, 0);
        while let Some(piece) = side.inbox.front_mut() {
            if piece.kind == Kind::Urgent {
                if count > 0 {
                    break;
                }
                piece.kind = Kind::Plain;
            }
            let taken = piece.bytes.len().min(buffer.len() - count);
            for (place, byte) in buffer[count..].iter_mut().zip(piece.bytes.drain(..taken)) {
                *place = byte;
            }
            count += taken;
            // The first read takes the descriptors, too.
            let attached = piece.kind == Kind::Attached;
            if taken > 0 {
                piece.kind = Kind::Plain;
            }
            if !piece.bytes.is_empty() {
                break;
            }
            side.held -= piece.size;
            side.inbox.pop_front();
            pieces += 1;
            if attached || count == buffer.len() {
                break;
            }
        }
        let (held, peer) = (side.held, side.peer);
        // `unix_write_space`: each piece that was read as a whole, if the writer has room.
        let writer = self.sides.get(&peer);
        if pieces > 0 && writer.is_some_and(|writer| is_writable(held, writer.send_buffer)) {
            self.wake_side(peer, SPACE);
        }
        Ok(count)
    }

    pub(super) fn send_unix(&mut self, socket: FileKey, bytes: &[u8], kind: Kind) -> Result<usize> {
        self.fails(Call::Send)?;
        let short = self.shortened(bytes.len());
        // A pending error is left for the next recv(2): after it, the socket is shut as well.
        let (_, side) = self.side(socket)?;
        let (send_shut, peer, buffer) = (side.send_shut, side.peer, side.send_buffer);
        let Some(other) = self.sides.get_mut(&peer) else { return Err(Errno::PIPE) };
        if send_shut || !other.open || other.receive_shut {
            return Err(Errno::PIPE);
        }
        let count = short.min(buffer.saturating_sub(other.held));
        if count == 0 && !bytes.is_empty() {
            return Err(Errno::AGAIN);
        }
        other.held += count;
        if kind == Kind::Urgent {
            let former = other.inbox.iter_mut().filter(|piece| piece.kind == Kind::Urgent);
            former.for_each(|piece| piece.kind = Kind::Plain);
        }
        let bytes = bytes[..count].iter().copied().collect();
        other.inbox.push_back(Piece { bytes, size: count, kind });
        self.wake_side(peer, DATA);
        Ok(count)
    }

    pub(super) fn shut_write_unix(&mut self, socket: FileKey) -> Result<()> {
        let (key, side) = self.side(socket)?;
        side.send_shut = true;
        let peer = side.peer;
        if let Some(other) = self.sides.get_mut(&peer) {
            other.receive_shut = true;
        }
        self.wake_side(key, ANY);
        self.wake_side(peer, ANY);
        Ok(())
    }

    /// Closes a side. Unread bytes reset the connection.
    pub(super) fn close_unix(&mut self, end: &UnixEnd) {
        let Some(side) = self.sides.remove(&end.0) else { return };
        let unread = !side.inbox.is_empty();
        self.end_side(side.peer, unread);
    }

    /// Closes the server's side of a connection that was not accepted.
    pub(super) fn refuse_unix(&mut self, key: u64) {
        if let Some(side) = self.sides.remove(&key) {
            self.end_side(side.peer, true);
        }
    }

    fn end_side(&mut self, key: u64, reset: bool) {
        if let Some(side) = self.sides.get_mut(&key) {
            side.receive_shut = true;
            side.send_shut = true;
            if reset {
                side.error = Some(Errno::CONNRESET);
            }
        }
        self.wake_side(key, ANY);
    }

    fn wake_side(&mut self, key: u64, mask: Mask) {
        if let Some(file) = self.sides.get(&key).and_then(|side| side.file) {
            self.wake(file, mask);
        }
    }

    /// Takes the pending error of a Unix socket. `ENOTCONN` for any other file.
    pub(super) fn take_unix_error(&mut self, socket: FileKey) -> Result<Option<Errno>> {
        self.side(socket).map(|(_, side)| side.error.take())
    }
}
