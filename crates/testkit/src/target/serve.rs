//! The loop of a target's thread: level-triggered epoll over its listener and its connections.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use socket2::Socket;

use super::connection::{Connection, Turn};
use super::{Behaviour, Counters};
use crate::addr::Listener;
use crate::wire::End;

/// How soon the thread notices that it shall stop.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// Further connections are reset.
const MAX_CONNECTIONS: usize = 20_000;
/// Connections that are accepted in a row.
const MAX_ACCEPTS: usize = 64;
const LISTENER: u64 = 0;

pub(super) fn run(
    listener: &Listener,
    behaviour: Behaviour,
    counters: &Counters,
    stop: &AtomicBool,
) {
    let mut server = Server::new(listener, behaviour, counters);
    let mut events = Vec::with_capacity(256);
    while !stop.load(Ordering::Relaxed) {
        events.clear();
        match epoll::wait(&server.epoll, spare_capacity(&mut events), Some(&TICK)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => panic!("epoll_wait: {errno}"),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => server.accept(),
                id => server.turn(id),
            }
        }
    }
}

struct Server<'a> {
    epoll: OwnedFd,
    listener: &'a Listener,
    behaviour: Behaviour,
    counters: &'a Counters,
    connections: HashMap<u64, Connection>,
    last_id: u64,
    scratch: Vec<u8>,
}

impl<'a> Server<'a> {
    fn new(listener: &'a Listener, behaviour: Behaviour, counters: &'a Counters) -> Self {
        listener.socket().set_nonblocking(true).expect("a socket can be non-blocking");
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll instance");
        let id = epoll::EventData::new_u64(LISTENER);
        epoll::add(&epoll, listener.socket(), id, epoll::EventFlags::IN).expect("a new listener");
        Self {
            epoll,
            listener,
            behaviour,
            counters,
            connections: HashMap::new(),
            last_id: LISTENER,
            scratch: vec![0; 64 * 1024],
        }
    }

    fn accept(&mut self) {
        for _ in 0..MAX_ACCEPTS {
            match self.listener.socket().accept() {
                Ok((socket, _)) => self.admit(socket),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => panic!("accept: {error}"),
            }
        }
    }

    fn admit(&mut self, socket: Socket) {
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        if self.behaviour == Behaviour::Reset || self.connections.len() == MAX_CONNECTIONS {
            socket.set_linger(Some(Duration::ZERO)).expect("an accepted socket");
            return;
        }
        let connection = Connection::new(socket, self.behaviour);
        self.last_id += 1;
        let id = epoll::EventData::new_u64(self.last_id);
        let interest = connection.interest();
        epoll::add(&self.epoll, connection.socket(), id, interest).expect("a new connection");
        self.connections.insert(self.last_id, connection);
        self.counters.open.fetch_add(1, Ordering::Relaxed);
    }

    fn turn(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let before = connection.interest();
        match connection.turn(&mut self.scratch, self.counters) {
            Ok(Turn::More) => {
                let interest = connection.interest();
                if interest != before {
                    let data = epoll::EventData::new_u64(id);
                    epoll::modify(&self.epoll, connection.socket(), data, interest)
                        .expect("a connection that was added");
                }
            }
            Ok(Turn::Over) => self.remove(id),
            Err(end) => {
                let reset = matches!(end, End::Reset | End::BrokenPipe);
                self.counters.resets.fetch_add(reset.into(), Ordering::Relaxed);
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: u64) {
        self.connections.remove(&id);
        self.counters.open.fetch_sub(1, Ordering::Relaxed);
    }
}
