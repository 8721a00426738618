//! What the kernel knows of a TCP connection (`TCP_INFO`, tcp(7)).

use rustix::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// The kernel's view of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Segments retransmitted in the connection's whole life.
    pub retransmits: u32,
    /// Retransmission time-outs in a row without an answer, just now.
    pub backoffs: u8,
    /// Segments that were sent and not acknowledged.
    pub unacked: u32,
    /// Segments of these that are held to be lost.
    pub lost: u32,
    /// Bytes in the send queue that were not sent yet: the peer's window, or the path, is full.
    pub unsent: u32,
    /// Segments that may be on the way at the same time.
    pub congestion_window: u32,
}

/// Room for what is read: `struct tcp_info` up to and including `tcpi_notsent_bytes`.
const LENGTH: usize = 148;

/// Reads `TCP_INFO`; `None` if the socket is not TCP or the kernel does not tell.
pub fn tcp_info(socket: BorrowedFd<'_>) -> Option<TcpInfo> {
    read(socket).map(|raw| TcpInfo {
        rtt: Duration::from_micros(raw.word(68).into()),
        retransmits: raw.word(100),
        backoffs: raw.0[2],
        unacked: raw.word(24),
        lost: raw.word(32),
        unsent: raw.word(144),
        congestion_window: raw.word(80),
    })
}

/// Connections that wait to be accepted at a listening socket: its `tcpi_unacked`. 0 if it is not
/// TCP or the kernel does not tell.
pub(crate) fn accept_queue(listener: BorrowedFd<'_>) -> u32 {
    read(listener).map_or(0, |raw| raw.word(24))
}

/// `struct tcp_info` of linux/tcp.h as bytes: it grows at its end from kernel to kernel, and what
/// is there keeps its place.
struct Raw([u8; LENGTH]);

impl Raw {
    fn word(&self, offset: usize) -> u32 {
        let bytes = self.0[offset..].first_chunk().expect("offsets are constants below the length");
        u32::from_ne_bytes(*bytes)
    }
}

fn read(socket: BorrowedFd<'_>) -> Option<Raw> {
    let mut raw = Raw([0; LENGTH]);
    let mut length = libc::socklen_t::try_from(LENGTH).ok()?;
    // SAFETY: the pointers are to the bytes and to their length, both alive and writable during
    // the call; the kernel writes at most `length` bytes and keeps no pointer.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            raw.0.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn is_known_of_tcp_only() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(accept_queue(listener.as_fd()), 0);
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(accept_queue(listener.as_fd()), 1);
        let info = tcp_info(client.as_fd()).unwrap();
        assert!(info.rtt > Duration::ZERO && info.congestion_window > 0, "{info:?}");
        assert_eq!((info.retransmits, info.unsent, info.lost, info.backoffs), (0, 0, 0, 0));
        client.set_nonblocking(true).unwrap();
        while client.write(&[0; 4096]).is_ok() {}
        assert!(tcp_info(client.as_fd()).unwrap().unsent > 0, "the receiver's window is full");
        let (unix, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(tcp_info(unix.as_fd()), None);
    }
}
