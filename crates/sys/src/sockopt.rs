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
    let mut bits = [0; 4];
    match get(socket, libc::SOL_SOCKET, SO_BUF_LOCK, &mut bits) {
        Err(Errno::NOPROTOOPT) => Ok(0),
        result => result.map(|()| u32::from_ne_bytes(bits)),
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

/// `SO_MAX_PACING_RATE` (socket(7)): most bytes per second; `None` takes a limit away.
pub(crate) fn set_pacing_rate(socket: BorrowedFd<'_>, limit: Option<u64>) -> Result<()> {
    // `~0` is no limit (sk_setsockopt() in Linux). Eight bytes since Linux 4.20.
    let limit = limit.unwrap_or(u64::MAX);
    set(socket, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, &limit.to_ne_bytes())
}

/// The limit that the kernel has noted; `u64::MAX` is none.
pub(crate) fn pacing_rate(socket: BorrowedFd<'_>) -> Result<u64> {
    let mut bytes = [0; 8];
    get(socket, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, &mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// `IP_TRANSPARENT` (ip(7)), for IPv6 sockets as well: `IPV6_TRANSPARENT` sets the same flag.
pub(crate) fn set_transparent(socket: BorrowedFd<'_>) -> Result<()> {
    set(socket, libc::IPPROTO_IP, libc::IP_TRANSPARENT, &1u32.to_ne_bytes())
}

/// Whether a connection uses MPTCP: it is neither TCP, nor has fallen back to it (`MPTCP_INFO`, linux/mptcp.h).
pub fn speaks_mptcp(socket: BorrowedFd<'_>) -> bool {
    /// Since Linux 5.16; libc has no names for them.
    const SOL_MPTCP: i32 = 284;
    const MPTCP_INFO: i32 = 1;
    get(socket, SOL_MPTCP, MPTCP_INFO, &mut [0; 8]).is_ok()
}

/// `IP_BIND_ADDRESS_NO_PORT` (ip(7)), for IPv6 sockets as well.
pub(crate) fn set_bind_address_no_port(socket: BorrowedFd<'_>) -> Result<()> {
    set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &1u32.to_ne_bytes())
}

/// Reads an option.
fn get(socket: BorrowedFd<'_>, level: i32, option: i32, value: &mut [u8]) -> Result<()> {
    let mut length = libc::socklen_t::try_from(value.len()).map_err(|_| Errno::INVAL)?;
    // SAFETY: both pointers are to live and writable values; the kernel writes at most `length` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    last_error(result)
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
pub(crate) fn last_error(result: i32) -> Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
    }
}
