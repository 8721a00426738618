//! The state of all simulated processes and their network, behind one lock.

use super::conditions::{Call, Conditions, Random};
use super::epoll::Epoll;
use super::listener::Listener;
use super::network::Segment;
use super::pipe::Pipe;
use super::poll::{HUP, IN, Mask, OUT, RDHUP};
use super::port::FastPath;
use super::tcp::Endpoint;
use super::unix::{UnixEnd, UnixSides};
use flow::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use sys::{Errno, Result};

/// Names an open file description. Never used twice.
pub(super) type FileKey = u64;
/// Names one end of a TCP connection. Never used twice.
pub(super) type EndKey = u64;

/// An open file description.
#[derive(Debug)]
pub(super) enum File {
    /// A bound socket, listening or not.
    Listener(Listener),
    /// A TCP connection.
    Tcp(EndKey),
    /// A Unix connection.
    Unix(UnixEnd),
    Pipe(Pipe),
    Epoll(Epoll),
    /// An eventfd(2) with its counter.
    Counter(u64),
}

impl File {
    /// The kind, as shown.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Listener(_) => "listener",
            Self::Tcp(_) | Self::Unix(_) => "connection",
            Self::Pipe(_) => "pipe",
            Self::Epoll(_) => "epoll",
            Self::Counter(_) => "waker",
        }
    }
}

/// Something that happens at a time.
#[derive(Debug)]
pub(super) enum Due {
    /// A segment arrives.
    Arrival(Segment),
    /// A SYN was not answered.
    SynTimeout(EndKey),
    /// A FIN was not acknowledged yet.
    Ack(EndKey),
    /// A closed connection is forgotten.
    Forget(EndKey),
    /// The port of a connection in TIME_WAIT is free.
    Free(SocketAddr, SocketAddr),
}

/// How the network treats an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Segments arrive.
    Alive,
    /// Segments are lost, in both directions.
    Silent,
    /// A router reports this error for attempts to connect.
    Unreachable(Errno),
}

/// The state of the simulation.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Time,
    pub(super) random: Random,
    pub(super) conditions: Conditions,
    pub(super) files: BTreeMap<FileKey, File>,
    pub(super) ends: BTreeMap<EndKey, Endpoint>,
    pub(super) sides: UnixSides,
    /// The epoll instances that watch a file, in the order of their registrations.
    pub(super) watchers: BTreeMap<FileKey, Vec<FileKey>>,
    pub(super) due: BTreeMap<(Time, u64), Due>,
    /// Local and remote address of each connection that occupies its port.
    pub(super) used_ports: BTreeSet<(SocketAddr, SocketAddr)>,
    pub(super) next_port: u16,
    /// The memory of each port that is or was bound.
    pub(super) fast_paths: BTreeMap<u16, FastPath>,
    /// Socket files: inode, and the listener bound to it.
    pub(super) paths: BTreeMap<PathBuf, (u64, FileKey)>,
    pub(super) reach: BTreeMap<IpAddr, Reach>,
    pub(super) open_files: usize,
    /// Number of calls since the start.
    pub(super) calls: u64,
    last_key: u64,
}

impl World {
    pub(super) fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            now: Time::from_micros(1_000_000),
            random: Random::new(seed),
            next_port: *conditions.ephemeral_ports.start(),
            conditions,
            files: BTreeMap::new(),
            ends: BTreeMap::new(),
            sides: UnixSides::new(),
            watchers: BTreeMap::new(),
            due: BTreeMap::new(),
            used_ports: BTreeSet::new(),
            fast_paths: BTreeMap::new(),
            paths: BTreeMap::new(),
            reach: BTreeMap::new(),
            open_files: 0,
            calls: 0,
            last_key: 0,
        }
    }

    pub(super) fn new_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }

    pub(super) fn add_file(&mut self, file: File) -> FileKey {
        let key = self.new_key();
        self.files.insert(key, file);
        key
    }

    /// Fails if the conditions say so.
    pub(super) fn fails(&mut self, call: Call) -> Result<()> {
        let Some((percent, errnos)) = self.conditions.failures.get(&call) else { return Ok(()) };
        if !self.random.happens(*percent) {
            return Ok(());
        }
        self.random.choose(errnos).map_or(Ok(()), Err)
    }

    /// A count of bytes that a call moves at most, of `most`.
    pub(super) fn shortened(&mut self, most: usize) -> usize {
        let percent = self.conditions.short_counts;
        if most > 1 && self.random.happens(percent) {
            return self.random.size(&(1..=most));
        }
        most
    }

    pub(super) fn schedule(&mut self, at: Time, due: Due) {
        let key = self.new_key();
        self.due.insert((at, key), due);
    }

    /// Carries out what is due.
    pub(super) fn settle(&mut self) {
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            match entry.remove() {
                Due::Arrival(segment) => self.arrive(segment),
                Due::SynTimeout(end) => self.syn_timed_out(end),
                Due::Ack(end) => self.acknowledge_late(end),
                Due::Forget(end) => self.forget(end),
                Due::Free(local, remote) => _ = self.used_ports.remove(&(local, remote)),
            }
        }
    }

    pub(super) fn epoll(&mut self, key: FileKey) -> Result<&mut Epoll> {
        match self.files.get_mut(&key) {
            Some(File::Epoll(epoll)) => Ok(epoll),
            _ => Err(Errno::BADF),
        }
    }

    /// The ends of all waits on epoll instances.
    pub(super) fn wait_ends(&self) -> impl Iterator<Item = Time> + '_ {
        self.files.values().filter_map(|file| match file {
            File::Epoll(epoll) => epoll.blocked_until().filter(|until| *until != Time::NEVER),
            _ => None,
        })
    }

    pub(super) fn pipe(&mut self, key: FileKey) -> Result<&mut Pipe> {
        match self.files.get_mut(&key) {
            Some(File::Pipe(pipe)) => Ok(pipe),
            _ => Err(Errno::BADF),
        }
    }

    pub(super) fn listener(&mut self, key: FileKey) -> Result<&mut Listener> {
        match self.files.get_mut(&key) {
            Some(File::Listener(listener)) => Ok(listener),
            _ => Err(Errno::INVAL),
        }
    }

    /// The present state of a file, as poll(2) reports it. Like there, a look at a full send buffer asks
    /// for an event when it has room again.
    pub(super) fn poll(&mut self, key: FileKey) -> Mask {
        match self.files.get_mut(&key) {
            None | Some(File::Pipe(_) | File::Epoll(_)) => 0,
            Some(File::Listener(listener)) => match (listener.listens, listener.queue.is_empty()) {
                _ if listener.shut => HUP | IN | RDHUP,
                (true, true) => 0,
                (true, false) => IN,
                (false, _) => HUP | OUT,
            },
            Some(File::Tcp(end)) => {
                let end = *end;
                self.ends.get_mut(&end).map_or(HUP | OUT, Endpoint::poll)
            }
            Some(File::Unix(_)) => self.poll_unix(key),
            Some(File::Counter(count)) => OUT | if *count > 0 { IN } else { 0 },
        }
    }

    /// Closes a file description whose last descriptor was closed.
    pub(super) fn close(&mut self, key: FileKey, linger: bool) {
        if let Some(File::Pipe(pipe)) = self.files.get_mut(&key) {
            pipe.open_ends -= 1;
            if pipe.open_ends > 0 {
                return;
            }
        }
        self.unwatch_everywhere(key);
        match self.files.remove(&key) {
            Some(File::Tcp(end)) => self.close_end(end, linger),
            Some(File::Unix(end)) => self.close_unix(&end),
            Some(File::Listener(listener)) => self.close_listener(listener),
            Some(File::Epoll(_)) => self.forget_watcher(key),
            Some(File::Pipe(_) | File::Counter(_)) | None => {}
        }
        self.settle();
    }
}
