//! connect(2) of TCP sockets.

use crate::sim::conditions::Call;
use crate::sim::state::endpoint::{Endpoint, Owner, State};
use crate::sim::state::ports::Port;
use crate::sim::state::slab::Key;
use crate::sim::world::World;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use sys::{Errno, Result};

/// Address of the host in the simulated network.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

impl World {
    /// Starts to connect a new TCP socket: the end has no owner yet, and no SYN is sent.
    pub(crate) fn connect(&mut self, source: Option<IpAddr>, to: SocketAddr) -> Result<Key> {
        self.fails(Call::Connect)?;
        // connect(2) to the unspecified address reaches the loopback address.
        let to = match to.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => (Ipv4Addr::LOCALHOST, to.port()).into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (Ipv6Addr::LOCALHOST, to.port()).into(),
            _ => to,
        };
        let usual: IpAddr = match to.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V4(_) => HOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let source = source.unwrap_or(usual);
        let local = self.source_address(source, to)?;
        let (sizes, connection) = (self.buffer_sizes(), self.new_number());
        let (pair, owner) = ((local, to), Owner::Orphan);
        let key = self.ends.insert(Endpoint::new(owner, pair, State::SynSent, sizes, connection));
        self.ports.connect(pair, key, true);
        Ok(key)
    }

    /// A local address whose pair with `to` is free, at a port to which no socket was bound
    /// (`__inet_hash_connect`). `EADDRNOTAVAIL` if there is none.
    fn source_address(&mut self, ip: IpAddr, to: SocketAddr) -> Result<SocketAddr> {
        self.ports.end_waits(self.now);
        for _ in self.conditions.ephemeral_ports.clone() {
            let port = self.next_ephemeral_port();
            let local = SocketAddr::new(ip, port);
            let is_open = self.ports.get(port).is_none_or(Port::is_open_to_clients);
            if is_open && self.ports.is_free((local, to)) {
                return Ok(local);
            }
        }
        Err(Errno::ADDRNOTAVAIL)
    }
}
