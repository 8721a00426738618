//! The user behind the other end of a TCP connection within this host, by sock_diag(7).

use crate::{Errno, Result};
use rustix::fd::AsFd;
use rustix::io::retry_on_intr;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};
use std::net::{IpAddr, SocketAddr};

/// `SOCK_DIAG_BY_FAMILY` (linux/sock_diag.h).
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST` (netlink(7)).
const REQUEST: u16 = 1;
/// State of a listening socket (`TCP_LISTEN`).
const LISTEN: u8 = 10;
/// Bytes of a netlink header, and of `inet_diag_req_v2` (linux/inet_diag.h).
const HEADER: usize = 16;
const QUERY: usize = 56;
/// Offsets of user and inode in `inet_diag_msg`.
const USER: usize = 64;
const INODE: usize = 68;
/// The type of an answer that is an error (`NLMSG_ERROR`, netlink(7)).
const ERROR: u16 = 2;

/// The user that accepted the connection from `client` to `server`; `None` if it waits in the queue of a listener.
/// The kernel notes the user at accept(2), and reports 0 before.
///
/// # Errors
///
/// The kernel has no sock_diag(7) for TCP, or does not let this process use it.
pub fn accepting_user(server: SocketAddr, client: SocketAddr) -> Result<Option<u32>> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(SOCK_DIAG))?;
    let request = request(server, client);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let answer = receive(&socket)?;
    let kind = field(&answer, 4).map(u16::from_ne_bytes).ok_or(Errno::PROTO)?;
    if kind == ERROR {
        let code = field(&answer, HEADER).map(i32::from_ne_bytes).ok_or(Errno::PROTO)?;
        return match Errno::from_raw_os_error(-code) {
            // It was in a queue that is gone, or has been closed.
            Errno::NOENT => Ok(None),
            errno => Err(errno),
        };
    }
    let state = answer.get(HEADER + 1).copied().ok_or(Errno::PROTO)?;
    let number = |at| field(&answer, HEADER + at).map(u32::from_ne_bytes).ok_or(Errno::PROTO);
    let is_accepted = state != LISTEN && number(INODE)? != 0;
    Ok(if is_accepted { Some(number(USER)?) } else { None })
}

fn receive(socket: impl AsFd) -> Result<Vec<u8>> {
    let mut bytes = [0; 1024];
    let (length, _) = retry_on_intr(|| recv(socket.as_fd(), &mut bytes[..], RecvFlags::empty()))?;
    Ok(bytes[..length].to_vec())
}

fn field<const SIZE: usize>(bytes: &[u8], at: usize) -> Option<[u8; SIZE]> {
    bytes.get(at..at + SIZE)?.try_into().ok()
}

/// The request for the socket at `server` with the peer `client`.
fn request(server: SocketAddr, client: SocketAddr) -> Vec<u8> {
    // AF_INET and AF_INET6.
    let family = if server.is_ipv4() { 2 } else { 10 };
    let length = u32::try_from(HEADER + QUERY).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER + QUERY);
    // nlmsghdr: length, type, flags, sequence number and port.
    bytes.extend(length.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    // inet_diag_req_v2: family, protocol, extensions, and all states.
    bytes.extend([family, 6, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(server.port().to_be_bytes());
    bytes.extend(client.port().to_be_bytes());
    for address in [server.ip(), client.ip()] {
        match address {
            IpAddr::V4(address) => {
                bytes.extend(address.octets());
                bytes.extend([0; 12]);
            }
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    // Any interface, and no cookie (`INET_DIAG_NOCOOKIE`).
    bytes.extend([0; 4]);
    bytes.extend([0xff; 8]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_user_that_accepts_is_found() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let server = listener.local_addr().unwrap();
            let client = TcpStream::connect(server).unwrap();
            let user = || accepting_user(server, client.local_addr().unwrap());
            assert_eq!(user(), Ok(None), "{address}");
            let _accepted = listener.accept().unwrap();
            assert_eq!(user(), Ok(Some(crate::user_id())), "{address}");
        }
    }

    /// Needs root. The listener is of this user; the thread that accepts is of another.
    #[test]
    fn a_listener_of_another_user_does_not_hide_who_accepts() {
        const OTHER: u32 = 64_999;
        if crate::user_id() != 0 {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let client = TcpStream::connect(server).unwrap();
        let identity = crate::Identity { user: OTHER, group: OTHER, groups: Vec::new() };
        // Linux changes the calling thread only.
        let accepting = std::thread::spawn(move || {
            identity.assume().unwrap();
            listener.accept().unwrap()
        });
        let _accepted = accepting.join().unwrap();
        assert_eq!(accepting_user(server, client.local_addr().unwrap()), Ok(Some(OTHER)));
    }
}
