//! Bound sockets, accept queues, and attempts to connect.

use super::conditions::Call;
use super::network::Body;
use super::poll::ANY;
use super::port::{BoundAt, FastPath};
use super::tcp::{Endpoint, Owner, State};
use super::unix::UnixEnd;
use super::world::{EndKey, File, FileKey, World};
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use sys::{Address, Errno, Result};

/// The address of a bound socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// A TCP address. `both_families`: `[::]` that takes IPv4, too.
    Ip {
        address: SocketAddr,
        both_families: bool,
    },
    Unix(PathBuf),
}

/// A bound socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) bound: Bound,
    pub(super) listens: bool,
    /// A Unix socket that was shut down: it still listens, and takes no connection.
    pub(super) shut: bool,
    /// The queue takes one connection more.
    pub(super) backlog: usize,
    /// Order in which sockets began to listen.
    pub(super) since: u64,
    /// Other sockets of the same user may share the address (`SO_REUSEPORT`).
    pub(super) shares: bool,
    /// New attempts are dropped by a filter.
    pub(super) ignores: bool,
    /// Connections to accept: ends of TCP connections, or keys of Unix sockets.
    pub(super) queue: VecDeque<u64>,
}

/// What becomes of an attempt to connect.
pub(super) enum Lookup {
    Takes(FileKey),
    /// The queue is full, or a filter drops the SYN: no answer.
    Drops,
    Nothing,
}

impl Listener {
    pub(super) fn new(bound: Bound) -> Self {
        Self {
            bound,
            listens: false,
            shut: false,
            backlog: 0,
            since: 0,
            shares: false,
            ignores: false,
            queue: VecDeque::new(),
        }
    }

    /// How specifically the listener takes `to`; `None` if it does not.
    fn takes(&self, to: SocketAddr) -> Option<u32> {
        let Bound::Ip { address, both_families } = self.bound else { return None };
        if !self.listens || address.port() != to.port() {
            return None;
        }
        match (address.ip(), to.ip()) {
            (bound, wanted) if bound == wanted => Some(2),
            (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(_))
            | (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(_)) => Some(1),
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(_)) if both_families => Some(0),
            _ => None,
        }
    }
}

impl World {
    /// Binds a TCP address. Port 0 is replaced by a free one.
    pub(super) fn bind(
        &mut self,
        mut address: SocketAddr,
        both_families: bool,
        shares: bool,
    ) -> Result<Listener> {
        self.fails(Call::Listen)?;
        if address.port() == 0 {
            address.set_port(self.free_port(address)?);
        }
        self.take_port(None, BoundAt { address, both_families }, shares)?;
        let mut listener = Listener::new(Bound::Ip { address, both_families });
        listener.shares = shares;
        Ok(listener)
    }

    /// Occupies a port for a new socket, or for one that begins to listen. `EADDRINUSE` if another socket
    /// listens on an overlapping address and not both share it. One that does not listen is no obstacle,
    /// since all sockets have SO_REUSEADDR.
    fn take_port(&mut self, key: Option<FileKey>, at: BoundAt, shares: bool) -> Result<()> {
        let port = at.address.port();
        let bound = |(other, file): (&FileKey, &File)| match file {
            File::Listener(Listener {
                bound: Bound::Ip { address, both_families },
                listens,
                shares,
                ..
            }) if address.port() == port && Some(*other) != key => {
                let other = BoundAt { address: *address, both_families: *both_families };
                Some((other, *listens, *shares))
            }
            _ => None,
        };
        let others: Vec<_> = self.files.iter().filter_map(bound).collect();
        let conflicts = |(other, listens, also_shares): &(BoundAt, bool, bool)| {
            *listens && other.overlaps(at) && !(shares && *also_shares)
        };
        let connected = self.used_ports.iter().any(|(local, _)| local.port() == port);
        let is_first = key.is_none() && others.is_empty() && !connected;
        let fast = if is_first { FastPath::None } else { self.fast_path(port) };
        if !fast.permits(at, shares) && others.iter().any(conflicts) {
            return Err(Errno::ADDRINUSE);
        }
        self.fast_paths.insert(port, fast.after(at, shares));
        Ok(())
    }

    fn fast_path(&self, port: u16) -> FastPath {
        self.fast_paths.get(&port).copied().unwrap_or_default()
    }

    fn free_port(&mut self, address: SocketAddr) -> Result<u16> {
        let range = self.conditions.ephemeral_ports.clone();
        for _ in range.clone() {
            let port = self.next_port;
            self.next_port = if port >= *range.end() { *range.start() } else { port + 1 };
            let taken = |file: &File| match file {
                File::Listener(Listener { bound: Bound::Ip { address, .. }, .. }) => {
                    address.port() == port
                }
                _ => false,
            };
            let local = SocketAddr::new(address.ip(), port);
            let used = self.used_ports.iter().any(|(used, _)| *used == local);
            if !used && !self.files.values().any(taken) {
                return Ok(port);
            }
        }
        Err(Errno::ADDRINUSE)
    }

    /// listen(2). `EADDRINUSE` if another socket listens on an overlapping address.
    pub(super) fn listen(&mut self, key: FileKey, backlog: usize) -> Result<()> {
        self.fails(Call::Listen)?;
        let this = self.listener(key)?;
        let (bound, shares) = (this.bound.clone(), this.shares);
        let begins = !this.listens;
        if let Bound::Ip { address, both_families } = bound
            && begins
        {
            self.take_port(Some(key), BoundAt { address, both_families }, shares)?;
        }
        let since = self.new_key();
        let listener = self.listener(key)?;
        listener.listens = true;
        if begins {
            listener.since = since;
        }
        listener.backlog = backlog;
        Ok(())
    }

    /// The listener for an attempt to connect: the most specific one.
    pub(super) fn find_listener(&self, to: SocketAddr) -> Lookup {
        let listeners = self.files.iter().filter_map(|(key, file)| match file {
            File::Listener(listener) => Some((listener.takes(to)?, *key, listener)),
            _ => None,
        });
        // Of two that share `[::]`, the first one (`inet6_hash` appends them).
        let best = listeners.min_by_key(|(rank, _, listener)| (Reverse(*rank), listener.since));
        let Some((_, key, listener)) = best else {
            return Lookup::Nothing;
        };
        if listener.ignores || listener.queue.len() > listener.backlog {
            return Lookup::Drops;
        }
        Lookup::Takes(key)
    }

    /// Takes a connection from the queue.
    pub(super) fn accept(&mut self, key: FileKey) -> Result<(File, Address)> {
        let listener = self.listener(key)?;
        let is_unix = matches!(listener.bound, Bound::Unix(_));
        let nothing = if listener.listens { Errno::AGAIN } else { Errno::INVAL };
        let next = listener.queue.pop_front().ok_or(nothing)?;
        if is_unix {
            return Ok((File::Unix(UnixEnd::accepted(next)), Address::UNIX));
        }
        let address = self.ends.get(&next).map(|end| end.remote).ok_or(Errno::CONNABORTED)?;
        Ok((File::Tcp(next), address.into()))
    }

    /// Stops listening. TCP resets the queued connections; those of a Unix socket can still be accepted
    /// (`unix_shutdown`).
    pub(super) fn stop_listening(&mut self, key: FileKey) {
        let Ok(listener) = self.listener(key) else { return };
        if let Bound::Ip { .. } = listener.bound {
            listener.listens = false;
            let queue = std::mem::take(&mut listener.queue);
            self.refuse_queued(queue, false);
        } else {
            listener.shut = true;
        }
        self.wake(key, ANY);
        self.settle();
    }

    pub(super) fn close_listener(&mut self, listener: Listener) {
        let is_unix = matches!(listener.bound, Bound::Unix(_));
        self.refuse_queued(listener.queue, is_unix);
    }

    fn refuse_queued(&mut self, queue: VecDeque<u64>, is_unix: bool) {
        for key in queue {
            if is_unix {
                self.refuse_unix(key);
            } else {
                self.send_body(key, Body::Reset);
                self.forget(key);
            }
        }
    }

    /// Starts to connect a new TCP socket.
    pub(super) fn connect(&mut self, to: SocketAddr) -> Result<EndKey> {
        self.fails(Call::Connect)?;
        // connect(2) to the unspecified address reaches the loopback address.
        let to = match to.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => (Ipv4Addr::LOCALHOST, to.port()).into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (Ipv6Addr::LOCALHOST, to.port()).into(),
            _ => to,
        };
        let source: IpAddr = match to.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V4(_) => Ipv4Addr::new(10, 0, 0, 1).into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let local = self.source_port(source, to)?;
        let buffers = self.buffer_sizes();
        let key = self.new_key();
        self.ends.insert(key, Endpoint::new(Owner::Orphan, local, to, State::SynSent, buffers));
        self.used_ports.insert((local, to));
        Ok(key)
    }

    /// A local address whose pair with `to` is free. `EADDRNOTAVAIL` if none is.
    fn source_port(&mut self, ip: IpAddr, to: SocketAddr) -> Result<SocketAddr> {
        let range = self.conditions.ephemeral_ports.clone();
        for _ in range.clone() {
            let port = self.next_port;
            self.next_port = if port >= *range.end() { *range.start() } else { port + 1 };
            let local = SocketAddr::new(ip, port);
            if !self.used_ports.contains(&(local, to)) {
                return Ok(local);
            }
        }
        Err(Errno::ADDRNOTAVAIL)
    }
}
