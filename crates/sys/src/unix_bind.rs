//! The address of a Unix socket: a file, which outlives a process that was killed.

use crate::socket::FLAGS;
use crate::{Errno, FileId, Result, is_socket_file};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, socket_with};
use std::path::Path;

/// Attempts to bind: other processes may remove the file in the way at any moment, and create another.
const ATTEMPTS: u32 = 4;

/// Binds a Unix socket, without listening: connecting to it is refused. Replaces a socket file on which no process
/// listens.
pub(crate) fn bind_unix(path: &Path, mode: Option<u32>) -> Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    if let Some(mode) = mode {
        // bind(2) creates the file with the mode of the socket, less the umask.
        fchmod(&socket, Mode::from_raw_mode(mode))?;
    }
    take_address(path, &address, || bind(&socket, &address))?;
    Ok(socket)
}

fn take_address(
    path: &Path,
    address: &SocketAddrUnix,
    mut bind: impl FnMut() -> Result<()>,
) -> Result<()> {
    for _ in 0..ATTEMPTS {
        match bind() {
            Err(Errno::ADDRINUSE) => {}
            result => return result,
        }
        let file = FileId::at(path);
        if is_held(path, address) {
            break;
        }
        if let Some(file) = file {
            file.remove_from(path);
        }
    }
    Err(Errno::ADDRINUSE)
}

/// Whether a process listens at `path`, or a file of another kind is there. A process that ends removes its file at
/// any moment: no file holds no address.
pub(crate) fn is_held(path: &Path, address: &SocketAddrUnix) -> bool {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None);
    let refuses = socket.is_ok_and(|socket| connect(&socket, address) == Err(Errno::CONNREFUSED));
    FileId::at(path).is_some() && !(refuses && is_socket_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn an_address_whose_holder_ends_during_the_attempt_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let address = SocketAddrUnix::new(&path).unwrap();
        let holder = Cell::new(Some(std::os::unix::net::UnixListener::bind(&path).unwrap()));
        let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let attempt = || {
            let result = bind(&socket, &address);
            if holder.take().is_some() {
                std::fs::remove_file(&path).unwrap();
            }
            result
        };
        assert_eq!(take_address(&path, &address, attempt), Ok(()));
    }

    #[test]
    fn an_address_in_use_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(bind_unix(&path, None).unwrap_err(), Errno::ADDRINUSE);
        drop(listener);
        bind_unix(&path, None).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(bind_unix(&path, None).unwrap_err(), Errno::ADDRINUSE);
    }
}
