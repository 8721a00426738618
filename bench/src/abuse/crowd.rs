//! Clients that connect as often as they can, and hold all that they get.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fd::{AsFd as _, OwnedFd};
use rustix::net::sockopt;
use sys::{Epoll, Errno, Events};

use super::case::Attack;
use crate::failure::Result;
use crate::slots::Slots;
use crate::socket::{begin, discard};

/// Connections that all clients together hold at most. The open files of a process are limited.
const HELD_MAX: usize = 4_000;

/// New connections of all clients together, per millisecond.
const PER_MILLISECOND: usize = 2;

const MILLISECOND: Duration = Duration::from_millis(1);

/// What a crowd did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) tried: usize,
    /// Connections at the end, accepted or waiting for it.
    pub(super) held: usize,
}

struct Connection {
    socket: OwnedFd,
    has_opened: bool,
}

/// The number of connections that are due so long after the beginning.
pub(super) fn due(begun: Instant) -> usize {
    let milliseconds = usize::try_from(begun.elapsed().as_millis()).unwrap_or(usize::MAX);
    milliseconds.saturating_mul(PER_MILLISECOND)
}

/// Connects, until `stop`.
pub(super) fn take_all(to: SocketAddr, attack: Attack, stop: &AtomicBool) -> Result<Taken> {
    let (epoll, mut events) = (Epoll::new()?, Events::with_room_for(512));
    let (mut held, mut tried) = (Slots::new(), 0);
    let (opening, begun) = (attack.opening(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        while tried < due(begun) {
            tried += 1;
            if held.len() < HELD_MAX {
                connect(to, attack, tried, &epoll, &mut held)?;
            }
        }
        epoll.wait(&mut events, Some(MILLISECOND))?;
        let tokens: Vec<_> = events.iter().map(|event| event.token).collect();
        for index in tokens.into_iter().filter_map(|token| usize::try_from(token).ok()) {
            let ends = held.get_mut(index).is_some_and(|it| has_ended(it, &opening));
            if ends && let Some(Connection { socket, .. }) = held.remove(index) {
                close(socket);
            }
        }
    }
    let count = held.len();
    for index in held.indices() {
        held.remove(index).into_iter().for_each(|connection| close(connection.socket));
    }
    Ok(Taken { tried, held: count })
}

fn connect(
    to: SocketAddr,
    attack: Attack,
    nth: usize,
    epoll: &Epoll,
    held: &mut Slots<Connection>,
) -> Result<()> {
    match begin(to, Some(attack.source(nth))) {
        Ok(socket) => {
            let index = held.insert(Connection { socket, has_opened: false });
            if let (Some(it), Ok(token)) = (held.get_mut(index), u64::try_from(index)) {
                epoll.add_connection(it.socket.as_fd(), token)?;
            }
            Ok(())
        }
        // It is refused at once, or all its ports are in use.
        Err(Errno::CONNREFUSED | Errno::CONNRESET | Errno::ADDRINUSE | Errno::ADDRNOTAVAIL) => {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Sends the opening of a connection, and takes what has come. Returns whether the connection is over.
fn has_ended(connection: &mut Connection, opening: &[u8]) -> bool {
    let socket = connection.socket.as_fd();
    if !connection.has_opened {
        match sys::stream::send(socket, opening) {
            Ok(_) => connection.has_opened = true,
            Err(Errno::AGAIN | Errno::NOTCONN) => return false,
            Err(_) => return true,
        }
    }
    let mut buffer = [0; 4096];
    loop {
        match discard(socket, &mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(Errno::AGAIN) => return false,
            Err(_) => return true,
        }
    }
}

/// Resets a connection: thousands of them would leave a port each in TIME-WAIT.
fn close(socket: OwnedFd) {
    // A socket that has failed already cannot linger.
    let _ = sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
    drop(socket);
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{Behaviour, LIMIT, Port, Target, wait_until};

    fn takes(to: SocketAddr, is_enough: impl Fn() -> bool) -> Taken {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let crowd = scope.spawn(|| take_all(to, Attack::Clients(2), &stop).unwrap());
            wait_until("the crowd", LIMIT, is_enough);
            stop.store(true, Ordering::Relaxed);
            crowd.join().unwrap()
        })
    }

    #[test]
    fn a_crowd_holds_what_it_gets() {
        let target = Target::start(Behaviour::Echo);
        let taken = takes(target.addr().tcp(), || target.open() >= 50);
        assert!(taken.held >= 50 && taken.tried >= taken.held, "{taken:?}");
        wait_until("no connection", LIMIT, || target.open() == 0);
    }

    #[test]
    fn a_crowd_that_is_refused_tries_again() {
        let begun = Instant::now();
        let taken = takes(Port::v4().addr(), || begun.elapsed() > 50 * MILLISECOND);
        assert!(taken.held == 0 && taken.tried >= 50, "{taken:?}");
    }
}
