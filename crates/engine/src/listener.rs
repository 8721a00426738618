//! Opening listeners: binding them, or taking sockets that were given.

use crate::given::GivenSockets;
use crate::listen_error::{ListenCause, ListenError};
use plan::ListenAddress;
use rustix::fd::{AsFd, OwnedFd};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use sys::socket::TcpOptions;
use sys::{ListensAt, SocketFile};

/// One listener: a bound socket, or all those that were given under one name.
pub(crate) struct Listener {
    /// What the workers know its first socket by; the others follow.
    number: u32,
    pub(crate) address: ListenAddress,
    /// Never empty.
    sockets: Box<[Arc<OwnedFd>]>,
    /// The file of a Unix socket, which goes with it.
    file: Option<SocketFile>,
}

impl Listener {
    /// Binds, or takes what was given. The options are inherited by every accepted socket: no
    /// system call per session.
    pub(crate) fn open(
        number: u32,
        address: &ListenAddress,
        options: &TcpOptions,
        given: &mut GivenSockets,
    ) -> Result<Self, ListenError> {
        let error = |cause| ListenError { address: address.clone(), cause };
        let sockets = open(address, options, given).map_err(error)?;
        Ok(Self::with(number, address, sockets))
    }

    /// One that is bound already.
    pub(crate) fn bound(number: u32, address: &ListenAddress, socket: OwnedFd) -> Self {
        Self::with(number, address, vec![Arc::new(socket)])
    }

    fn with(number: u32, address: &ListenAddress, sockets: Vec<Arc<OwnedFd>>) -> Self {
        let file = match address {
            ListenAddress::Unix(path) => SocketFile::at(path),
            _ => None,
        };
        Self { number, address: address.clone(), sockets: sockets.into(), file }
    }

    /// Its sockets, and what the workers know them by.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (u32, &Arc<OwnedFd>)> {
        (self.number..).zip(&self.sockets)
    }

    /// The first number that is free after those of its sockets.
    pub(crate) fn next_number(&self) -> u32 {
        self.sockets().fold(self.number, |next, _| next + 1)
    }

    /// From now on accepted sockets get these options.
    pub(crate) fn set_options(&self, options: &TcpOptions) {
        if !matches!(self.address, ListenAddress::Unix(_)) {
            for (_, socket) in self.sockets() {
                // It took others before; a kernel that refuses these leaves it with the old ones.
                let _ = sys::socket::replace_tcp_options(socket.as_fd(), options);
            }
        }
    }

    /// Stops listening, unless the sockets are somebody else's: a service manager may have copies.
    pub(crate) fn stop(&self) {
        if !matches!(self.address, ListenAddress::Given(_)) {
            self.sockets().for_each(|(_, socket)| sys::listen::stop(&**socket));
        }
    }

    /// Leaves the file of a Unix socket where it is: somebody else keeps the socket.
    pub(crate) fn leave_file(&mut self) {
        if let Some(file) = self.file.take() {
            file.leave();
        }
    }

    /// Every address that it takes connections to, where it is not a Unix socket.
    pub(crate) fn reached_at(&self) -> Vec<SocketAddr> {
        match self.address {
            ListenAddress::Any { .. } => {
                self.local_addresses().flat_map(of_both_families).collect()
            }
            ListenAddress::Given(_) => {
                let at = self.sockets().filter_map(|(_, socket)| sys::listens_at(socket.as_fd()));
                at.flat_map(|at| addresses(&at)).collect()
            }
            _ => self.local_addresses().collect(),
        }
    }

    pub(crate) fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let address = |socket| sys::listen::local_address(socket).ok().flatten();
        self.sockets().filter_map(move |(_, socket)| address(&**socket))
    }
}

fn addresses(at: &ListensAt) -> Vec<SocketAddr> {
    match *at {
        ListensAt::Ip { address, both_families: true } => of_both_families(address).into(),
        ListensAt::Ip { address, .. } => vec![address],
        ListensAt::Unix(_) => Vec::new(),
    }
}

fn of_both_families(address: SocketAddr) -> [SocketAddr; 2] {
    let all: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    all.map(|ip| SocketAddr::new(ip, address.port()))
}

/// The sockets that listen at an address; never none.
fn open(
    address: &ListenAddress,
    options: &TcpOptions,
    given: &mut GivenSockets,
) -> Result<Vec<Arc<OwnedFd>>, ListenCause> {
    if let Some(kept) = given.take_kept(address) {
        sys::adopt(kept.as_fd(), options).map_err(ListenCause::Refused)?;
        return Ok(vec![Arc::new(kept)]);
    }
    let socket = match address {
        ListenAddress::Any { port } => sys::listen::tcp_any(*port, options),
        ListenAddress::Ip(address) => sys::listen::tcp(*address, options),
        ListenAddress::Unix(path) => sys::listen::unix(path),
        ListenAddress::Given(name) => return open_given(name, options, given),
    };
    Ok(vec![Arc::new(socket.map_err(ListenCause::Refused)?)])
}

fn open_given(
    name: &str,
    options: &TcpOptions,
    given: &GivenSockets,
) -> Result<Vec<Arc<OwnedFd>>, ListenCause> {
    let names = || given.names().map(str::to_owned).collect();
    let sockets = given.named(name).ok_or_else(|| ListenCause::NotGiven { names: names() })?;
    for socket in sockets {
        sys::listens_at(socket.as_fd()).ok_or(ListenCause::NotListening)?;
        sys::adopt(socket.as_fd(), options).map_err(ListenCause::Refused)?;
    }
    Ok(sockets.to_vec())
}
