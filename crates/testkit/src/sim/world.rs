//! The state of all simulated processes and their network, behind one lock.

use super::conditions::{Call, Conditions};
use super::state::agenda::{Agenda, Due};
use super::state::endpoint::Endpoint;
use super::state::epoll::{Epoll, Item};
use super::state::file::{File, OpenFile};
use super::state::listener::Listener;
use super::state::pipe::Pipe;
use super::state::ports::Ports;
use super::state::random::Random;
use super::state::slab::{Key, Slab};
use super::state::timers::{Expiry, Timer};
use super::state::unix::UnixSide;
use flow::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use sys::{Errno, Result};

/// How the network treats an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Segments arrive.
    Alive,
    /// Segments are lost, in both directions. Both ends send them again.
    Silent,
    /// Like `Silent`, but a router reports this error: it ends attempts to connect at once, and
    /// established connections when they time out.
    Unreachable(Errno),
}

/// The state of the simulation.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) random: Random,
    pub(crate) conditions: Conditions,
    pub(crate) files: Slab<OpenFile>,
    pub(crate) ends: Slab<Endpoint>,
    pub(crate) sides: Slab<UnixSide>,
    /// Registrations at epoll instances.
    pub(crate) items: Slab<Item>,
    pub(crate) agenda: Agenda,
    pub(crate) ports: Ports,
    pub(crate) next_port: u16,
    /// Socket files: inode, and the listener bound to it.
    pub(crate) paths: BTreeMap<PathBuf, (u64, Key)>,
    pub(crate) reach: BTreeMap<IpAddr, Reach>,
    pub(crate) open_files: usize,
    /// Pages of all pipes.
    pub(crate) pipe_pages: usize,
    /// No call fails by the conditions.
    pub(crate) is_spared: bool,
    /// Number of calls since the start.
    pub(crate) calls: u64,
    last_number: u64,
}

impl World {
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            now: Time::from_micros(1_000_000),
            random: Random::new(seed),
            next_port: *conditions.ephemeral_ports.start(),
            conditions,
            files: Slab::default(),
            ends: Slab::default(),
            sides: Slab::default(),
            items: Slab::default(),
            agenda: Agenda::default(),
            ports: Ports::default(),
            paths: BTreeMap::new(),
            reach: BTreeMap::new(),
            open_files: 0,
            pipe_pages: 0,
            is_spared: false,
            calls: 0,
            last_number: 0,
        }
    }

    /// A number that was not returned before, for connections and inodes.
    pub(crate) fn new_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Fails if the conditions say so.
    pub(crate) fn fails(&mut self, call: Call) -> Result<()> {
        if self.is_spared || self.conditions.failures.is_empty() {
            return Ok(());
        }
        let Some((percent, errnos)) = self.conditions.failures.get(&call) else { return Ok(()) };
        if !self.random.happens(*percent) {
            return Ok(());
        }
        self.random.choose(errnos).map_or(Ok(()), Err)
    }

    /// A count of bytes that a call moves at most, of `most`.
    pub(crate) fn shortened(&mut self, most: usize) -> usize {
        if most > 1 && self.random.happens(self.conditions.short_counts) {
            return self.random.size(&(1..=most));
        }
        most
    }

    /// Sets a timer of a TCP end.
    pub(crate) fn set_timer(&mut self, key: Key, timer: Timer, at: Time) {
        let Some(end) = self.ends.get_mut(key) else { return };
        if end.timers.set(timer, at) {
            self.agenda.add(at, Due::Timer(key, timer));
        }
    }

    /// Carries out everything that is due.
    pub(crate) fn settle(&mut self) {
        while let Some((at, due)) = self.agenda.take(self.now) {
            match due {
                Due::Arrival(segment) => self.arrive(segment),
                Due::Timer(key, timer) => {
                    if self.expire(key, timer, at) {
                        self.timer_fired(key, timer);
                    }
                }
            }
        }
    }

    /// Handles the entry of a timer. Returns whether the timer fires.
    fn expire(&mut self, key: Key, timer: Timer, at: Time) -> bool {
        let expiry = self.ends.get_mut(key).map(|end| end.timers.expire(timer, at));
        if let Some(Expiry::Later(later)) = expiry {
            self.agenda.add(later, Due::Timer(key, timer));
        }
        expiry == Some(Expiry::Fires)
    }

    /// The next time at which a segment arrives or a timer fires.
    pub(crate) fn next_due(&mut self) -> Option<Time> {
        loop {
            let (at, due) = self.agenda.first()?;
            let Due::Timer(key, timer) = *due else { return Some(at) };
            if self.ends.get(key).is_some_and(|end| end.timers.fires_at(timer, at)) {
                return Some(at);
            }
            self.agenda.take(at);
            self.expire(key, timer, at);
        }
    }

    /// The ends of all waits on epoll instances.
    pub(crate) fn wait_ends(&self) -> impl Iterator<Item = Time> + '_ {
        self.files.iter().filter_map(|(_, open)| match &open.file {
            File::Epoll(epoll) => epoll.blocked_until().filter(|until| *until != Time::NEVER),
            _ => None,
        })
    }

    pub(crate) fn file(&self, key: Key) -> Option<&File> {
        self.files.get(key).map(|open| &open.file)
    }

    pub(crate) fn file_mut(&mut self, key: Key) -> Option<&mut File> {
        self.files.get_mut(key).map(|open| &mut open.file)
    }

    pub(crate) fn epoll(&mut self, key: Key) -> Result<&mut Epoll> {
        match self.file_mut(key) {
            Some(File::Epoll(epoll)) => Ok(epoll),
            _ => Err(Errno::BADF),
        }
    }

    pub(crate) fn pipe(&mut self, key: Key) -> Result<&mut Pipe> {
        match self.file_mut(key) {
            Some(File::Pipe(pipe)) => Ok(pipe),
            _ => Err(Errno::BADF),
        }
    }

    pub(crate) fn listener(&mut self, key: Key) -> Result<&mut Listener> {
        match self.file_mut(key) {
            Some(File::Listener(listener)) => Ok(listener),
            _ => Err(Errno::INVAL),
        }
    }

    /// The TCP end behind a socket. `ENOTCONN` for any other file.
    pub(crate) fn end(&mut self, socket: Key) -> Result<(Key, &mut Endpoint)> {
        let Some(File::Tcp(key)) = self.file(socket) else { return Err(Errno::NOTCONN) };
        let key = *key;
        self.ends.get_mut(key).map(|end| (key, end)).ok_or(Errno::NOTCONN)
    }

    /// The side behind a Unix socket. `ENOTCONN` for any other file.
    pub(crate) fn side(&mut self, socket: Key) -> Result<(Key, &mut UnixSide)> {
        let Some(File::Unix(key)) = self.file(socket) else { return Err(Errno::NOTCONN) };
        let key = *key;
        self.sides.get_mut(key).map(|side| (key, side)).ok_or(Errno::NOTCONN)
    }
}
