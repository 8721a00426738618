//! bind(2) and listen(2).

use crate::sim::conditions::Call;
use crate::sim::state::file::File;
use crate::sim::state::listener::{Bound, Listener};
use crate::sim::state::ports::{BoundAt, FastPath};
use crate::sim::state::slab::Key;
use crate::sim::world::World;
use std::path::Path;
use sys::socket::TcpOptions;
use sys::{Errno, Result};

impl World {
    /// Binds a TCP address. Port 0 is replaced by a free one.
    pub(crate) fn bind(
        &mut self,
        mut at: BoundAt,
        options: TcpOptions,
        shares: bool,
    ) -> Result<Listener> {
        self.fails(Call::Listen)?;
        self.ports.end_waits(self.now);
        if at.address.port() == 0 {
            at.address.set_port(self.free_port()?);
        }
        self.take_port(None, at, shares)?;
        let listener = Listener::new(Bound::Ip(at), options);
        Ok(Listener { shares, ..listener })
    }

    /// Occupies a port for a new socket, or for one that begins to listen (`inet_csk_get_port`).
    /// `EADDRINUSE` if another socket listens on an overlapping address and not both share it, or if a
    /// client uses it. A socket that was bound and does not listen is no obstacle, since all of them have
    /// SO_REUSEADDR.
    fn take_port(&mut self, key: Option<Key>, at: BoundAt, shares: bool) -> Result<()> {
        let number = at.address.port();
        let port = self.ports.get(number);
        let fast = port.map_or(FastPath::None, |port| port.fast);
        let conflicts = |other: &Key| match self.file(*other) {
            Some(File::Listener(Listener {
                bound: Bound::Ip(bound),
                listens,
                shares: both,
                ..
            })) => Some(*other) != key && *listens && bound.overlaps(at) && !(shares && *both),
            _ => false,
        };
        let is_taken =
            port.is_some_and(|port| port.bound.iter().any(conflicts) || port.has_client_at(at));
        if is_taken && !fast.permits(at, shares) {
            return Err(Errno::ADDRINUSE);
        }
        self.ports.set_fast(number, fast.after(at, shares));
        Ok(())
    }

    fn free_port(&mut self) -> Result<u16> {
        for _ in self.conditions.ephemeral_ports.clone() {
            let port = self.next_ephemeral_port();
            if self.ports.get(port).is_none() {
                return Ok(port);
            }
        }
        Err(Errno::ADDRINUSE)
    }

    /// Ports for outgoing connections, one after another.
    pub(crate) fn next_ephemeral_port(&mut self) -> u16 {
        let range = &self.conditions.ephemeral_ports;
        let port = self.next_port.clamp(*range.start(), *range.end());
        self.next_port = if port == *range.end() { *range.start() } else { port + 1 };
        port
    }

    /// listen(2). `EADDRINUSE` if another socket listens on an overlapping address.
    pub(crate) fn listen(&mut self, key: Key, backlog: usize) -> Result<()> {
        self.fails(Call::Listen)?;
        let this = self.listener(key)?;
        let (begins, shares) = (!this.listens, this.shares);
        if let Bound::Ip(at) = this.bound
            && begins
        {
            self.take_port(Some(key), at, shares)?;
        }
        let since = self.new_number();
        let listener = self.listener(key)?;
        listener.listens = true;
        listener.backlog = backlog;
        if begins {
            listener.since = since;
        }
        Ok(())
    }

    /// Binds a path. The file of a socket that no longer listens is replaced; a live listener gets a
    /// connection, since only connect(2) shows that it is alive. `EADDRINUSE` then.
    pub(crate) fn bind_unix(&mut self, path: &Path) -> Result<Listener> {
        self.fails(Call::Listen)?;
        if self.paths.contains_key(path) {
            match self.connect_unix(path) {
                Err(Errno::CONNREFUSED) => {}
                Ok(side) => {
                    self.close_unix(side);
                    return Err(Errno::ADDRINUSE);
                }
                Err(_) => return Err(Errno::ADDRINUSE),
            }
        }
        let options = TcpOptions::NONE;
        Ok(Listener::new(Bound::Unix(path.to_owned()), options))
    }
}
