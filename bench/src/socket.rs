//! Listening, opening connections, and throwing received bytes away.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, connect, socket_with, sockopt,
};
use sys::Errno;

use crate::failure::{Context, Result};

/// How long to wait for one connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The queue of connections that wait to be accepted; the kernel cuts it to
/// `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// Listens. Accepted sockets inherit `TCP_NODELAY`.
pub(crate) fn listen(address: SocketAddr) -> sys::Result<OwnedFd> {
    let socket = new(address)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn new(peer: SocketAddr) -> sys::Result<OwnedFd> {
    let family = if peer.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    socket_with(family, SocketType::STREAM, flags, None)
}

/// Opens a connection and waits for it: non-blocking from then on, with `TCP_NODELAY`.
pub(crate) fn open(target: SocketAddr) -> Result<OwnedFd> {
    let what = || format!("connect to {target}");
    let stream = TcpStream::connect_timeout(&target, CONNECT_LIMIT).context(&what())?;
    stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).context(&what())?;
    Ok(stream.into())
}

/// Opens several connections, one after the other.
pub(crate) fn open_many(target: SocketAddr, count: usize) -> Result<Vec<OwnedFd>> {
    (0..count).map(|_| open(target)).collect()
}

/// Starts connecting, from a source address or one chosen by the kernel. The first writable event
/// reports the result.
pub(crate) fn begin(target: SocketAddr, source: Option<IpAddr>) -> sys::Result<OwnedFd> {
    let socket = new(target)?;
    if let Some(source) = source {
        // Lets a port whose earlier connection is in TIME_WAIT be used again for this one.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddr::new(source, 0))?;
    }
    match connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// Takes bytes off the socket without copying them (`MSG_TRUNC`, tcp(7)): how many, at most as
/// many as `buffer` is long, which stays as it is.
pub(crate) fn discard(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> sys::Result<usize> {
    retry_on_intr(|| rustix::net::recv(socket, &mut *buffer, RecvFlags::TRUNC))
        .map(|(_, count)| count)
}
