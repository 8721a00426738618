//! Descriptors that survive execve(2): marked by one process image, claimed by the next.

use crate::Result;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::fs::FileType;
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};

/// Highest descriptor of standard input, output and error, which are never claimed.
const LAST_STANDARD: RawFd = 2;

/// Keeps the descriptor open across execve(2).
pub fn keep_over_exec(fd: impl AsFd) -> Result<()> {
    fcntl_setfd(fd, FdFlags::empty())
}

/// Makes execve(2) close the descriptor, which is the default for ours.
pub fn close_on_exec(fd: impl AsFd) -> Result<()> {
    fcntl_setfd(fd, FdFlags::CLOEXEC)
}

/// The number with which the next process image can [`claim`] a descriptor.
pub fn number(fd: &impl AsFd) -> u32 {
    // Descriptor numbers are never negative, and `claim` refuses one that would be.
    fd.as_fd().as_raw_fd().cast_unsigned()
}

/// Takes over a descriptor from the previous process image. `EBADF` if the number is unused, or if
/// this image opened it: all of its own descriptors are close-on-exec. Claiming sets that flag too,
/// so no descriptor can be claimed twice, whatever the handoff file says.
pub fn claim(number: u32) -> Result<OwnedFd> {
    let number = RawFd::try_from(number).map_err(|_| Errno::BADF)?;
    if number <= LAST_STANDARD {
        return Err(Errno::BADF);
    }
    // SAFETY: the number is only queried. The kernel returns an error if no descriptor has it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    if fcntl_getfd(borrowed)?.contains(FdFlags::CLOEXEC) {
        return Err(Errno::BADF);
    }
    close_on_exec(borrowed)?;
    // SAFETY: the descriptor is open and has no owner: this image opens descriptors only as
    // close-on-exec, and this one had no such flag until the line above set it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Claims all remaining descriptors of these kinds. It scans all descriptors, and is needed only if
/// the handoff file cannot be read.
pub fn claim_all(kinds: &[DescriptorKind]) -> Vec<OwnedFd> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.ok()?.file_name().to_str()?.parse::<u32>().ok()
    };
    // Collected first, because reading the directory uses a descriptor itself.
    let numbers: Vec<u32> = entries.filter_map(number).collect();
    numbers.into_iter().filter_map(|number| claim_if(number, kinds)).collect()
}

fn claim_if(number: u32, kinds: &[DescriptorKind]) -> Option<OwnedFd> {
    // SAFETY: as in `claim`, the number is only queried.
    let borrowed = unsafe { BorrowedFd::borrow_raw(RawFd::try_from(number).ok()?) };
    kinds.contains(&kind_of(borrowed)).then(|| claim(number).ok()).flatten()
}

/// Kind of an open file, as far as closing it properly depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorKind {
    /// A listening stream socket.
    Listener,
    /// Any other stream socket.
    Connection,
    /// One end of a pipe.
    Pipe,
    /// Any other open file.
    Other,
}

/// The kind of an open descriptor.
pub fn kind_of(fd: BorrowedFd<'_>) -> DescriptorKind {
    use rustix::net::{SocketType, sockopt};
    if sockopt::socket_type(fd) != Ok(SocketType::STREAM) {
        let mode = rustix::fs::fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
        return if mode == Ok(FileType::Fifo) {
            DescriptorKind::Pipe
        } else {
            DescriptorKind::Other
        };
    }
    match sockopt::socket_acceptconn(fd) {
        Ok(true) => DescriptorKind::Listener,
        _ => DescriptorKind::Connection,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    #[test]
    fn a_descriptor_is_claimed_once_and_only_if_it_was_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = u32::try_from(listener.as_raw_fd()).unwrap();
        assert_eq!(claim(number).unwrap_err(), Errno::BADF, "opened by this image");
        keep_over_exec(&listener).unwrap();
        // As after execve(2): the descriptor is open and has no owner.
        std::mem::forget(listener);
        let claimed = claim(number).unwrap();
        assert_eq!(claim(number).unwrap_err(), Errno::BADF);
        assert_eq!(kind_of(claimed.as_fd()), DescriptorKind::Listener);
        drop(claimed);
        for none in [0, 2, 1_000_000, u32::MAX] {
            assert_eq!(claim(none).unwrap_err(), Errno::BADF);
        }
    }

    #[test]
    fn kinds_are_distinguished() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let (pipe, _writer) = std::io::pipe().unwrap();
        let all = [listener.as_fd(), client.as_fd(), pipe.as_fd(), file.as_fd()];
        assert_eq!(
            all.map(kind_of),
            [
                DescriptorKind::Listener,
                DescriptorKind::Connection,
                DescriptorKind::Pipe,
                DescriptorKind::Other
            ]
        );
    }
}
