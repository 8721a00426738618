//! Ports from the kernel that stay reserved for one test.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::addr::{Addr, number_of, unused};

/// A port reserved for one test.
///
/// A socket bound with `SO_REUSEADDR` that does not listen holds the port. The kernel assigns the
/// number to no other socket, neither for a `bind` to port 0 nor for an outgoing connection, but a
/// listener that sets `SO_REUSEADDR`, as the forwarder and most servers do, can take it. Until
/// then, connections to it are refused, so it also serves as the target that refuses.
///
/// The reservation lasts until 10 s after the drop: in `config.forward(Port::v4().addr(), …)`, the
/// port is dropped before the forwarder starts.
///
/// Displayed as its number.
#[derive(Debug)]
pub struct Port {
    number: u16,
    loopback: IpAddr,
    reservation: Option<Socket>,
}

/// Reservations of dropped ports, with the time of the drop.
static RELEASED: Mutex<Vec<(Instant, Socket)>> = Mutex::new(Vec::new());

impl Port {
    /// A port of `127.0.0.1`.
    pub fn v4() -> Self {
        Self::kernel_chosen(Ipv4Addr::LOCALHOST.into())
    }

    /// A port of `[::1]`.
    pub fn v6() -> Self {
        Self::kernel_chosen(Ipv6Addr::LOCALHOST.into())
    }

    /// A port of every address, IPv4 and IPv6: for a listener on `:PORT`.
    pub fn every_address() -> Self {
        Self::kernel_chosen(Ipv6Addr::UNSPECIFIED.into())
    }

    /// Port number, from 1.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Where a client on this machine finds a listener of this port.
    pub fn addr(&self) -> SocketAddr {
        (self.loopback, self.number).into()
    }

    fn kernel_chosen(ip: IpAddr) -> Self {
        let socket = unused(ip).expect("the kernel has a free port");
        Self::of(socket, ip).expect("a bound socket has an address")
    }

    fn reserve(ip: IpAddr, number: u16) -> io::Result<Self> {
        Self::of(alone((ip, number).into())?, ip)
    }

    fn of(socket: Socket, ip: IpAddr) -> io::Result<Self> {
        let loopback = if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip };
        Ok(Self { number: number_of(&socket)?, loopback, reservation: Some(socket) })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        const KEPT: Duration = Duration::from_secs(10);
        let now = Instant::now();
        let mut released = RELEASED.lock().unwrap_or_else(PoisonError::into_inner);
        released.retain(|(since, _)| now.duration_since(*since) < KEPT);
        released.extend(self.reservation.take().map(|socket| (now, socket)));
    }
}

/// A socket that is the only one bound to `address`: two reservations would share a number if both
/// asked for it with `SO_REUSEADDR`. From then on a listener that sets it may take the port.
fn alone(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

impl From<&Port> for Addr {
    fn from(port: &Port) -> Self {
        Self::Tcp(port.addr())
    }
}

/// Consecutive ports of one address. Displayed as the configuration writes a range: `9000-9010`.
#[derive(Debug)]
pub struct Ports(Vec<Port>);

impl Ports {
    /// `n` consecutive ports of `127.0.0.1`, below those that the kernel gives to connections: up
    /// there, a thousand connections in TIME_WAIT leave no gap.
    pub fn range(n: u16) -> Self {
        const ATTEMPTS: u32 = 200;
        const LOWEST: u32 = 10_000;
        const STARTS: u32 = 20_000;
        // Processes start at different numbers; the kernel decides between rivals.
        let start = std::process::id().wrapping_mul(97);
        (0..ATTEMPTS)
            .map(|attempt| LOWEST + start.wrapping_add(attempt * 101) % STARTS)
            .find_map(|first| Self::beginning_at(u16::try_from(first).ok()?, n))
            .unwrap_or_else(|| panic!("no {n} consecutive free ports in {ATTEMPTS} attempts"))
    }

    /// The ports, in order.
    pub fn as_slice(&self) -> &[Port] {
        &self.0
    }

    /// The range that begins at `first`, if all of it is free.
    fn beginning_at(first: u16, n: u16) -> Option<Self> {
        let ports = (first..first.checked_add(n)?)
            .map(|number| Port::reserve(Ipv4Addr::LOCALHOST.into(), number));
        ports.collect::<io::Result<Vec<_>>>().ok().map(Self)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [first, .., last] => write!(f, "{first}-{last}"),
            [only] => only.fmt(f),
            [] => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::ErrorKind;

    use super::*;
    use crate::addr::{Listener, Place, connect};

    #[test]
    fn a_second_socket_can_listen_while_the_reservation_is_held() {
        for port in [Port::v4(), Port::v6(), Port::every_address()] {
            let _listener = Listener::bind(Place::At(port.addr()));
            connect(&port).unwrap();
        }
    }

    #[test]
    fn wildcard_listeners_can_take_a_port_of_every_address() {
        let port = Port::every_address();
        let wildcard_v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port.number()));
        let _listener = Listener::bind(Place::At(wildcard_v6));
        connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()))).unwrap();
        connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port.number()))).unwrap();
    }

    #[test]
    fn a_range_is_reserved_alone_and_can_be_listened_on() {
        let ports = Ports::range(3);
        let taken = ports.as_slice()[1].addr();
        assert_eq!(alone(taken).unwrap_err().kind(), ErrorKind::AddrInUse);
        for port in ports.as_slice() {
            let _listener = Listener::bind(Place::At(port.addr()));
            connect(port).unwrap();
        }
    }

    #[test]
    fn nobody_listening_means_refused() {
        let port = Port::v4();
        assert_eq!(connect(&port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn the_kernel_gives_the_number_to_nobody_else() {
        // As many as make a collision likely, if there were any.
        const MANY: usize = 300;
        let ports: Vec<_> = (0..MANY).map(|_| Port::v4()).collect();
        let reserved: HashSet<_> = ports.iter().map(Port::number).collect();
        assert_eq!(reserved.len(), MANY);
        let listener = Listener::bind(Place::V4);
        for _ in 0..MANY {
            let client = connect(listener.addr()).unwrap();
            let local = client.local_addr().unwrap().as_socket().unwrap();
            assert!(!reserved.contains(&local.port()), "an outgoing connection got {local}");
            listener.accept();
        }
    }

    #[test]
    fn a_dropped_port_stays_reserved_for_a_while() {
        let address = Port::v4().addr();
        assert_eq!(alone(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        let _listener = Listener::bind(Place::At(address));
    }

    #[test]
    fn a_range_is_consecutive() {
        let ports = Ports::range(11);
        let numbers: Vec<_> = ports.as_slice().iter().map(Port::number).collect();
        assert_eq!(numbers, (numbers[0]..numbers[0] + 11).collect::<Vec<_>>());
        assert_eq!(ports.to_string(), format!("{}-{}", numbers[0], numbers[10]));
    }
}
