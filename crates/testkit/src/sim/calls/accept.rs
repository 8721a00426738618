//! accept(2), and the end of listeners.

use crate::sim::conditions::Call;
use crate::sim::state::endpoint::Owner;
use crate::sim::state::file::File;
use crate::sim::state::listener::{Bound, Listener};
use crate::sim::state::poll::ANY;
use crate::sim::state::segment::Body;
use crate::sim::state::slab::Key;
use crate::sim::world::World;
use std::collections::VecDeque;
use sys::{Address, Errno, Result};

impl World {
    /// Takes a connection from the queue.
    pub(crate) fn accept(&mut self, key: Key) -> Result<(File, Address)> {
        let failure = self.fails(Call::Accept);
        if failure.is_err_and(|errno| !closes_connection(errno)) {
            failure?;
        }
        let listener = self.listener(key)?;
        let is_unix = listener.is_unix();
        let nothing = if listener.listens { Errno::AGAIN } else { Errno::INVAL };
        let next = listener.queue.pop_front().ok_or(nothing)?;
        if failure.is_err() {
            self.close_queued(next, is_unix);
            self.settle();
            failure?;
        }
        if is_unix {
            return Ok((File::Unix(next), Address::UNIX));
        }
        let address = self.ends.get(next).map(|end| end.remote).ok_or(Errno::CONNABORTED)?;
        Ok((File::Tcp(next), address.into()))
    }

    /// Makes a file the owner of an accepted connection, or of one that connects.
    pub(crate) fn own(&mut self, file: Key) {
        match self.file(file) {
            Some(File::Unix(side)) => self.own_side(*side, file),
            Some(File::Tcp(end)) => {
                let end = *end;
                if let Some(end) = self.ends.get_mut(end) {
                    end.owner = Owner::File(file);
                }
            }
            _ => {}
        }
    }

    /// Closes a connection whose accept(2) has failed behind the queue.
    fn close_queued(&mut self, key: Key, is_unix: bool) {
        if is_unix { self.close_unix(key) } else { self.close_end(key, false) }
    }

    /// shutdown(2) of a listener. TCP resets the queued connections (`inet_csk_listen_stop`); those of a
    /// Unix socket can still be accepted (`unix_shutdown`).
    pub(crate) fn stop_listening(&mut self, key: Key) {
        let Ok(listener) = self.listener(key) else { return };
        if listener.is_unix() {
            listener.is_shut = true;
        } else {
            listener.listens = false;
            let queue = std::mem::take(&mut listener.queue);
            self.reset_queued(queue);
        }
        self.wake(key, ANY);
        self.settle();
    }

    pub(crate) fn close_listener(&mut self, key: Key, listener: Listener) {
        match listener.bound {
            Bound::Unix(_) => listener.queue.into_iter().for_each(|side| self.refuse_unix(side)),
            Bound::Ip(at) => {
                self.ports.unbind(at.address.port(), key);
                self.reset_queued(listener.queue);
            }
        }
    }

    fn reset_queued(&mut self, queue: VecDeque<Key>) {
        for key in queue {
            self.send_body(key, Body::Reset);
            self.forget(key);
        }
    }
}

/// Whether accept(2) takes a connection from the queue before it fails with this error.
fn closes_connection(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::NETDOWN
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP
            | Errno::NETUNREACH
    )
}
