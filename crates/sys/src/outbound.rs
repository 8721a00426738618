//! Options of sockets towards targets.

use crate::socket::{
    Progress, TcpOptions, connect_prepared, new_connection, set_tcp_options, take_error,
    try_unacked,
};
use crate::{Errno, Result, buffers, mptcp, sockopt};
use flow::{Buffers, Outbound, Pacing};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An option that the kernel does not grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGranted {
    /// The key of the setting.
    pub key: &'static str,
    /// The error of setsockopt(2) or bind(2).
    pub errno: Errno,
}

/// Starts connecting to a TCP address with these options. Source addresses without a free port are passed over.
pub fn connect_with(
    address: SocketAddr,
    outbound: &Outbound,
    buffers: Buffers,
    turn: u64,
) -> Result<(OwnedFd, Progress)> {
    // No source of the family of the address.
    let mut result = Err(Errno::AFNOSUPPORT);
    for source in sources_of(outbound, address, turn) {
        result = connect_from(address, outbound, buffers, source);
        if !matches!(result, Err(Errno::ADDRNOTAVAIL)) {
            break;
        }
    }
    result
}

fn connect_from(
    address: SocketAddr,
    outbound: &Outbound,
    buffers: Buffers,
    source: Option<IpAddr>,
) -> Result<(OwnedFd, Progress)> {
    let socket = new_connection(address, outbound.mptcp)?;
    buffers::set(socket.as_fd(), buffers)?;
    prepare(&socket, address, outbound, source)?;
    connect_prepared(socket, address)
}

/// Connects to a TCP address with these options, and waits for it at most for `limit`.
///
/// # Errors
/// Those of connect(2); `TimedOut` after `limit`.
pub fn connect_within(
    address: SocketAddr,
    outbound: &Outbound,
    limit: Duration,
) -> std::io::Result<()> {
    let (socket, progress) = connect_with(address, outbound, Buffers::AUTO, 0)?;
    if progress == Progress::UnderWay {
        let limit = Timespec::try_from(limit).map_err(|_| Errno::INVAL)?;
        let mut waiting = [PollFd::new(&socket, PollFlags::OUT)];
        if poll(&mut waiting, Some(&limit))? == 0 {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
    }
    Ok(take_error(socket.as_fd())?)
}

/// The sources to try for a connection to `address`, from the `turn`th on; `None` leaves it to the route. A source
/// whose ports are all taken costs a search through them, so that few are tried.
pub fn sources_of(
    outbound: &Outbound,
    address: SocketAddr,
    turn: u64,
) -> impl Iterator<Item = Option<IpAddr>> + '_ {
    const MOST: usize = 4;
    let by_route = outbound.sources.is_empty().then_some(None);
    let own = outbound.sources_from(address.is_ipv6(), turn).take(MOST).map(Some);
    by_route.into_iter().chain(own)
}

/// Sets these options on a socket for a connection to `address`, and binds it to `source`.
pub fn prepare(
    socket: impl AsFd,
    address: SocketAddr,
    outbound: &Outbound,
    source: Option<IpAddr>,
) -> Result<()> {
    set(socket.as_fd(), outbound, address.is_ipv6()).map_err(|error| error.errno)?;
    if outbound.transparent && source.is_some() {
        sockopt::set_transparent(socket.as_fd())?;
    }
    source.map_or(Ok(()), |source| bind_source(socket.as_fd(), source))
}

/// Whether the kernel grants these options to this process now, also for targets with an IPv6 address if the caller
/// says that there may be any.
///
/// # Errors
/// The first option that it refuses.
pub fn try_outbound(
    outbound: &Outbound,
    options: &TcpOptions,
    pacing: Pacing,
    has_ipv6: bool,
) -> std::result::Result<(), NotGranted> {
    if outbound.mptcp {
        try_mptcp().map_err(failed("mptcp"))?;
    }
    let open = |family| {
        let protocol = mptcp::protocol(outbound.mptcp);
        socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, protocol)
    };
    let socket = open(AddressFamily::INET).map_err(failed("listen"))?;
    try_options(socket.as_fd(), outbound, options, pacing)?;
    set(socket.as_fd(), outbound, false)?;
    if outbound.transparent {
        sockopt::set_transparent(socket.as_fd()).map_err(failed("transparent"))?;
    }
    // MPTCP may have an option for IPv4 only. (A host without IPv6 reaches no such target.)
    if outbound.mptcp
        && has_ipv6
        && let Ok(socket) = open(AddressFamily::INET6)
    {
        set(socket.as_fd(), outbound, true)?;
    }
    for source in &outbound.sources {
        let family = if source.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
        let socket = open(family).map_err(failed("local_address"))?;
        // As a session does: the interface decides which addresses are there.
        set(socket.as_fd(), outbound, source.is_ipv6())?;
        bind_source(socket.as_fd(), *source).map_err(failed("local_address"))?;
    }
    Ok(())
}

/// Whether this kernel has MPTCP for this process, with all that a session needs (Linux 5.17).
///
/// # Errors
/// `PROTONOSUPPORT` or `INVAL` if it was built without MPTCP, `NOPROTOOPT` if `net.mptcp.enabled` is 0, `OPNOTSUPP`
/// if its MPTCP is too old.
fn try_mptcp() -> Result<()> {
    let (kind, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
    let new = socket_with(AddressFamily::INET, kind, flags, mptcp::protocol(true))?;
    let is_complete = rustix::net::sockopt::set_tcp_nodelay(&new, true).is_ok()
        && try_unacked(new.as_fd()).is_ok()
        && sockopt::speaks_mptcp(new.as_fd());
    if is_complete { Ok(()) } else { Err(Errno::OPNOTSUPP) }
}

fn failed(key: &'static str) -> impl Fn(Errno) -> NotGranted {
    move |errno| NotGranted { key, errno }
}

/// Tries the options that both sockets of a session have.
fn try_options(
    socket: BorrowedFd<'_>,
    outbound: &Outbound,
    options: &TcpOptions,
    pacing: Pacing,
) -> std::result::Result<(), NotGranted> {
    buffers::set(socket, options.buffers).map_err(failed("unsent"))?;
    let refused = buffers::refused(socket, options.buffers).map_err(failed("send_buffer"))?;
    if let Some(key) = refused {
        return Err(NotGranted { key, errno: Errno::NOBUFS });
    }
    if pacing != Pacing::NONE {
        try_pacing(socket).map_err(failed("rate"))?;
    }
    // TCP has these everywhere.
    if outbound.mptcp {
        let (keepalive, user_timeout) = (options.keepalive, options.user_timeout);
        let set = |options| set_tcp_options(socket, &options);
        set(TcpOptions { keepalive, ..TcpOptions::NONE }).map_err(failed("keepalive"))?;
        set(TcpOptions { user_timeout, ..TcpOptions::NONE }).map_err(failed("user_timeout"))?;
    }
    Ok(())
}

/// Whether this kernel keeps a limit that is set. One that knows no pacing may ignore the option.
fn try_pacing(socket: BorrowedFd<'_>) -> Result<()> {
    const SAMPLE: u64 = 1 << 20;
    sockopt::set_pacing_rate(socket, Some(SAMPLE))?;
    if sockopt::pacing_rate(socket)? == SAMPLE { Ok(()) } else { Err(Errno::NOPROTOOPT) }
}

fn set(
    socket: BorrowedFd<'_>,
    outbound: &Outbound,
    is_ipv6: bool,
) -> std::result::Result<(), NotGranted> {
    let option = |key: &'static str, result: Result<()>| result.map_err(failed(key));
    if let Some(interface) = &outbound.interface {
        option("interface", sockopt::bind_to_device(socket, interface))?;
    }
    if let Some(mark) = outbound.mark {
        option("mark", sockopt::set_mark(socket, mark))?;
    }
    if let Some(dscp) = outbound.dscp {
        // The lower two bits are for ECN (RFC 3168).
        let class = u32::from(dscp) << 2;
        option(
            "dscp",
            if is_ipv6 {
                rustix::net::sockopt::set_ipv6_tclass(socket, class)
            } else {
                rustix::net::sockopt::set_ip_tos(socket, (class & 0xff) as u8)
            },
        )?;
    }
    if let Some(name) = &outbound.congestion {
        option("congestion", rustix::net::sockopt::set_tcp_congestion(socket, name))?;
    }
    Ok(())
}

/// Binds a socket to a source address. The port is chosen by connect(2), which needs a free one for its target
/// only (`IP_BIND_ADDRESS_NO_PORT`, ip(7)).
fn bind_source(socket: BorrowedFd<'_>, source: IpAddr) -> Result<()> {
    sockopt::set_bind_address_no_port(socket)?;
    bind(socket, &SocketAddr::new(source, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    fn source(text: &str) -> Outbound {
        Outbound { sources: vec![text.parse().unwrap()], ..Outbound::default() }
    }

    #[test]
    fn a_connection_comes_from_its_source_with_its_options() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        let outbound = Outbound {
            dscp: Some(46),
            congestion: Some("reno".to_owned()),
            interface: Some("lo".to_owned()),
            ..source("127.0.0.7")
        };
        let buffers = Buffers { send: Some(20_000), receive: Some(30_000), unsent: Some(5000) };
        let options = TcpOptions { buffers, ..TcpOptions::NONE };
        let pacing = Pacing { up: Some(1 << 16), down: None };
        try_outbound(&outbound, &options, pacing, true).unwrap();
        let (socket, _) = connect_with(to, &outbound, buffers, 3).unwrap();
        assert_eq!(listener.accept().unwrap().1.ip(), source("127.0.0.7").sources[0]);
        assert_eq!(rustix::net::sockopt::ip_tos(&socket), Ok(46 << 2));
        assert_eq!(rustix::net::sockopt::tcp_congestion(&socket).as_deref(), Ok("reno"));
        assert_eq!(rustix::net::sockopt::socket_send_buffer_size(&socket), Ok(40_000));
        assert_eq!(rustix::net::sockopt::socket_recv_buffer_size(&socket), Ok(60_000));
    }

    #[test]
    fn what_the_kernel_refuses_is_named() {
        let none = Buffers::AUTO;
        let refused = |outbound: &Outbound, buffers| {
            let options = TcpOptions { buffers, ..TcpOptions::NONE };
            try_outbound(outbound, &options, Pacing::NONE, true).unwrap_err()
        };
        let key = |outbound: &Outbound| refused(outbound, none).key;
        assert_eq!(refused(&source("192.0.2.1"), none).errno, Errno::ADDRNOTAVAIL);
        assert_eq!(key(&source("192.0.2.1")), "local_address");
        let congestion = Some("none-such".to_owned());
        assert_eq!(key(&Outbound { congestion, ..Outbound::default() }), "congestion");
        let interface = Some("none-such".to_owned());
        assert_eq!(key(&Outbound { interface, ..Outbound::default() }), "interface");
        let huge = Buffers { send: Some(1 << 30), ..none };
        assert_eq!(refused(&Outbound::default(), huge).key, "send_buffer");
    }

    #[test]
    fn an_address_of_another_family_is_not_reachable() {
        let to = SocketAddr::from((Ipv6Addr::LOCALHOST, 9));
        let result = connect_with(to, &source("127.0.0.1"), Buffers::AUTO, 0);
        assert_eq!(result.map(drop), Err(Errno::AFNOSUPPORT));
    }
}
