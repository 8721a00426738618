//! Options of sockets that rustix does not offer.

use crate::{Errno, Result};
use rustix::fd::{AsRawFd, BorrowedFd};

/// Of asm-generic/socket.h, since Linux 5.14: libc has no name for it.
const SO_BUF_LOCK: i32 = 72;

/// `TCP_NOTSENT_LOWAT` (tcp(7)), in bytes.
pub(crate) fn set_not_sent_low_water(socket: BorrowedFd<'_>, bytes: u32) -> Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, &bytes.to_ne_bytes())
}

/// Lets the kernel size the other buffers again (`SO_BUF_LOCK`).
pub(crate) fn lock_buffers(socket: BorrowedFd<'_>, bits: u32) -> Result<()> {
    set(socket, libc::SOL_SOCKET, SO_BUF_LOCK, &bits.to_ne_bytes())
}

/// Which buffers have a size that was set (`SO_BUF_LOCK`); none, as far as an older kernel can say.
pub(crate) fn locked_buffers(socket: BorrowedFd<'_>) -> Result<u32> {
    let (mut bits, mut length) = (0u32, 4);
    // SAFETY: both pointers are to live and writable values; the kernel writes at most `length` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_BUF_LOCK,
            (&raw mut bits).cast(),
            &raw mut length,
        )
    };
    match last_error(result) {
        Err(Errno::NOPROTOOPT) => Ok(0),
        result => result.map(|()| bits),
    }
}

/// `SO_BINDTODEVICE` (socket(7)).
pub(crate) fn bind_to_device(socket: BorrowedFd<'_>, interface: &str) -> Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, interface.as_bytes())
}

/// `SO_MARK` (socket(7)).
pub(crate) fn set_mark(socket: BorrowedFd<'_>, mark: u32) -> Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_MARK, &mark.to_ne_bytes())
}

/// `IP_BIND_ADDRESS_NO_PORT` (ip(7)), for IPv6 sockets as well.
pub(crate) fn set_bind_address_no_port(socket: BorrowedFd<'_>) -> Result<()> {
    set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &1u32.to_ne_bytes())
}

fn set(socket: BorrowedFd<'_>, level: i32, option: i32, value: &[u8]) -> Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(|_| Errno::INVAL)?;
    // SAFETY: the pointer is to `value`, which is live during the call and has `length` bytes. The kernel only
    // reads them and keeps no pointer.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, option, value.as_ptr().cast(), length)
    };
    last_error(result)
}

/// The result of a call of the C library.
fn last_error(result: i32) -> Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
    }
}
