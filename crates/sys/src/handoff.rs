//! Descriptors that outlive execve(2): marked by the image that goes, claimed by the one that comes.

use crate::Result;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::fs::FileType;
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};

/// Standard input, output and error: never claimed, they are there for everybody.
const LAST_STANDARD: RawFd = 2;

/// From now on the descriptor stays open over execve(2).
pub fn keep_over_exec(fd: impl AsFd) -> Result<()> {
    fcntl_setfd(fd, FdFlags::empty())
}

/// From now on it is closed by execve(2), as descriptors are that nobody marked.
pub fn close_on_exec(fd: impl AsFd) -> Result<()> {
    fcntl_setfd(fd, FdFlags::CLOEXEC)
}

/// The number by which the next process image can [`claim`] a descriptor.
pub fn number(fd: &impl AsFd) -> u32 {
    // Descriptors are never negative.
    u32::try_from(fd.as_fd().as_raw_fd()).unwrap_or(u32::MAX)
}

/// Takes a descriptor that the image before kept open. `EBADF` if there is none of this number, or
/// if it is this image's own: all of these are close-on-exec. So what was claimed once cannot be
/// claimed again, whatever the state that names it says.
pub fn claim(number: u32) -> Result<OwnedFd> {
    let number = RawFd::try_from(number).map_err(|_| Errno::BADF)?;
    if number <= LAST_STANDARD {
        return Err(Errno::BADF);
    }
    // SAFETY: the number is only asked about. If no descriptor has it, the kernel says so.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    if fcntl_getfd(borrowed)?.contains(FdFlags::CLOEXEC) {
        return Err(Errno::BADF);
    }
    close_on_exec(borrowed)?;
    // SAFETY: it is open, and nobody owns it: this image makes descriptors close-on-exec only, and
    // the flag that marked this one as unclaimed has just been cleared.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Claims what is left of these kinds. It walks all descriptors: only for when the state that named
/// them cannot be read.
pub fn claim_all(kinds: &[DescriptorKind]) -> Vec<OwnedFd> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.ok()?.file_name().to_str()?.parse::<u32>().ok()
    };
    // Collected first: the listing has a descriptor of its own.
    let numbers: Vec<u32> = entries.filter_map(number).collect();
    numbers.into_iter().filter_map(|number| claim_if(number, kinds)).collect()
}

fn claim_if(number: u32, kinds: &[DescriptorKind]) -> Option<OwnedFd> {
    // SAFETY: as in `claim`: the number is only asked about.
    let borrowed = unsafe { BorrowedFd::borrow_raw(RawFd::try_from(number).ok()?) };
    kinds.contains(&kind_of(borrowed)).then(|| claim(number).ok()).flatten()
}

/// What a descriptor stands for, as far as giving it up properly needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorKind {
    /// A socket that accepts connections.
    Listener,
    /// Any other stream socket.
    Connection,
    /// One end of a pipe.
    Pipe,
    /// Something else.
    Other,
}

/// What `fd` stands for.
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
        assert_eq!(claim(number).unwrap_err(), Errno::BADF, "it is our own");
        keep_over_exec(&listener).unwrap();
        // As execve(2) would: the owner is gone, and the descriptor is still there.
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
    fn kinds_are_told_apart() {
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
