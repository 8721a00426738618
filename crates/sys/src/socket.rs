//! Connecting, socket options, and the state of a connection.

use crate::{Errno, Result, buffers, is_mptcp, mptcp};
use flow::{Buffers, Keepalive};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, shutdown,
    socket_with, sockopt,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

/// Of every socket of ours that a worker polls.
pub(crate) const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Options of a TCP socket that are not needed before its session has lasted for a while. Accepted
/// sockets inherit them from the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpOptions {
    /// Keepalive probes; `None` turns them off.
    pub keepalive: Option<Keepalive>,
    /// `TCP_USER_TIMEOUT`: time that sent bytes may stay unacknowledged; `None` keeps the kernel's
    /// default.
    pub user_timeout: Option<Duration>,
    /// Sizes of the buffers. A socket towards a target has them from the beginning.
    pub buffers: Buffers,
}

impl TcpOptions {
    /// The kernel's defaults.
    pub const NONE: Self = Self { keepalive: None, user_timeout: None, buffers: Buffers::AUTO };

    /// Whether all options that a session needs later are the kernel's defaults.
    pub fn is_nothing(&self) -> bool {
        self.keepalive.is_none() && self.user_timeout.is_none()
    }
}

/// Keeps urgent bytes in the stream (`SO_OOBINLINE`, socket(7)), where the forwarder reads them.
pub(crate) fn keep_urgent_inline(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::set_socket_oobinline(socket, true)
}

/// Options that every TCP socket needs before its first byte: urgent bytes stay in the stream, and
/// `TCP_NODELAY`, because waiting for more bytes would delay every small message.
///
/// MPTCP keeps urgent bytes in the stream anyway, and does not have that option.
pub(crate) fn set_for_forwarding(socket: BorrowedFd<'_>, mptcp: bool) -> Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    if mptcp { Ok(()) } else { keep_urgent_inline(socket) }
}

/// Sets what a TCP socket that was accepted by an MPTCP listener does not inherit: MPTCP sockets do not have that option,
/// or keep it to themselves.
pub fn prepare_accepted_by_mptcp(socket: BorrowedFd<'_>, buffers: Buffers) -> Result<()> {
    keep_urgent_inline(socket)?;
    buffers.unsent.map_or(Ok(()), |unsent| crate::sockopt::set_not_sent_low_water(socket, unsent))
}

/// Sets the options, without the buffers, on a socket that has the kernel's defaults.
pub fn set_tcp_options(socket: BorrowedFd<'_>, options: &TcpOptions) -> Result<()> {
    if let Some(keepalive) = options.keepalive {
        sockopt::set_tcp_keepidle(socket, keepalive.idle)?;
        sockopt::set_tcp_keepintvl(socket, keepalive.interval)?;
        sockopt::set_tcp_keepcnt(socket, keepalive.count)?;
        sockopt::set_socket_keepalive(socket, true)?;
    }
    if let Some(limit) = options.user_timeout {
        // The kernel rejects values above `i32::MAX` as well.
        let millis = u32::try_from(limit.as_millis()).map_err(|_| Errno::INVAL)?;
        sockopt::set_tcp_user_timeout(socket, millis)?;
    }
    Ok(())
}

/// Sets the options on a listener that may have other ones.
pub fn replace_tcp_options(socket: BorrowedFd<'_>, options: &TcpOptions) -> Result<()> {
    buffers::replace(socket, options.buffers)?;
    if options.keepalive.is_none() {
        sockopt::set_socket_keepalive(socket, false)?;
    }
    // MPTCP sockets do not have that option.
    if options.user_timeout.is_none() && !is_mptcp(socket) {
        sockopt::set_tcp_user_timeout(socket, 0)?;
    }
    set_tcp_options(socket, options)
}

/// Limits the rate at which the kernel sends to the peer (`SO_MAX_PACING_RATE`, socket(7)), in bytes per second;
/// `None` takes the limit away. Without effect on a Unix socket.
pub fn set_pacing_rate(socket: BorrowedFd<'_>, limit: Option<u64>) -> Result<()> {
    crate::sockopt::set_pacing_rate(socket, limit)
}

/// State of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The connection is established.
    Connected,
    /// In progress; a writable event follows.
    UnderWay,
}

/// Starts connecting to a TCP address.
pub fn connect_tcp(address: SocketAddr) -> Result<(OwnedFd, Progress)> {
    connect_prepared(new_connection(address, false)?, address)
}

/// A new socket for a connection to this address.
pub(crate) fn new_connection(address: SocketAddr, mptcp: bool) -> Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, FLAGS, mptcp::protocol(mptcp))?;
    set_for_forwarding(socket.as_fd(), mptcp)?;
    Ok(socket)
}

/// Starts connecting a socket.
pub(crate) fn connect_prepared(
    socket: OwnedFd,
    address: SocketAddr,
) -> Result<(OwnedFd, Progress)> {
    let progress = begin(connect(&socket, &address))?;
    Ok((socket, progress))
}

/// Connects to a Unix socket, immediately. `EAGAIN` if the accept queue is full.
pub fn connect_unix(path: &Path) -> Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    keep_urgent_inline(socket.as_fd())?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

fn begin(result: Result<()>) -> Result<Progress> {
    match result {
        Ok(()) => Ok(Progress::Connected),
        // An interrupted connect(2) continues in the background.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Progress::UnderWay),
        Err(error) => Err(error),
    }
}

/// Whether the socket is connected to itself. On loopback, connecting to an ephemeral port without
/// a listener may get that port as the local one (simultaneous open, RFC 9293).
pub fn is_connected_to_itself(socket: BorrowedFd<'_>) -> bool {
    let local = rustix::net::getsockname(socket).ok();
    local.is_some() && local == rustix::net::getpeername(socket).ok().flatten()
}

/// The number of a network interface, which is the zone of its link-local addresses. `ENODEV` if
/// there is none with this name.
pub fn interface_index(name: &str) -> Result<u32> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, FLAGS, None)?;
    rustix::net::netdevice::name_to_index(socket, name)
}

/// Whether connections to `address` stay on this host: it is a loopback address, or the kernel's
/// route to it has it as the source. The port is ignored; the scope of a link-local address is not.
pub fn is_local_address(mut address: SocketAddr) -> bool {
    let any: IpAddr = match address.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    address.set_port(9);
    // Connecting a UDP socket sends nothing; it looks up the route.
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    address.ip().is_loopback() || source.is_ok_and(|source| source.ip() == address.ip())
}

/// Takes the socket's pending error (`SO_ERROR`), if any. The kernel reports each error once.
pub fn take_error(socket: BorrowedFd<'_>) -> Result<()> {
    sockopt::socket_error(socket)?
}

/// Sends a FIN after the bytes already passed to the kernel.
pub fn shut_write(socket: BorrowedFd<'_>) -> Result<()> {
    shutdown(socket, Shutdown::Write)
}

/// Closes with RST instead of FIN: unsent bytes are dropped, and the peer sees that the stream was
/// cut off. On a Unix socket this is an ordinary close.
pub fn reset(socket: OwnedFd) {
    // A sandbox may forbid the option. Dissolving the association also resets the connection
    // (connect(2)).
    if sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).is_err() {
        let _ = rustix::net::connect_unspec(&socket);
    }
    drop(socket);
}

/// Bytes passed to the kernel and not acknowledged by the peer (`SIOCOUTQ`, tcp(7)); a FIN counts
/// as one. 0 if the kernel cannot report it.
pub fn unacked(socket: BorrowedFd<'_>) -> u32 {
    try_unacked(socket).unwrap_or(0)
}

/// Like [`unacked`], with the error of a kernel that cannot report it.
pub(crate) fn try_unacked(socket: BorrowedFd<'_>) -> Result<u32> {
    // The kernel's `int` is never negative here.
    let mut count: libc::c_uint = 0;
    // SAFETY: TIOCOUTQ, the same number as SIOCOUTQ, writes one `int` through the pointer, which is to
    // a live number of the same size. The kernel keeps no pointer.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    crate::sockopt::last_error(result).map(|()| count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn options_are_inherited_by_accepted_sockets() {
        let options = TcpOptions {
            keepalive: Some(Keepalive {
                idle: Duration::from_secs(61),
                interval: Duration::from_secs(11),
                count: 7,
            }),
            user_timeout: Some(Duration::from_millis(12_345)),
            ..TcpOptions::NONE
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        set_for_forwarding(listener.as_fd(), false).unwrap();
        set_tcp_options(listener.as_fd(), &options).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        assert!(sockopt::tcp_nodelay(&socket).unwrap());
        assert!(sockopt::socket_oobinline(&socket).unwrap());
        assert!(sockopt::socket_keepalive(&socket).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&socket).unwrap(), Duration::from_secs(61));
        assert_eq!(sockopt::tcp_keepintvl(&socket).unwrap(), Duration::from_secs(11));
        assert_eq!(sockopt::tcp_keepcnt(&socket).unwrap(), 7);
        assert_eq!(sockopt::tcp_user_timeout(&socket).unwrap(), 12_345);
    }

    #[test]
    fn interfaces_have_numbers() {
        assert!(interface_index("lo").unwrap() > 0);
        for name in ["no-such-one", "", "longer-than-a-name-may-be"] {
            assert!(interface_index(name).is_err(), "{name}");
        }
    }

    #[test]
    fn addresses_of_this_host_are_recognized() {
        for (ip, ours) in
            [("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("203.0.113.1", false)]
        {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(is_local_address((ip, 1).into()), ours, "{ip}");
        }
    }

    #[test]
    fn the_peer_sees_a_reset() {
        let (mut client, server) = pair();
        reset(server.into());
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    #[test]
    fn unacknowledged_bytes_are_counted_until_the_peer_reads() {
        let (mut client, server) = pair();
        client.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(count) = client.write(&[0; 4096]) {
            written += count;
        }
        assert!(unacked(client.as_fd()) > 0, "{written} bytes fill more than the peer's window");
        drop(server);
    }
}
