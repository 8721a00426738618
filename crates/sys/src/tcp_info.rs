//! Kernel statistics of a TCP connection (`TCP_INFO`, tcp(7)).

use crate::{Errno, Result, mptcp, sockopt};
use rustix::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Statistics of one connection at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Smoothed round-trip time (`tcpi_rtt`).
    pub rtt: Duration,
    /// Segments retransmitted since the start of the connection.
    pub retransmits: u32,
    /// Consecutive retransmission timeouts without an answer, currently.
    pub backoffs: u8,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Unacknowledged segments considered lost.
    pub lost: u32,
    /// Bytes in the send queue not sent yet, because the peer's window or the congestion window is
    /// full.
    pub unsent: u32,
    /// Segments that may be in flight at the same time.
    pub congestion_window: u32,
    /// The peer's receive window has no room for another segment. Kernels older than 5.4 do not report it, and it
    /// counts as full.
    pub window_is_full: bool,
    /// Time in which the peer's receive window kept bytes from being sent (`tcpi_rwnd_limited`).
    pub window_limited: Duration,
    /// Bytes per second that the connection may send (`SO_MAX_PACING_RATE`); `None` if it is not limited.
    pub rate_limit: Option<u64>,
}

/// Bytes to read: `struct tcp_info` up to and including `tcpi_snd_wnd`.
const LENGTH: usize = 232;

/// Reads `TCP_INFO`; `None` if the socket is not TCP or the call fails.
pub fn tcp_info(socket: BorrowedFd<'_>) -> Option<TcpInfo> {
    read(socket).ok().map(|raw| TcpInfo {
        rtt: Duration::from_micros(raw.word(68).into()),
        retransmits: raw.word(100),
        backoffs: raw.0[2],
        unacked: raw.word(24),
        lost: raw.word(32),
        unsent: raw.word(144),
        congestion_window: raw.word(80),
        window_is_full: raw.window_is_full(),
        window_limited: Duration::from_micros(raw.long(176)),
        rate_limit: Some(raw.long(112)).filter(|rate| *rate != u64::MAX),
    })
}

/// Sequence numbers received from the peer in order: one per byte, read or not, and one for its
/// FIN, which a later RST does not take back (`tcpi_bytes_received`; Linux counts the FIN). `None`
/// if the socket is not TCP.
///
/// MPTCP numbers the bytes of all subflows together, and the kernel does not show how many came: the result is above
/// any number of bytes if a FIN is certain, otherwise 0.
pub fn sequence_received(socket: BorrowedFd<'_>) -> Option<u64> {
    if sockopt::speaks_mptcp(socket) {
        return Some(if mptcp::has_received_fin(socket) { u64::MAX } else { 0 });
    }
    match read(socket) {
        Ok(raw) => Some(raw.long(128)),
        // Not `None` for other errors: a TCP socket that cannot be queried has not proven a FIN.
        Err(Errno::OPNOTSUPP | Errno::NOPROTOOPT) => None,
        Err(_) => Some(0),
    }
}

/// Length of a listener's accept queue (`tcpi_unacked`). 0 if it is not TCP or the call fails.
pub(crate) fn accept_queue(listener: BorrowedFd<'_>) -> u32 {
    read(listener).map_or(0, |raw| raw.word(24))
}

/// The bytes of `struct tcp_info` (linux/tcp.h). New kernels append fields; existing offsets do not
/// change.
struct Raw([u8; LENGTH]);

impl Raw {
    fn word(&self, offset: usize) -> u32 {
        let bytes = self.0[offset..].first_chunk().expect("offsets are constants below the length");
        u32::from_ne_bytes(*bytes)
    }

    /// Compares the window (`tcpi_snd_wnd`) with the segments under way, taken as full ones.
    fn window_is_full(&self) -> bool {
        let (segments, size, window) = (self.word(24), self.word(16), self.word(228));
        (u64::from(segments) + 1) * u64::from(size) > u64::from(window)
    }

    fn long(&self, offset: usize) -> u64 {
        let bytes = self.0[offset..].first_chunk().expect("offsets are constants below the length");
        u64::from_ne_bytes(*bytes)
    }
}

fn read(socket: BorrowedFd<'_>) -> Result<Raw> {
    let mut raw = Raw([0; LENGTH]);
    let mut length = libc::socklen_t::try_from(LENGTH).map_err(|_| Errno::INVAL)?;
    // SAFETY: the pointers are to the buffer and its length, both live and writable during the
    // call. The kernel writes at most `length` bytes and keeps no pointer.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            raw.0.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(raw)
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn only_tcp_sockets_have_statistics() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(accept_queue(listener.as_fd()), 0);
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(accept_queue(listener.as_fd()), 1);
        let info = tcp_info(client.as_fd()).unwrap();
        assert!(info.rtt > Duration::ZERO && info.congestion_window > 0, "{info:?}");
        assert_eq!((info.retransmits, info.unsent, info.lost, info.backoffs), (0, 0, 0, 0));
        client.set_nonblocking(true).unwrap();
        while client.write(&[0; 4096]).is_ok() {}
        assert!(!info.window_is_full && info.rate_limit.is_none(), "{info:?}");
        let full = tcp_info(client.as_fd()).unwrap();
        assert!(full.unsent > 0 && full.window_is_full, "{full:?}");
        // The kernel counts this time in ticks of its clock.
        let limited = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            tcp_info(client.as_fd()).unwrap().window_limited > Duration::ZERO
        });
        assert!(limited, "{full:?}");
        let (unix, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(tcp_info(unix.as_fd()), None);
        assert_eq!(sequence_received(unix.as_fd()), None);
    }

    /// Accepts a connection, runs `act` on the client's end, and returns the received sequence
    /// numbers.
    fn received_after(act: fn(TcpStream)) -> Option<u64> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"12345").unwrap();
        act(client);
        sequence_received(server.as_fd())
    }

    #[test]
    fn a_fin_takes_a_sequence_number_and_a_reset_takes_none() {
        let reset = |client: TcpStream| crate::socket::reset(client.into());
        assert_eq!(received_after(std::mem::forget), Some(5));
        assert_eq!(received_after(drop), Some(6));
        assert_eq!(received_after(reset), Some(5));
        assert_eq!(
            received_after(|client| {
                crate::socket::shut_write(client.as_fd()).unwrap();
                crate::socket::reset(client.into());
            }),
            Some(6),
            "a FIN, and an RST behind it"
        );
    }
}
