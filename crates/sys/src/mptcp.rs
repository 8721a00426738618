//! Multipath TCP (RFC 8684). Its sockets are used as those of TCP, and speak TCP with a peer that does not know it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use rustix::net::{Protocol, ipproto, sockopt};

/// The protocol of a new stream socket; `None` is TCP.
pub(crate) fn protocol(mptcp: bool) -> Option<Protocol> {
    mptcp.then_some(ipproto::MPTCP)
}

/// Whether a socket was opened for MPTCP, or was accepted from a peer that speaks it. One that was opened may have
/// fallen back to TCP.
pub fn is_mptcp(socket: BorrowedFd<'_>) -> bool {
    sockopt::socket_protocol(socket).is_ok_and(|protocol| protocol == Some(ipproto::MPTCP))
}

/// Whether the peer of an MPTCP connection has ended its stream, and no reset followed. (Its FIN has a number in the
/// data of all subflows, and those that the kernel shows are of one subflow.)
///
/// A reset ends both directions for poll(2), so that an end of one direction alone is a FIN. False as well if this end
/// has been shut down.
pub(crate) fn has_received_fin(socket: BorrowedFd<'_>) -> bool {
    let mut events = [PollFd::from_borrowed_fd(socket, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let is_known = poll(&mut events, Some(&now)).is_ok();
    let seen = events[0].revents();
    is_known && seen.contains(PollFlags::RDHUP) && !seen.intersects(PollFlags::HUP | PollFlags::ERR)
}
