//! Listeners: bound by this process, or made of inherited sockets.

use crate::leaving::Leaving;
use crate::listen_error::{ListenCause, ListenError};
use crate::loop_guard::Registration;
use crate::passed::PassedSockets;
use crate::rule::Route;
use crate::shared::Shared;
use crate::zone;
use flow::SocketRights;
use plan::ListenAddress;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use sys::kernel::{Kernel, Socket as _};
use sys::listen::{ListenOptions, Sharing};
use sys::socket::TcpOptions;
use sys::{Errno, FileId, FileState, ListensAt, SocketFile};

/// A listener: one bound socket, or all sockets passed under one `fd:NAME`.
pub(crate) struct Listener<K: Kernel> {
    /// Number of its first socket; the others count up from it.
    number: u32,
    pub(crate) address: ListenAddress,
    /// Never empty.
    sockets: Box<[Arc<K::Socket>]>,
    /// The file of a Unix socket; dropping it removes the file.
    file: Option<SocketFile<K>>,
    /// The rights on that file, as last set.
    rights: SocketRights,
    /// Bound by [`Listener::open`], and not listening yet.
    is_to_start: bool,
    /// Its entry in the loop guard; `None` before [`Listener::start`].
    registration: Option<Registration>,
    /// The route of its connections, as last published to the workers.
    route: Option<Arc<Route>>,
}

impl<K: Kernel> Listener<K> {
    /// Binds `address`, or takes an inherited socket; [`Self::start`] makes it listen. Accepted sockets
    /// inherit the options of TCP, which saves system calls per session.
    pub(crate) fn open(
        kernel: &K,
        number: u32,
        address: &ListenAddress,
        options: &ListenOptions,
        passed: &mut PassedSockets<K>,
        leaving: &mut Leaving<K>,
    ) -> Result<Self, ListenError> {
        let error = |cause| ListenError { address: address.clone(), cause };
        let kept = passed.take_kept(address);
        let is_to_start = kept.is_none() && address.port().is_some();
        let (was_kept, rights) = (kept.is_some(), options.rights);
        let sockets = match kept {
            Some(kept) => kept
                .prepare_activated(&options.tcp)
                .map(|()| vec![Arc::new(kept)])
                .map_err(ListenCause::Refused),
            None => open(kernel, address, options, passed, leaving),
        };
        let sockets = sockets.map_err(error)?;
        let listener = Self::with(number, address, sockets, file_at(kernel, address));
        let mut listener = Self { is_to_start, ..listener };
        if was_kept {
            listener.change_rights(kernel, &rights)?;
        }
        Ok(Self { rights, ..listener })
    }

    /// Fails as [`Self::open`] would. Clients notice nothing: the sockets bound for it do not listen, and
    /// are closed.
    pub(crate) fn try_open(
        kernel: &K,
        address: &ListenAddress,
        options: &ListenOptions,
        passed: &PassedSockets<K>,
        leaving: &mut Leaving<K>,
    ) -> Result<(), ListenError> {
        let tried = match address {
            _ if passed.keeps(address) => Ok(()),
            ListenAddress::Unix(path) => {
                let rights = (&SocketRights::AUTO, &options.rights);
                kernel.try_unix(path).map_err(ListenCause::Refused).and_then(|()| {
                    kernel.try_socket_rights(path, rights.0, rights.1).map_err(ListenCause::from)
                })
            }
            ListenAddress::Activated(name) => passed_sockets(name, passed).map(drop),
            ListenAddress::Any { .. }
            | ListenAddress::Ip(_)
            | ListenAddress::Zoned(_)
            | ListenAddress::Name { .. } => bind(kernel, address, options, leaving).map(drop),
        };
        tried.map_err(|cause| ListenError { address: address.clone(), cause })
    }

    /// A listener on the bound sockets of a previous process image, with their file, which has its rights.
    pub(crate) fn bound(
        kernel: &K,
        number: u32,
        address: &ListenAddress,
        options: &ListenOptions,
        (socket, file): (K::Socket, Option<FileId>),
    ) -> Self {
        let file = match (address, file) {
            (ListenAddress::Unix(path), Some(id)) => {
                Some(SocketFile::known(kernel.clone(), path, id))
            }
            _ => file_at(kernel, address),
        };
        let listener = Self::with(number, address, vec![Arc::new(socket)], file);
        Self { rights: options.rights, ..listener }
    }

    fn with(
        number: u32,
        address: &ListenAddress,
        sockets: Vec<Arc<K::Socket>>,
        file: Option<SocketFile<K>>,
    ) -> Self {
        let (address, sockets) = (address.clone(), sockets.into());
        let rights = SocketRights::AUTO;
        let (is_to_start, registration, route) = (false, None, None);
        Self { number, address, sockets, file, rights, is_to_start, registration, route }
    }

    /// Makes the bound sockets listen, and registers their addresses with the loop guard.
    pub(crate) fn start(&mut self, shared: &Shared<K>) -> Result<(), ListenError> {
        if std::mem::take(&mut self.is_to_start) {
            for (_, socket) in self.sockets() {
                let listens = socket.listen();
                // A socket bound beside a removed listener shares its address: exclusive from now on.
                let alone = listens.and_then(|()| socket.set_sharing(Sharing::Exclusive));
                alone.map_err(|errno| self.error(ListenCause::Refused(errno)))?;
            }
        }
        self.registration = {
            let files = self.files(&shared.kernel);
            Some(shared.loop_guard.register(self.reached_at(), files))
        };
        Ok(())
    }

    /// Its sockets with their numbers.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (u32, &Arc<K::Socket>)> {
        (self.number..).zip(&self.sockets)
    }

    /// Sets the route of its connections. False if nothing changes.
    pub(crate) fn set_route(&mut self, route: &Arc<Route>) -> bool {
        let is_set = self.route.as_ref().is_some_and(|old| Arc::ptr_eq(old, route));
        self.route = Some(Arc::clone(route));
        !is_set
    }

    /// The number after that of its last socket.
    pub(crate) fn next_number(&self) -> u32 {
        self.sockets().fold(self.number, |next, _| next + 1)
    }

    /// Whether its socket can get these options; otherwise its address has to be bound again. Sockets of the service
    /// manager stay as they are.
    pub(crate) fn can_have(&self, options: &ListenOptions) -> bool {
        self.address.port().is_none() || self.sockets().all(|(_, socket)| socket.can_have(options))
    }

    /// Sets the options that sockets accepted from now on inherit.
    pub(crate) fn set_options(&self, options: &TcpOptions) {
        if !matches!(self.address, ListenAddress::Unix(_)) {
            for (_, socket) in self.sockets() {
                // If the kernel refuses them, the socket keeps its old options.
                let _ = socket.replace_tcp_options(options);
            }
        }
    }

    /// The rights on the file of a Unix socket, as last set.
    pub(crate) fn rights(&self) -> SocketRights {
        self.rights
    }

    /// Changes the rights on the file of a Unix socket. After an error they are as before.
    pub(crate) fn change_rights(
        &mut self,
        kernel: &K,
        rights: &SocketRights,
    ) -> Result<(), ListenError> {
        let changed = match (&self.address, &self.file) {
            (ListenAddress::Unix(path), Some(file)) => {
                kernel.change_socket_rights(path, file.id(), &self.rights, rights)
            }
            _ => Ok(()),
        };
        changed.map_err(|error| self.error(error.into()))?;
        self.rights = *rights;
        Ok(())
    }

    /// Fails as [`Self::change_rights`] would.
    pub(crate) fn try_rights(&self, kernel: &K, rights: &SocketRights) -> Result<(), ListenError> {
        let ListenAddress::Unix(path) = &self.address else { return Ok(()) };
        let tried = kernel.try_socket_rights(path, &self.rights, rights);
        tried.map_err(|error| self.error(error.into()))
    }

    fn error(&self, cause: ListenCause) -> ListenError {
        ListenError { address: self.address.clone(), cause }
    }

    /// Stops listening, unless a service manager may have copies of the sockets.
    pub(crate) fn stop(&self) {
        if !matches!(self.address, ListenAddress::Activated(_)) {
            self.sockets().for_each(|(_, socket)| socket.stop_listening());
        }
    }

    /// Adds this listener to those that are removed, if it has a port: only then can another listener
    /// need its address. Sockets of the service manager have none here, and stay open.
    pub(crate) fn leaves(&self, leaving: &mut Leaving<K>) {
        if let Some(port) = self.address.port() {
            let sockets = self.sockets().map(|(_, socket)| Arc::clone(socket)).collect();
            leaving.add(port, self.address.clone(), sockets);
        }
    }

    /// Leaves the file of a Unix socket in place: a service manager keeps the socket.
    pub(crate) fn leave_file(&mut self) {
        if let Some(file) = self.file.take() {
            file.leave();
        }
    }

    /// Every IP address at which it takes connections.
    fn reached_at(&self) -> Vec<SocketAddr> {
        match self.address {
            ListenAddress::Any { .. } => {
                self.local_addresses().flat_map(of_both_families).collect()
            }
            ListenAddress::Activated(_) => {
                self.listens_at().flat_map(|at| addresses(&at)).collect()
            }
            _ => self.local_addresses().collect(),
        }
    }

    /// The files of its Unix sockets.
    fn files(&self, kernel: &K) -> Vec<FileId> {
        match self.address {
            ListenAddress::Unix(_) => self.file_id().into_iter().collect(),
            ListenAddress::Activated(_) => {
                self.listens_at().filter_map(|at| file_of(kernel, &at)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn listens_at(&self) -> impl Iterator<Item = ListensAt> {
        self.sockets().filter_map(|(_, socket)| socket.listens_at())
    }

    /// The file that this process made for a Unix socket.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        self.file.as_ref().map(SocketFile::id)
    }

    /// Whether that file is still at its path; `Present` for a listener without one.
    pub(crate) fn file_state(&self) -> FileState {
        self.file.as_ref().map_or(FileState::Present, SocketFile::state)
    }

    pub(crate) fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets().filter_map(|(_, socket)| socket.local_address().ok().flatten())
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

fn file_of(kernel: &impl Kernel, at: &ListensAt) -> Option<FileId> {
    match at {
        ListensAt::Unix(path) => kernel.file_at(path.as_ref()?),
        ListensAt::Ip { .. } => None,
    }
}

fn file_at<K: Kernel>(kernel: &K, address: &ListenAddress) -> Option<SocketFile<K>> {
    match address {
        ListenAddress::Unix(path) => SocketFile::at(kernel.clone(), path),
        _ => None,
    }
}

/// Opens the sockets of an address: at least one.
fn open<K: Kernel>(
    kernel: &K,
    address: &ListenAddress,
    options: &ListenOptions,
    passed: &PassedSockets<K>,
    leaving: &mut Leaving<K>,
) -> Result<Vec<Arc<K::Socket>>, ListenCause> {
    let socket = match address {
        ListenAddress::Any { .. }
        | ListenAddress::Ip(_)
        | ListenAddress::Zoned(_)
        | ListenAddress::Name { .. } => bind(kernel, address, options, leaving)?,
        ListenAddress::Unix(path) => kernel.listen_unix(path, &options.rights)?,
        ListenAddress::Activated(name) => return open_passed(name, &options.tcp, passed),
    };
    Ok(vec![Arc::new(socket)])
}

/// Binds a TCP address, and shares it with removed listeners that occupy it.
fn bind<K: Kernel>(
    kernel: &K,
    address: &ListenAddress,
    options: &ListenOptions,
    leaving: &mut Leaving<K>,
) -> Result<K::Socket, ListenCause> {
    let ip = match address {
        ListenAddress::Ip(address) => Some(*address),
        ListenAddress::Zoned(address) => {
            let no_interface = |_| ListenCause::NoInterface(address.zone.clone());
            Some(zone::resolve(kernel, address).map_err(no_interface)?)
        }
        _ => None,
    };
    let bind = |sharing| match (address, ip) {
        (ListenAddress::Any { port }, _) => Some(kernel.bind_tcp_any(*port, options, sharing)),
        (_, Some(ip)) => Some(kernel.bind_tcp(ip, options, sharing)),
        // A name, which `Plan::resolve_listeners` replaces by addresses.
        (_, None) => None,
    };
    let bound = match bind(Sharing::Exclusive) {
        Some(Err(Errno::ADDRINUSE)) if leaving.share(address) => bind(Sharing::SameUser),
        bound => bound,
    };
    bound.ok_or(ListenCause::NoAddress)?.map_err(ListenCause::Refused)
}

fn open_passed<K: Kernel>(
    name: &str,
    options: &TcpOptions,
    passed: &PassedSockets<K>,
) -> Result<Vec<Arc<K::Socket>>, ListenCause> {
    let sockets = passed_sockets(name, passed)?;
    for socket in sockets {
        socket.prepare_activated(options).map_err(ListenCause::Refused)?;
    }
    Ok(sockets.to_vec())
}

/// The inherited sockets with this name. Fails unless all of them listen.
fn passed_sockets<'a, K: Kernel>(
    name: &str,
    passed: &'a PassedSockets<K>,
) -> Result<&'a [Arc<K::Socket>], ListenCause> {
    let names = || passed.names().map(str::to_owned).collect();
    let sockets = passed.named(name).ok_or_else(|| ListenCause::NotPassed { names: names() })?;
    for socket in sockets {
        socket.listens_at().ok_or(ListenCause::NotListening)?;
    }
    Ok(sockets)
}
