//! Listening sockets created by another process, such as the service manager.

use crate::listen::BACKLOG;
use crate::socket::{TcpOptions, replace_tcp_options, set_for_forwarding};
use crate::{Errno, Result, is_mptcp};
use rustix::fd::BorrowedFd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::{SocketAddrUnix, SocketType, getsockname, listen, sockopt};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// TCP and Multipath TCP, which is used the same way (`IPPROTO_*`).
const TCP_PROTOCOLS: [u32; 2] = [6, 262];

/// Listen address of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListensAt {
    /// A TCP address.
    Ip {
        /// The local address and port.
        address: SocketAddr,
        /// Whether it is an IPv6 wildcard that also accepts IPv4 clients.
        both_families: bool,
    },
    /// A Unix socket; `None` if it has no path.
    Unix(Option<PathBuf>),
}

/// The listen address of a socket; `None` unless it is a listening TCP or Unix stream socket.
pub fn listens_at(socket: BorrowedFd<'_>) -> Option<ListensAt> {
    let is_stream = sockopt::socket_type(socket).ok()? == SocketType::STREAM;
    if !is_stream || !sockopt::socket_acceptconn(socket).ok()? {
        return None;
    }
    let address = getsockname(socket).ok()?;
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        let protocol = sockopt::socket_protocol(socket).ok()??.as_raw().get();
        let wildcard = address.is_ipv6() && address.ip().is_unspecified();
        let both_families = wildcard && !sockopt::ipv6_v6only(socket).ok()?;
        let is_tcp = TCP_PROTOCOLS.contains(&protocol);
        return is_tcp.then_some(ListensAt::Ip { address, both_families });
    }
    let address = SocketAddrUnix::try_from(address).ok()?;
    let path = address.path().map(|path| PathBuf::from(OsStr::from_bytes(path.to_bytes())));
    Some(ListensAt::Unix(path))
}

/// Gives an activated socket the properties of those that [`crate::listen`] creates: non-blocking,
/// the same backlog and options. `EINVAL` unless it is a listening stream socket.
pub fn prepare_activated(socket: BorrowedFd<'_>, options: &TcpOptions) -> Result<()> {
    let at = listens_at(socket).ok_or(Errno::INVAL)?;
    fcntl_setfl(socket, fcntl_getfl(socket)? | OFlags::NONBLOCK)?;
    if matches!(at, ListensAt::Ip { .. }) {
        set_for_forwarding(socket, is_mptcp(socket))?;
        replace_tcp_options(socket, options)?;
    }
    // On a listening socket, this changes the backlog (listen(2)).
    listen(socket, BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::{accept, local_address, tcp, tcp_any, unix};
    use rustix::fd::AsFd;
    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

    const OPTIONS: TcpOptions = TcpOptions::NONE;

    fn ip(text: &str, both_families: bool) -> ListensAt {
        ListensAt::Ip { address: text.parse().unwrap(), both_families }
    }

    #[test]
    fn listen_addresses_are_found() {
        let one = tcp((Ipv4Addr::LOCALHOST, 0).into(), &OPTIONS).unwrap();
        let port = local_address(&one).unwrap().unwrap().port();
        assert_eq!(listens_at(one.as_fd()), Some(ip(&format!("127.0.0.1:{port}"), false)));
        let any = tcp_any(0, &OPTIONS).unwrap();
        let port = local_address(&any).unwrap().unwrap().port();
        assert_eq!(listens_at(any.as_fd()), Some(ip(&format!("[::]:{port}"), true)));
        let six = tcp("[::]:0".parse().unwrap(), &OPTIONS).unwrap();
        let port = local_address(&six).unwrap().unwrap().port();
        assert_eq!(listens_at(six.as_fd()), Some(ip(&format!("[::]:{port}"), false)));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let unix = unix(&path, &flow::SocketRights::AUTO).unwrap();
        assert_eq!(listens_at(unix.as_fd()), Some(ListensAt::Unix(Some(path))));
    }

    #[test]
    fn other_descriptors_have_no_listen_address() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        for descriptor in [file.as_fd(), datagrams.as_fd(), client.as_fd()] {
            assert_eq!(listens_at(descriptor), None);
            assert_eq!(prepare_activated(descriptor, &OPTIONS), Err(Errno::INVAL));
        }
    }

    #[test]
    fn an_activated_socket_gets_our_options() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        prepare_activated(listener.as_fd(), &OPTIONS).unwrap();
        assert_eq!(accept(listener.as_fd()).unwrap_err(), Errno::AGAIN);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = accept(listener.as_fd()).unwrap();
        assert!(sockopt::tcp_nodelay(&socket).unwrap());
        assert!(sockopt::socket_oobinline(&socket).unwrap());
    }
}
