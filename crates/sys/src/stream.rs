//! Copying bytes through user memory.

use crate::Result;
use rustix::fd::BorrowedFd;
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags};

/// Receives into `buffer` and returns the number of bytes, 0 at the end of the stream. `EAGAIN` if
/// none are pending.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    retry_on_intr(|| rustix::net::recv(socket, &mut *buffer, RecvFlags::empty()))
        .map(|(count, _)| count)
}

/// Like [`receive`], but leaves the bytes in the receive queue.
pub fn peek(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    retry_on_intr(|| rustix::net::recv(socket, &mut *buffer, RecvFlags::PEEK))
        .map(|(count, _)| count)
}

/// Sends from `bytes` and returns the number of bytes the kernel accepted. `EAGAIN` if its buffer
/// is full.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    retry_on_intr(|| rustix::net::send(socket, bytes, SendFlags::NOSIGNAL))
}
