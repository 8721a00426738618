//! Sockets of MPTCP, where this kernel has it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::wait::LIMIT;

/// A blocking MPTCP socket.
fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::MPTCP))
}

/// Why this process can open no MPTCP socket; `None` if it can.
pub fn mptcp_is_missing() -> Option<io::Error> {
    socket((Ipv4Addr::LOCALHOST, 0).into()).err()
}

/// Whether the peer of this connection speaks MPTCP, too.
pub fn speaks_mptcp(socket: &Socket) -> bool {
    sys::speaks_mptcp(socket.as_fd())
}

/// Connects with MPTCP within [`LIMIT`].
///
/// # Errors
///
/// Those of socket(2) and connect(2).
pub fn connect_mptcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(address)?;
    socket.connect_timeout(&address.into(), LIMIT)?;
    Ok(socket)
}

/// A listener that accepts MPTCP clients, at a port from the kernel.
///
/// # Errors
///
/// Those of socket(2) and listen(2).
pub fn listen_mptcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket)
}
