//! Sizes of the buffers of TCP sockets.

use crate::{Result, sockopt};
use flow::Buffers;
use rustix::fd::BorrowedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt as options};

/// Which buffers have a size that was set: `SOCK_SNDBUF_LOCK` and `SOCK_RCVBUF_LOCK` of linux/socket.h.
const SEND: u32 = 1;
const RECEIVE: u32 = 2;

/// Sets the sizes that are given.
pub(crate) fn set(socket: BorrowedFd<'_>, buffers: Buffers) -> Result<()> {
    let size = |size: u32| usize::try_from(size).unwrap_or(usize::MAX);
    if let Some(send) = buffers.send {
        options::set_socket_send_buffer_size(socket, size(send))?;
    }
    if let Some(receive) = buffers.receive {
        options::set_socket_recv_buffer_size(socket, size(receive))?;
    }
    match buffers.unsent {
        Some(unsent) => sockopt::set_not_sent_low_water(socket, unsent),
        None => Ok(()),
    }
}

/// Sets exactly these sizes on a listener, for the sockets that it accepts from now on: the others are the
/// kernel's again.
pub(crate) fn replace(socket: BorrowedFd<'_>, buffers: Buffers) -> Result<()> {
    let (send, receive) = freed(socket, buffers)?;
    if send || receive {
        // The kernel sizes the buffers of a new socket, and keeps twice the size that is set (socket(7)).
        let new = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        if send {
            let size = options::socket_send_buffer_size(&new)?;
            options::set_socket_send_buffer_size(socket, size / 2)?;
        }
        if receive {
            let size = options::socket_recv_buffer_size(&new)?;
            options::set_socket_recv_buffer_size(socket, size / 2)?;
        }
        let kept = [(SEND, buffers.send), (RECEIVE, buffers.receive)].into_iter();
        let kept = kept.filter(|(_, size)| size.is_some()).fold(0, |all, (lock, _)| all | lock);
        sockopt::lock_buffers(socket, kept)?;
    }
    if buffers.unsent.is_none() {
        // Zero: the limit of `net.ipv4.tcp_notsent_lowat` (tcp_notsent_lowat() in Linux).
        sockopt::set_not_sent_low_water(socket, 0)?;
    }
    set(socket, buffers)
}

/// Whether a socket with these sizes would have a buffer that the kernel sizes, and has a size that was set.
pub(crate) fn would_be_freed(socket: BorrowedFd<'_>, buffers: Buffers) -> Result<bool> {
    freed(socket, buffers).map(|(send, receive)| send || receive)
}

/// Whether the size of the send and receive buffer was set, and is not among these.
fn freed(socket: BorrowedFd<'_>, buffers: Buffers) -> Result<(bool, bool)> {
    let locked = sockopt::locked_buffers(socket)?;
    let is_freed = |lock: u32, size: Option<u32>| locked & lock != 0 && size.is_none();
    Ok((is_freed(SEND, buffers.send), is_freed(RECEIVE, buffers.receive)))
}

/// The key of a size that the kernel has not given: beyond `net.core.wmem_max` and `net.core.rmem_max` it silently
/// gives less.
pub(crate) fn refused(socket: BorrowedFd<'_>, buffers: Buffers) -> Result<Option<&'static str>> {
    // socket(7): the value that is read is twice the value that was set.
    let is_less = |asked: Option<u32>, given: usize| {
        asked.is_some_and(|asked| (given as u64) < 2 * u64::from(asked))
    };
    let send = is_less(buffers.send, options::socket_send_buffer_size(socket)?);
    let receive = is_less(buffers.receive, options::socket_recv_buffer_size(socket)?);
    Ok(if send { Some("send_buffer") } else { receive.then_some("receive_buffer") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn buffers_of_a_listener_return_to_the_kernel() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let buffers = Buffers { send: Some(20_000), receive: Some(20_000), unsent: Some(5000) };
        let sizes = || {
            let send = options::socket_send_buffer_size(&listener).unwrap();
            (send, options::socket_recv_buffer_size(&listener).unwrap())
        };
        let before = sizes();
        replace(listener.as_fd(), buffers).unwrap();
        assert_eq!(sizes(), (40_000, 40_000));
        replace(listener.as_fd(), Buffers::AUTO).unwrap();
        assert_eq!((sizes(), sockopt::locked_buffers(listener.as_fd())), (before, Ok(0)));
    }
}
