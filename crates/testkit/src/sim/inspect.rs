//! The state of a simulation as no call reports it, and the faults of hosts and routers.

use super::Sim;
use super::handles::SimSocket;
use super::process::{Process, lock};
use super::state::endpoint::Owner;
use super::state::file::File;
use super::state::poll::{ERR, HUP, IN, Mask, OUT};
use super::state::random::Random;
use super::state::slab::Key;
use super::state::unix::UnixSide;
use super::table::Closed;
use super::world::World;
use flow::Time;
use std::net::IpAddr;
use sys::Errno;

/// The state of a connected socket. Unlike poll(2), looking asks for no event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// A read would return bytes, an end or an error.
    pub readable: bool,
    /// poll(2) would report it as writable.
    pub writable: bool,
    /// An error is pending.
    pub failed: bool,
    /// Bytes in the receive queue.
    pub unread: usize,
    /// Bytes sent that the peer has not acknowledged, or not read from a Unix socket.
    pub unacknowledged: usize,
}

impl Look {
    fn new(mask: Mask, unread: usize, unacknowledged: usize) -> Self {
        let has = |bits| mask & bits != 0;
        let (readable, writable) = (has(IN | HUP | ERR), has(OUT | ERR));
        Self { readable, writable, failed: has(ERR), unread, unacknowledged }
    }
}

impl Sim {
    /// The next time at which a segment arrives, or a timer of the kernel fires.
    pub fn next_arrival(&self) -> Option<Time> {
        self.world().next_due()
    }

    /// Spares the calls that follow the failures of the conditions, or does not. Returns the state before.
    #[must_use]
    pub fn spare(&self, spares: bool) -> bool {
        std::mem::replace(&mut self.world().is_spared, spares)
    }

    /// The host at this address loses all connections without a segment, as when its power fails. Once it
    /// can be reached, it answers their segments with RST. Its processes are not killed. Returns the
    /// numbers of the lost connections ([`SimSocket::connection`]).
    pub fn crash(&self, address: IpAddr) -> Vec<u64> {
        self.world().crash(address)
    }

    /// Makes the choices that follow those of another seed.
    pub fn reseed(&self, seed: u64) {
        self.world().random = Random::new(seed);
    }
}

impl SimSocket {
    /// A number that both ends of a connection have in common, and no other socket has.
    pub fn connection(&self) -> Option<u64> {
        self.0.world().connection(self.0.file)
    }

    /// Whether it is a Unix socket.
    pub fn is_unix(&self) -> bool {
        self.0.world().is_unix(self.0.file)
    }

    /// See [`Look`].
    pub fn look(&self) -> Look {
        self.0.world().look(self.0.file)
    }

    /// Connections that wait to be accepted at this listener.
    pub fn queued(&self) -> usize {
        self.0.world().queued(self.0.file)
    }

    /// A router reports an error for this connection: it ends an attempt to connect. On an established
    /// connection, it replaces `ETIMEDOUT` if that follows.
    pub fn icmp(&self, errno: Errno) {
        let mut world = self.0.world();
        if let Ok((key, _)) = world.end(self.0.file) {
            world.icmp_arrived(key, errno);
        }
    }

    /// Changes the size of the receive buffer of a TCP socket. The peer learns it with the next segment; the
    /// announced window never shrinks.
    pub fn set_receive_buffer(&self, bytes: usize) {
        if let Ok((_, end)) = self.0.world().end(self.0.file) {
            end.receive.size = bytes.max(1);
        }
    }

    /// The host of this end vanishes: it answers nothing any more, and no error reaches the other end.
    pub fn vanish(self) {
        self.0.world().vanish(self.0.file);
    }
}

impl Process {
    /// See [`SimSocket::connection`].
    pub fn connection_of(&self, number: u32) -> Option<u64> {
        let file = self.file(number)?;
        self.world().connection(file)
    }

    /// See [`Look`]. `None` if the descriptor is not open.
    pub fn look(&self, number: u32) -> Option<Look> {
        let file = self.file(number)?;
        Some(self.world().look(file))
    }

    /// Whether the kernel sends the bytes of this socket at most at this rate. True of all sockets but those of TCP
    /// connections.
    pub fn has_rate(&self, number: u32, rate: Option<u64>) -> bool {
        let has = |file| self.world().end(file).map_or(true, |(_, end)| end.rate == rate);
        self.file(number).is_none_or(has)
    }

    /// The descriptors that execve(2) would not close.
    pub fn kept_over_exec(&self) -> Vec<u32> {
        lock(&self.table).kept().collect()
    }

    /// The connected sockets that this process has closed since the last call. The first call starts the
    /// record.
    pub fn take_closed(&self) -> Vec<Closed> {
        lock(&self.table).closed.replace(Vec::new()).unwrap_or_default()
    }

    /// Bytes in a pipe.
    pub fn bytes_in_pipe(&self, number: u32) -> usize {
        let held = |file| self.world().pipe(file).map_or(0, |pipe| pipe.held());
        self.file(number).map_or(0, held)
    }

    /// Connections that wait to be accepted.
    pub fn queued(&self, listener: u32) -> usize {
        self.file(listener).map_or(0, |file| self.world().queued(file))
    }

    /// Whether a wait on this epoll instance would return at once.
    pub fn has_events(&self, epoll: u32) -> bool {
        let woken = |file| self.world().epoll(file).is_ok_and(|epoll| !epoll.woken.is_empty());
        self.file(epoll).is_some_and(woken)
    }
}

impl World {
    fn queued(&self, file: Key) -> usize {
        match self.file(file) {
            Some(File::Listener(listener)) => listener.queue.len(),
            _ => 0,
        }
    }

    fn connection(&self, file: Key) -> Option<u64> {
        match self.file(file)? {
            File::Tcp(end) => self.ends.get(*end).map(|end| end.connection),
            File::Unix(side) => self.sides.get(*side).map(|side| side.connection),
            _ => None,
        }
    }

    /// The state of a connected socket that is about to be closed.
    pub(crate) fn closing(&self, file: Key) -> Option<Closed> {
        let connection = self.connection(file)?;
        let taken = self.files.get(file).map_or(0, |open| open.taken);
        Some(Closed { connection, unread: self.look(file).unread, taken })
    }

    /// The end stays, and is silent.
    fn vanish(&mut self, file: Key) {
        let Ok((_, end)) = self.end(file) else { return };
        end.has_vanished = true;
        end.owner = Owner::Orphan;
        self.unwatch_everywhere(file);
        self.files.remove(file);
    }

    fn crash(&mut self, address: IpAddr) -> Vec<u64> {
        let at_host = self.ends.iter().filter(|(_, end)| end.local.ip() == address);
        let lost: Vec<(Key, u64)> = at_host.map(|(key, end)| (key, end.connection)).collect();
        for (key, _) in &lost {
            self.forget(*key);
        }
        lost.into_iter().map(|(_, connection)| connection).collect()
    }

    fn look(&self, file: Key) -> Look {
        match self.file(file) {
            Some(File::Tcp(end)) => self.ends.get(*end).map_or_else(Look::default, |end| {
                Look::new(end.look(), end.receive.len(), end.send.unacknowledged())
            }),
            Some(File::Unix(side)) => {
                let unread = self.sides.get(*side).map_or(0, UnixSide::unread);
                Look::new(self.look_at_side(*side), unread, self.charged(*side))
            }
            _ => Look::default(),
        }
    }
}
