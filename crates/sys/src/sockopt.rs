//! Options of sockets that rustix does not offer.

use crate::{Errno, Result};
use rustix::fd::{AsRawFd, BorrowedFd};

/// Of asm-generic/socket.h, since Linux 5.14: libc has no name for it.
const SO_BUF_LOCK: i32 = 72;

/// Most supplementary groups of a process (`NGROUPS_MAX`, linux/limits.h).
const GROUPS_MAX: usize = 65_536;

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
        result => result.map(|_| u32::from_ne_bytes(bits)),
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

/// The supplementary groups of the process at the other end of a Unix socket, at its connect(2) (`SO_PEERGROUPS`, since
/// Linux 4.13).
pub fn peer_groups(socket: BorrowedFd<'_>) -> Result<Vec<u32>> {
    let mut bytes = vec![0; 32 * size_of::<u32>()];
    let length = loop {
        match get(socket, libc::SOL_SOCKET, libc::SO_PEERGROUPS, &mut bytes) {
            Err(Errno::RANGE) if bytes.len() < GROUPS_MAX * size_of::<u32>() => {
                bytes.resize(bytes.len() * 2, 0);
            }
            result => break result?,
        }
    };
    let numbers = bytes[..length].chunks_exact(size_of::<u32>());
    Ok(numbers.filter_map(|it| Some(u32::from_ne_bytes(it.try_into().ok()?))).collect())
}

/// Reads an option. Returns its length in bytes.
fn get(socket: BorrowedFd<'_>, level: i32, option: i32, value: &mut [u8]) -> Result<usize> {
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
    last_error(result)?;
    Ok((length as usize).min(value.len()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    /// Needs root, to set the groups, of this thread only.
    #[test]
    fn all_groups_of_a_peer_are_found() {
        if crate::user_id() != 0 {
            return;
        }
        let of_thread = |count: u32| {
            let groups: Vec<_> = (1..=count).collect();
            let raw: Vec<_> =
                groups.iter().map(|group| rustix::process::Gid::from_raw(*group)).collect();
            let thread = std::thread::spawn(move || {
                rustix::thread::set_thread_groups(&raw).unwrap();
                let (ours, _theirs) = UnixStream::pair().unwrap();
                peer_groups(ours.as_fd()).unwrap()
            });
            (thread.join().unwrap(), groups)
        };
        for count in [0, 1, 32, 33, 1000] {
            let (found, expected) = of_thread(count);
            assert_eq!(found, expected);
        }
    }
}
