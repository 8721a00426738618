//! Notifications to the service manager (sd_notify(3)), optionally with a descriptor to store.

use crate::{Errno, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::retry_on_intr;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sendmsg_addr, socket_with,
};
use rustix::pipe::{PipeFlags, pipe_with};
use std::ffi::OsStr;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// Time that sending may block if the manager does not read.
const SEND_LIMIT: Duration = Duration::from_millis(500);

/// A connected socket for messages to the service manager.
#[derive(Debug)]
pub struct NotifySocket {
    socket: OwnedFd,
    manager: SocketAddrUnix,
}

impl NotifySocket {
    /// Connects to `address`: a path, or an abstract name that starts with `@`. `EAFNOSUPPORT` for
    /// other addresses.
    pub fn to(address: &OsStr) -> Result<Self> {
        let manager = match address.as_bytes() {
            [b'/', ..] => SocketAddrUnix::new(address)?,
            [b'@', name @ ..] if !name.is_empty() => SocketAddrUnix::new_abstract_name(name)?,
            _ => return Err(Errno::AFNOSUPPORT),
        };
        let (family, kind) = (AddressFamily::UNIX, SocketType::DGRAM);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Send, Some(SEND_LIMIT))?;
        Ok(Self { socket, manager })
    }

    /// Sends a message, optionally with a copy of a descriptor. `EAGAIN` if the manager does not
    /// read.
    pub fn send(&self, message: &str, descriptor: Option<BorrowedFd<'_>>) -> Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptor = descriptor.map(|descriptor| [descriptor]);
        if let Some(descriptor) = &descriptor {
            // The buffer has space for exactly one descriptor.
            ancillary.push(SendAncillaryMessage::ScmRights(descriptor));
        }
        let text = [IoSlice::new(message.as_bytes())];
        let flags = SendFlags::NOSIGNAL;
        retry_on_intr(|| {
            sendmsg_addr(&self.socket, &self.manager, &text, &mut ancillary, flags).map(drop)
        })
    }

    /// Waits until the manager has processed all earlier messages (sd_notify_barrier(3)). Returns
    /// false after `limit`.
    pub fn wait_until_read(&self, limit: Duration) -> Result<bool> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        self.send("BARRIER=1", Some(theirs.as_fd()))?;
        // The manager now holds the only copy, and closes it when it processes the message.
        drop(theirs);
        let limit = Timespec::try_from(limit).map_err(|_| Errno::INVAL)?;
        let mut events = [PollFd::new(&ours, PollFlags::IN)];
        Ok(retry_on_intr(|| poll(&mut events, Some(&limit)))? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    fn reads(manager: &UnixDatagram, expected: &str) {
        let mut message = [0; 64];
        let count = manager.recv(&mut message).unwrap();
        assert_eq!(std::str::from_utf8(&message[..count]), Ok(expected));
    }

    #[test]
    fn messages_reach_a_path_and_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("notify-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        for (manager, address) in [
            (UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned()),
            (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}")),
        ] {
            let socket = NotifySocket::to(OsStr::new(&address)).unwrap();
            socket.send("READY=1", None).unwrap();
            reads(&manager, "READY=1");
            socket.send("FDSTORE=1", Some(manager.as_fd())).unwrap();
            reads(&manager, "FDSTORE=1");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for address in ["", "@", "notify", "vsock:2:1234"] {
            assert_eq!(NotifySocket::to(OsStr::new(address)).unwrap_err(), Errno::AFNOSUPPORT);
        }
    }

    #[test]
    fn a_barrier_lasts_until_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let socket = NotifySocket::to(path.as_os_str()).unwrap();
        assert_eq!(socket.wait_until_read(Duration::from_millis(20)), Ok(false));
        let reader = std::thread::spawn(move || {
            // Reading without a control buffer closes the passed descriptors.
            for _ in 0..2 {
                reads(&manager, "BARRIER=1");
            }
        });
        assert_eq!(socket.wait_until_read(Duration::from_secs(10)), Ok(true));
        reader.join().unwrap();
    }
}
