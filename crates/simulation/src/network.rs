//! Sockets of scripted peers, on those of the simulated kernel.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use sys::Result;
use sys::kernel::{Kernel, Socket as _};
use sys::listen::{ListenOptions, Sharing};
use testkit::sim::{Look, Process, SimSocket};

/// Number of a connection, the same at both ends.
pub(crate) type Connection = u64;

/// The socket of a peer.
#[derive(Debug)]
pub(crate) struct PeerSocket(SimSocket);

/// Readiness of a socket, as poll(2) reports it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// It has failed.
    pub(crate) failed: bool,
}

impl PeerSocket {
    pub(crate) fn connect(process: &Process, source: IpAddr, address: SocketAddr) -> Result<Self> {
        let source = Some(source).filter(|source| source.is_ipv4() == address.is_ipv4());
        process.connect_tcp_from(source, address).map(Self)
    }

    pub(crate) fn connect_unix(process: &Process, path: &Path) -> Result<Self> {
        process.connect_unix(path).map(Self)
    }

    pub(crate) fn accept(listener: &SimSocket) -> Result<Self> {
        listener.accept().map(|(socket, _)| Self(socket))
    }

    pub(crate) fn connection(&self) -> Connection {
        self.0.connection().unwrap_or(0)
    }

    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.0.local_address().ok().flatten()
    }

    pub(crate) fn ready(&self) -> Ready {
        let Look { readable, writable, failed, .. } = self.0.look();
        Ready { readable, writable, failed }
    }

    /// Whether bytes are unread: a close resets the connection then.
    pub(crate) fn has_unread(&self) -> bool {
        self.0.look().unread > 0
    }

    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        self.0.receive(buffer)
    }

    pub(crate) fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.0.send(bytes)
    }

    /// Sends a byte with an urgent mark, or, by a Unix socket, with a descriptor attached.
    pub(crate) fn send_marked(&self, byte: u8) -> Result<usize> {
        if self.0.is_unix() { self.0.send_attached(&[byte]) } else { self.0.send_urgent(byte) }
    }

    pub(crate) fn shut_write(&self) -> Result<()> {
        self.0.shut_write()
    }

    pub(crate) fn take_error(&self) -> Result<()> {
        self.0.take_error()
    }

    pub(crate) fn unacked(&self) -> u32 {
        self.0.unacked()
    }

    pub(crate) fn is_unix(&self) -> bool {
        self.0.is_unix()
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        self.0.reset();
    }

    /// Its host stops answering. TCP only.
    pub(crate) fn vanish(self) {
        self.0.vanish();
    }
}

/// A TCP listener of a peer.
pub(crate) fn listen(process: &Process, address: SocketAddr) -> Result<SimSocket> {
    let socket = process.bind_tcp(address, &ListenOptions::NONE, Sharing::Exclusive)?;
    socket.listen()?;
    Ok(socket)
}
