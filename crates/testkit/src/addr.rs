//! Addresses, and the plain sockets on either side of one.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::PollFlags;
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;

use crate::wait::LIMIT;
use crate::wire::{self, End};

/// Where a peer listens. Displayed as the configuration writes it: `127.0.0.1:80`, `[::1]:80`,
/// `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Addr {
    /// A TCP address and port.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl Addr {
    /// The TCP address.
    ///
    /// # Panics
    ///
    /// For a Unix socket.
    pub fn tcp(&self) -> SocketAddr {
        match self {
            Self::Tcp(addr) => *addr,
            Self::Unix(path) => panic!("{} is no TCP address", path.display()),
        }
    }

    fn sock_addr(&self) -> io::Result<SockAddr> {
        match self {
            Self::Tcp(addr) => Ok((*addr).into()),
            Self::Unix(path) => SockAddr::unix(path),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

impl From<PathBuf> for Addr {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<&Addr> for Addr {
    fn from(addr: &Addr) -> Self {
        addr.clone()
    }
}

/// The kernel buffers that a script asks for; they hold from the handshake on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) receive: Option<usize>,
    pub(crate) send: Option<usize>,
}

impl Buffers {
    fn apply(self, socket: &Socket) -> io::Result<()> {
        self.receive.map_or(Ok(()), |size| socket.set_recv_buffer_size(size))?;
        self.send.map_or(Ok(()), |size| socket.set_send_buffer_size(size))
    }
}

/// Connects within [`LIMIT`]. The socket is a blocking one; `TcpStream::from` takes it.
///
/// `ConnectionReset` means that the connection was accepted and reset before this function looked; a
/// connection that is reset a little later is `Ok`. A [`Peer`](crate::Peer) sees no difference.
pub fn connect(addr: impl Into<Addr>) -> io::Result<Socket> {
    connect_with(None, &addr.into(), Buffers::default(), LIMIT)?.into_socket()
}

/// Connects, and closes the connection, which the peer may have reset already.
///
/// # Panics
///
/// There was no connection.
#[track_caller]
pub fn connect_and_close(addr: impl Into<Addr>) {
    connect_with(None, &addr.into(), Buffers::default(), LIMIT).expect("a connection");
}

/// A socket after the handshake.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) socket: Socket,
    /// An RST came so soon that finding out how the handshake ended has consumed it; the next
    /// operation on the socket would have reported it.
    pub(crate) reset: bool,
}

/// Connects from this address of the host, within [`LIMIT`].
///
/// # Errors
///
/// Like [`connect`].
pub fn connect_from(source: IpAddr, addr: SocketAddr) -> io::Result<Socket> {
    connect_with(Some(source), &addr.into(), Buffers::default(), LIMIT)?.into_socket()
}

/// Connects, from `source` if it is given, within `limit`.
pub(crate) fn connect_with(
    source: Option<IpAddr>,
    addr: &Addr,
    buffers: Buffers,
    limit: Duration,
) -> io::Result<Connected> {
    let address = addr.sock_addr()?;
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    buffers.apply(&socket)?;
    match socket.connect_timeout(&address, limit) {
        Ok(()) => Ok(Connected { socket, reset: false }),
        // An RST in place of a handshake is `ECONNREFUSED`.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            Ok(Connected { socket, reset: true })
        }
        Err(error) => Err(error),
    }
}

impl Connected {
    /// The socket; a reset that was reported is `ConnectionReset`.
    fn into_socket(self) -> io::Result<Socket> {
        if self.reset { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(self.socket) }
    }
}

impl From<Socket> for Connected {
    fn from(socket: Socket) -> Self {
        Self { socket, reset: false }
    }
}

/// Where a listener of the kit shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `127.0.0.1`, a port from the kernel.
    V4,
    /// `[::1]`, a port from the kernel.
    V6,
    /// A Unix socket in its own directory.
    Unix,
    /// This very address, for example of a reserved [`Port`](crate::Port).
    At(SocketAddr),
}

/// A listening socket of a test.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    addr: Addr,
    /// Holds the path of a Unix socket.
    _dir: Option<TempDir>,
}

impl Listener {
    /// Listens on the given kind of address.
    pub fn bind(place: Place) -> Self {
        Self::bind_with(place, Buffers::default(), 4096)
    }

    pub(crate) fn bind_with(place: Place, buffers: Buffers, backlog: i32) -> Self {
        let dir = (place == Place::Unix).then(|| TempDir::new().expect("a temporary directory"));
        let wanted = match (place, &dir) {
            (Place::Unix, Some(dir)) => Addr::Unix(dir.path().join("socket")),
            (Place::At(addr), _) => Addr::Tcp(addr),
            (Place::V6, _) => Addr::Tcp((Ipv6Addr::LOCALHOST, 0).into()),
            _ => Addr::Tcp((Ipv4Addr::LOCALHOST, 0).into()),
        };
        let bound = match &wanted {
            Addr::Tcp(tcp) if tcp.port() == 0 => unused(tcp.ip()),
            _ => bound(&wanted),
        };
        let socket = bound
            .and_then(|socket| listening(socket, buffers, backlog))
            .unwrap_or_else(|error| panic!("listen on {wanted}: {error}"));
        let local = socket.local_addr().expect("a bound socket has an address").as_socket();
        Self { socket, addr: local.map_or(wanted, Addr::Tcp), _dir: dir }
    }

    /// Address that it listens on.
    pub fn addr(&self) -> &Addr {
        &self.addr
    }

    /// The next connection, as a blocking socket.
    ///
    /// # Panics
    ///
    /// When none comes within [`LIMIT`].
    pub fn accept(&self) -> Socket {
        self.accept_within(LIMIT, &AtomicBool::new(false))
            .unwrap_or_else(|end| panic!("accept on {}: {end}", self.addr))
    }

    pub(crate) fn accept_within(&self, limit: Duration, stop: &AtomicBool) -> Result<Socket, End> {
        wire::wait_ready(&self.socket, PollFlags::IN, limit, stop)?;
        Ok(self.socket.accept()?.0)
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl Drop for Listener {
    /// Frees the address at once. Closing alone may not: a child that another thread is just starting
    /// holds a copy of every descriptor until its `exec`.
    fn drop(&mut self) {
        // There is nothing to do about an error.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

fn listening(socket: Socket, buffers: Buffers, backlog: i32) -> io::Result<Socket> {
    buffers.apply(&socket)?;
    socket.listen(backlog)?;
    Ok(socket)
}

/// A socket that is bound with `SO_REUSEADDR` and does not listen; `[::]` means IPv4 as well.
pub(crate) fn bound(addr: &Addr) -> io::Result<Socket> {
    let address = addr.sock_addr()?;
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    if let Addr::Tcp(tcp) = addr {
        socket.set_reuse_address(true)?;
        if address.domain() == Domain::IPV6 {
            socket.set_only_v6(tcp.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
        }
    }
    socket.bind(&address)?;
    Ok(socket)
}

/// A socket that is bound to a port of `ip` that this process has not had before, and does not listen.
///
/// A forwarder of another test may still try to connect to a target whose port is free again: its connection would
/// be one too many in the test that gets the number next.
pub(crate) fn unused(ip: IpAddr) -> io::Result<Socket> {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    const ATTEMPTS: usize = 1000;
    // The kernel gives no number twice while these are bound.
    let mut used = Vec::new();
    loop {
        let socket = bound(&Addr::Tcp((ip, 0).into()))?;
        let number = number_of(&socket)?;
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.get_or_insert_default().insert(number) || used.len() == ATTEMPTS {
            return Ok(socket);
        }
        drop(given);
        used.push(socket);
    }
}

pub(crate) fn number_of(socket: &Socket) -> io::Result<u16> {
    Ok(socket.local_addr()?.as_socket().expect("a TCP socket").port())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_number_is_given_once() {
        // As many as make a collision likely, if there were any.
        const MANY: usize = 1000;
        let ip = Ipv4Addr::LOCALHOST.into();
        let numbers: HashSet<_> =
            (0..MANY).map(|_| number_of(&unused(ip).unwrap()).unwrap()).collect();
        assert_eq!(numbers.len(), MANY);
    }

    #[test]
    fn connects_at_every_place() {
        for place in [Place::V4, Place::V6, Place::Unix] {
            let listener = Listener::bind(place);
            let mut client = connect(listener.addr()).unwrap();
            client.write_all(b"x").unwrap();
            let mut byte = [0];
            listener.accept().read_exact(&mut byte).unwrap();
            assert_eq!(byte, *b"x", "at {}", listener.addr());
        }
    }

    #[test]
    fn is_displayed_as_the_configuration_writes_it() {
        let v6 = Addr::from(SocketAddr::from((Ipv6Addr::LOCALHOST, 80)));
        assert_eq!(v6.to_string(), "[::1]:80");
        assert_eq!(Addr::from(PathBuf::from("/a/b")).to_string(), "unix:/a/b");
    }
}
