//! Random choices among the slots of a program, most of which should be filled already.

use crate::op::{Connection, Epoll, Listener, Op, Pipe, Place, Waker};
use flow::Random;
use std::collections::{BTreeMap, BTreeSet};

/// One choice in so many is made without regard to the state of the slots.
const BLIND: usize = 16;

/// Chooses, and remembers which slots its operations fill.
pub(super) struct Choice {
    random: Random,
    ops: Vec<Op>,
    listeners: BTreeSet<usize>,
    connections: BTreeSet<usize>,
    pipes: BTreeSet<usize>,
    epolls: BTreeSet<usize>,
    wakers: BTreeSet<usize>,
    /// Clients that are not accepted yet, by listener.
    queued: BTreeMap<usize, Vec<usize>>,
    /// The other end of a connection.
    peers: BTreeMap<usize, usize>,
    /// Where listeners are bound.
    places: BTreeMap<usize, Place>,
    /// Connections that have filled the buffers of their peers.
    full: BTreeSet<usize>,
}

impl Choice {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed.wrapping_mul(0xD134_2543_DE82_EF95)),
            ops: Vec::new(),
            listeners: BTreeSet::new(),
            connections: BTreeSet::new(),
            pipes: BTreeSet::new(),
            epolls: BTreeSet::new(),
            wakers: BTreeSet::new(),
            queued: BTreeMap::new(),
            peers: BTreeMap::new(),
            places: BTreeMap::new(),
            full: BTreeSet::new(),
        }
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.number() % bound as u64).unwrap_or_default()
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub(super) fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// A slot of `count` that is filled or free, if there is one.
    fn slot(&mut self, filled: &BTreeSet<usize>, count: usize, is_filled: bool) -> usize {
        let matching = (0..count).filter(|slot| filled.contains(slot) == is_filled);
        let matching: Vec<_> = matching.collect();
        if matching.is_empty() || self.one_in(BLIND) {
            self.below(count)
        } else {
            self.pick(&matching)
        }
    }

    pub(super) fn connection(&mut self) -> Connection {
        let filled = self.connections.clone();
        Connection(self.slot(&filled, Connection::COUNT, true))
    }

    pub(super) fn free_connection(&mut self) -> Connection {
        let filled = self.connections.clone();
        Connection(self.slot(&filled, Connection::COUNT, false))
    }

    pub(super) fn listener(&mut self) -> Listener {
        let filled = self.listeners.clone();
        Listener(self.slot(&filled, Listener::COUNT, true))
    }

    pub(super) fn free_listener(&mut self) -> Listener {
        let filled = self.listeners.clone();
        Listener(self.slot(&filled, Listener::COUNT, false))
    }

    pub(super) fn pipe(&mut self) -> Pipe {
        let filled = self.pipes.clone();
        Pipe(self.slot(&filled, Pipe::COUNT, true))
    }

    pub(super) fn epoll(&mut self) -> Epoll {
        let filled = self.epolls.clone();
        Epoll(self.slot(&filled, Epoll::COUNT, true))
    }

    pub(super) fn free_epoll(&mut self) -> Epoll {
        let filled = self.epolls.clone();
        Epoll(self.slot(&filled, Epoll::COUNT, false))
    }

    pub(super) fn waker(&mut self) -> Waker {
        let filled = self.wakers.clone();
        Waker(self.slot(&filled, Waker::COUNT, true))
    }

    /// A place that no listener has. Of two at the same one, Linux chooses by a hash of the ports.
    pub(super) fn other_place(&mut self) -> Place {
        let taken: Vec<_> = self.places.values().copied().collect();
        let free = Place::ALL.iter().copied().filter(|place| !taken.contains(place));
        let free: Vec<_> = free.collect();
        self.pick(if free.is_empty() { &[Place::Unix] } else { &free })
    }

    /// The other end of a connection.
    pub(super) fn peer(&self, connection: Connection) -> Option<Connection> {
        self.peers.get(&connection.0).copied().map(Connection)
    }

    /// Appends an operation. The state that it is expected to lead to is a guess: the kernel may refuse
    /// it.
    pub(super) fn push(&mut self, op: Op) {
        self.ops.push(op);
        match op {
            Op::Listen(slot, place)
            | Op::Bind(slot, place, _)
            | Op::BindBeside(slot, _, place, _) => {
                self.listeners.insert(slot.0);
                self.places.insert(slot.0, place);
            }
            Op::CloseListener(slot) => {
                self.listeners.remove(&slot.0);
                self.queued.remove(&slot.0);
            }
            Op::NewPipe(slot, _) => {
                self.pipes.insert(slot.0);
            }
            Op::ClosePipe(slot) => {
                self.pipes.remove(&slot.0);
            }
            Op::NewEpoll(slot) => {
                self.epolls.insert(slot.0);
            }
            Op::CloseEpoll(slot) => {
                self.epolls.remove(&slot.0);
            }
            Op::NewWaker(slot) => {
                self.wakers.insert(slot.0);
            }
            Op::CloseWaker(slot) => {
                self.wakers.remove(&slot.0);
            }
            _ => self.push_on_connection(op),
        }
    }

    fn push_on_connection(&mut self, op: Op) {
        match op {
            Op::Connect(slot, listener) | Op::ConnectV6(slot, listener)
                if self.connections.insert(slot.0) =>
            {
                self.queued.entry(listener.0).or_default().push(slot.0);
            }
            Op::Accept(listener, slot) => self.accept(listener, slot),
            Op::ConnectToItself(slot) if self.connections.insert(slot.0) => {
                self.peers.insert(slot.0, slot.0);
            }
            Op::Close(slot) | Op::Reset(slot) => {
                self.connections.remove(&slot.0);
                self.peers.remove(&slot.0);
            }
            Op::SendUntilFull(slot) => {
                self.full.insert(slot.0);
            }
            Op::ReceiveAll(slot) => {
                if let Some(peer) = self.peer(slot) {
                    self.full.remove(&peer.0);
                }
            }
            _ => {}
        }
    }

    /// Whether so many bytes wait for this connection that the results of reading a large part of them
    /// depend on the sizes of buffers.
    pub(super) fn has_many(&self, connection: Connection) -> bool {
        self.peer(connection).is_some_and(|peer| self.full.contains(&peer.0))
    }

    fn accept(&mut self, listener: Listener, slot: Connection) {
        let queue = self.queued.entry(listener.0).or_default();
        if !queue.is_empty() && self.connections.insert(slot.0) {
            let client = queue.remove(0);
            self.peers.insert(client, slot.0);
            self.peers.insert(slot.0, client);
        }
    }
}
