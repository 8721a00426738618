//! Listening sockets: TCP and Unix.

use crate::socket::{FLAGS, TcpOptions, keep_urgent_inline, set_for_forwarding, set_tcp_options};
use crate::unix_bind::{bind_unix, is_held};
use crate::{Address, Errno, FileId, NotGranted, Result, buffers, change_socket_rights, mptcp};
use flow::SocketRights;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags};
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrAny, SocketAddrUnix, SocketType, acceptfrom_with, bind,
    connect, listen, shutdown, socket_with, sockopt,
};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Requested length of the accept queue. The kernel caps it at `net.core.somaxconn` (listen(2)), so
/// the operator's setting applies.
pub const BACKLOG: i32 = 65_535;

/// Options that a listener has from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Inherited by accepted TCP sockets.
    pub tcp: TcpOptions,
    /// Rights on the file of a Unix socket.
    pub rights: SocketRights,
    /// `IP_FREEBIND` (ip(7)): no interface needs to have the address yet.
    pub freebind: bool,
    /// Accepts MPTCP clients, too.
    pub mptcp: bool,
}

impl ListenOptions {
    /// The kernel's defaults.
    pub const NONE: Self = Self::with(TcpOptions::NONE);

    /// These options for accepted sockets, and otherwise the kernel's defaults.
    pub const fn with(tcp: TcpOptions) -> Self {
        Self { tcp, rights: SocketRights::AUTO, freebind: false, mptcp: false }
    }
}

/// Listens on one address; accepted sockets inherit `options`. `[::]` does not include IPv4.
pub fn tcp(address: SocketAddr, options: &TcpOptions) -> Result<OwnedFd> {
    started(bind_tcp(address, &ListenOptions::with(*options), Sharing::Exclusive)?)
}

/// Listens on `port` of every address, IPv4 and IPv6, with one socket. On a host without IPv6, on
/// every IPv4 address.
pub fn tcp_any(port: u16, options: &TcpOptions) -> Result<OwnedFd> {
    started(bind_tcp_any(port, &ListenOptions::with(*options), Sharing::Exclusive)?)
}

/// Whether two sockets of this user may be bound to overlapping addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// They may not; bind(2) fails with `EADDRINUSE`.
    Exclusive,
    /// They may if both allow it (`SO_REUSEPORT`, see [`set_sharing`]). The one with the more
    /// specific address gets the connections.
    SameUser,
}

/// Binds an address without listening. The socket takes no connections from a listener on the same
/// address, and closing it resets none. [`start`] makes it a listener.
pub fn bind_tcp(address: SocketAddr, options: &ListenOptions, sharing: Sharing) -> Result<OwnedFd> {
    prepared(bound(address, true, options, sharing)?, options)
}

/// Like [`bind_tcp`], for `port` of every address.
pub fn bind_tcp_any(port: u16, options: &ListenOptions, sharing: Sharing) -> Result<OwnedFd> {
    let bind = |address, only_v6| bound(address, only_v6, options, sharing);
    prepared(on_every_address(port, bind)?, options)
}

/// Makes a bound socket listen.
pub fn start(socket: impl AsFd) -> Result<()> {
    listen(socket, BACKLOG)
}

/// Changes whether a bound or listening socket shares its address.
pub fn set_sharing(socket: impl AsFd, sharing: Sharing) -> Result<()> {
    sockopt::set_socket_reuseport(socket, sharing == Sharing::SameUser)
}

/// Whether [`tcp`] could listen on the address. Binds without listening, so a current listener is
/// undisturbed.
pub fn try_tcp(address: SocketAddr) -> Result<()> {
    bound(address, true, &ListenOptions::NONE, Sharing::Exclusive).map(drop)
}

/// Whether [`tcp_any`] could listen on the port, without listening.
pub fn try_tcp_any(port: u16) -> Result<()> {
    let bind = |address, only_v6| bound(address, only_v6, &ListenOptions::NONE, Sharing::Exclusive);
    on_every_address(port, bind).map(drop)
}

/// Whether [`unix`] could listen on the path. Creates no file.
pub fn try_unix(path: &Path) -> Result<()> {
    if is_held(path, &SocketAddrUnix::new(path)?) {
        return Err(Errno::ADDRINUSE);
    }
    let directory = path.parent().unwrap_or(path);
    rustix::fs::accessat(
        rustix::fs::CWD,
        directory,
        Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    )
}

fn on_every_address(
    port: u16,
    make: impl Fn(SocketAddr, bool) -> Result<OwnedFd>,
) -> Result<OwnedFd> {
    match make((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        // IPv6 is missing in the kernel or disabled on all interfaces.
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => {
            make((Ipv4Addr::UNSPECIFIED, port).into(), true)
        }
        result => result,
    }
}

fn started(socket: OwnedFd) -> Result<OwnedFd> {
    start(&socket)?;
    Ok(socket)
}

/// Sets the options for accepted sockets before listening, so that the first connection inherits
/// them too.
fn prepared(socket: OwnedFd, options: &ListenOptions) -> Result<OwnedFd> {
    set_for_forwarding(socket.as_fd(), options.mptcp)?;
    set_tcp_options(socket.as_fd(), &options.tcp)?;
    // Before listening: the window scale of a connection comes from the size of the buffer (tcp(7)).
    buffers::set(socket.as_fd(), options.tcp.buffers)?;
    Ok(socket)
}

/// A bound socket that does not listen yet.
fn bound(
    address: SocketAddr,
    only_v6: bool,
    options: &ListenOptions,
    sharing: Sharing,
) -> Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, SocketType::STREAM, FLAGS, mptcp::protocol(options.mptcp))?;
    // Connections of an earlier process in TIME_WAIT must not prevent a start. The option does not
    // allow two listeners on one port (socket(7)).
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, only_v6)?;
    }
    if options.freebind {
        // Also for IPv6 sockets: both options set one flag of the socket (IPV6_FREEBIND in Linux).
        sockopt::set_ip_freebind(&socket, true)?;
    }
    if sharing == Sharing::SameUser {
        set_sharing(&socket, sharing)?;
    }
    bind(&socket, &address)?;
    Ok(socket)
}

/// Listens on a Unix socket at `path`. Its file has these rights before a client can connect.
///
/// Replaces the socket file of a process that no longer listens, after a crash for instance.
/// `EADDRINUSE` if another process listens. The caller owns the new file and has to remove it at
/// the end.
///
/// # Errors
///
/// The setting that the kernel refuses: one of the rights, or `listen` for all else.
pub fn unix(path: &Path, rights: &SocketRights) -> std::result::Result<OwnedFd, NotGranted> {
    let failed = |errno| NotGranted { key: "listen", errno };
    let socket = bind_unix(path, rights.mode).map_err(failed)?;
    let file = FileId::at(path).ok_or(failed(Errno::NOENT))?;
    let listening = change_socket_rights(path, file, &SocketRights::AUTO, rights)
        .and_then(|()| listen(&socket, BACKLOG).map_err(failed));
    if listening.is_err() {
        file.remove_from(path);
    }
    listening.map(|()| socket)
}

/// Like [`unix`], accessible to this user only.
pub fn unix_private(path: &Path) -> Result<OwnedFd> {
    let rights = SocketRights { mode: Some(0o600), ..SocketRights::AUTO };
    unix(path, &rights).map_err(|error| error.errno)
}

/// Process id of the listener on the Unix socket at `path`; `None` if there is none.
pub fn unix_owner(path: &Path) -> Option<u32> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None).ok()?;
    connect(&socket, &SocketAddrUnix::new(path).ok()?).ok()?;
    let owner = sockopt::socket_peercred(&socket).ok()?;
    u32::try_from(owner.pid.as_raw_nonzero().get()).ok()
}

/// Accepts a pending connection and returns its socket and peer. `EAGAIN` if there is none.
pub fn accept(listener: BorrowedFd<'_>) -> Result<(OwnedFd, Address)> {
    let (socket, peer) = acceptfrom_with(listener, FLAGS)?;
    match peer.and_then(|peer: SocketAddrAny| SocketAddr::try_from(peer).ok()) {
        Some(ip) => Ok((socket, ip.into())),
        None => keep_urgent_inline(socket.as_fd()).map(|()| (socket, Address::UNIX)),
    }
}

/// Stops listening, in every process that has a copy of the socket. Closing frees the address only
/// with the last copy.
pub fn stop(listener: impl AsFd) {
    // Fails only for a socket that does not listen.
    let _ = shutdown(listener, Shutdown::Both);
}

/// Whether a connection is pending. True if poll(2) fails.
pub fn has_pending(listener: BorrowedFd<'_>) -> bool {
    let mut events = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut events, Some(&now)).map_or(true, |count| count > 0)
}

/// Length of the accept queue. 0 for a Unix socket, for which the kernel does not report it.
pub fn waiting(listener: impl AsFd) -> u32 {
    crate::tcp_info::accept_queue(listener.as_fd())
}

/// The address that a socket is bound to, such as a port chosen by the kernel. `None` for a Unix
/// socket.
pub fn local_address(socket: impl AsFd) -> Result<Option<SocketAddr>> {
    Ok(SocketAddr::try_from(rustix::net::getsockname(socket)?).ok())
}

/// Whether a Unix socket is bound to `path`.
pub fn is_at_path(socket: impl AsFd, path: &Path) -> bool {
    let bound = rustix::net::getsockname(socket).ok();
    let bound = bound.and_then(|bound| SocketAddrUnix::try_from(bound).ok());
    bound.is_some() && bound == SocketAddrUnix::new(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    const OPTIONS: TcpOptions = TcpOptions::NONE;
    const NONE: ListenOptions = ListenOptions::NONE;

    #[test]
    fn dual_stack_listeners_accept_both_families_and_report_their_addresses() {
        let listener = tcp_any(0, &OPTIONS).unwrap();
        let port = local_address(&listener).unwrap().unwrap().port();
        for host in ["127.0.0.1", "::1"] {
            let client = TcpStream::connect((host, port)).unwrap();
            let (_, peer) = accept(listener.as_fd()).unwrap();
            assert_eq!(peer.ip(), Some(client.local_addr().unwrap()));
        }
        assert_eq!(accept(listener.as_fd()).unwrap_err(), Errno::AGAIN);
    }

    #[test]
    fn two_listeners_do_not_share_a_port() {
        let first = tcp((Ipv4Addr::LOCALHOST, 0).into(), &OPTIONS).unwrap();
        let address = local_address(&first).unwrap().unwrap();
        assert_eq!(tcp(address, &OPTIONS).unwrap_err(), Errno::ADDRINUSE);
    }

    #[test]
    fn trying_a_port_does_not_listen() {
        let first = tcp((Ipv4Addr::LOCALHOST, 0).into(), &OPTIONS).unwrap();
        let address = local_address(&first).unwrap().unwrap();
        assert_eq!(try_tcp(address), Err(Errno::ADDRINUSE));
        assert_eq!(try_tcp_any(address.port()), Err(Errno::ADDRINUSE));
        drop(first);
        assert_eq!((try_tcp(address), try_tcp_any(address.port())), (Ok(()), Ok(())));
        let _socket = bound(address, true, &NONE, Sharing::Exclusive).unwrap();
        let refused = std::net::TcpStream::connect(address).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(std::io::ErrorKind::ConnectionRefused));
    }

    #[test]
    fn a_private_unix_socket_is_accessible_to_its_user_only() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = unix_private(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(unix_owner(&path), Some(std::process::id()));
        assert_eq!(unix_owner(&dir.path().join("nobody")), None);
    }

    #[test]
    fn an_abandoned_unix_socket_is_replaced_and_an_active_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let living = unix(&path, &SocketRights::AUTO).unwrap();
        assert_eq!(unix(&path, &SocketRights::AUTO).unwrap_err().errno, Errno::ADDRINUSE);
        drop(living);
        drop(unix(&path, &SocketRights::AUTO).unwrap());
        let file = dir.path().join("file");
        std::fs::write(&file, "not a socket").unwrap();
        let refused = unix(&file, &SocketRights::AUTO).unwrap_err();
        assert_eq!(refused.errno, Errno::ADDRINUSE, "a file is never removed");
    }

    #[test]
    fn trying_a_unix_socket_creates_and_removes_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert_eq!((try_unix(&path), path.exists()), (Ok(()), false));
        let living = unix(&path, &SocketRights::AUTO).unwrap();
        assert_eq!(try_unix(&path), Err(Errno::ADDRINUSE));
        drop(living);
        // Unlike unix(), try_unix() must not remove the abandoned file.
        assert_eq!((try_unix(&path), path.exists()), (Ok(()), true));
        assert_eq!(try_unix(&dir.path().join("none/socket")), Err(Errno::NOENT));
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(try_unix(&dir.path().join("file")), Err(Errno::ADDRINUSE));
        let long = dir.path().join("x".repeat(200));
        assert_eq!(try_unix(&long), Err(Errno::NAMETOOLONG));
    }

    #[test]
    fn an_address_that_is_not_there_can_be_bound_with_freebind_only() {
        for address in ["192.0.2.1:0", "[2001:db8::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let bind = |freebind| {
                let options = ListenOptions { freebind, ..NONE };
                bind_tcp(address, &options, Sharing::Exclusive).and_then(started).map(drop)
            };
            assert_eq!((bind(false), bind(true)), (Err(Errno::ADDRNOTAVAIL), Ok(())));
        }
    }

    /// Each pair of addresses overlaps. Clients accepted by the old listener stay connected.
    #[test]
    fn a_listener_takes_over_from_another_with_an_overlapping_address() {
        let addresses = ["[::]", "0.0.0.0", "127.0.0.1", "[::1]"];
        let pairs = addresses.iter().flat_map(|old| addresses.map(|new| (*old, new)));
        let v4 = |address: &str| !address.starts_with('[');
        let any = |address: &str| matches!(address, "[::]" | "0.0.0.0");
        for (old, new) in
            pairs.filter(|(old, new)| old != new && v4(old) == v4(new) && (any(old) || any(new)))
        {
            let at = |address: &str, port| format!("{address}:{port}").parse().unwrap();
            let first = tcp(at(old, 0), &OPTIONS).unwrap();
            let port = local_address(&first).unwrap().unwrap().port();
            let address: SocketAddr = at(new, port);
            assert_eq!(bind_tcp(address, &NONE, Sharing::Exclusive).err(), Some(Errno::ADDRINUSE));
            assert_eq!(bind_tcp(address, &NONE, Sharing::SameUser).err(), Some(Errno::ADDRINUSE));
            set_sharing(&first, Sharing::SameUser).unwrap();
            let second = bind_tcp(address, &NONE, Sharing::SameUser).unwrap();
            let reached: SocketAddr = at(if v4(old) { "127.0.0.1" } else { "[::1]" }, port);
            let before = TcpStream::connect(reached).unwrap();
            start(&second).unwrap();
            set_sharing(&second, Sharing::Exclusive).unwrap();
            let peer = accept(first.as_fd()).unwrap().1;
            assert_eq!(peer.ip(), Some(before.local_addr().unwrap()));
            drop(first);
            let after = TcpStream::connect(reached).unwrap();
            let peer = accept(second.as_fd()).unwrap().1;
            assert_eq!(peer.ip(), Some(after.local_addr().unwrap()));
            assert_eq!(tcp(address, &OPTIONS).err(), Some(Errno::ADDRINUSE));
        }
    }
}
