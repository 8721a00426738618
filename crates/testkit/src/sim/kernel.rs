//! The calls of [`sys::kernel::Kernel`] on the simulated kernel.

use super::calls::connect::HOST;
use super::conditions::Call;
use super::handles::{SimEpoll, SimPipe, SimSocket, SimWaker};
use super::process::{Process, lock};
use super::state::epoll::Epoll;
use super::state::file::File;
use super::state::listener::{Bound, Listener};
use super::state::ports::BoundAt;
use flow::{Buffers, Outbound, SocketRights, Time};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};
use sys::kernel::Kernel;
use sys::listen::{ListenOptions, Sharing};
use sys::socket::{Progress, TcpOptions};
use sys::{Errno, FileId, NotGranted, PipeError, Result};

impl Process {
    /// Like [`Kernel::connect_tcp`], from this address of the loopback interface.
    pub fn connect_tcp_from(&self, source: Option<IpAddr>, to: SocketAddr) -> Result<SimSocket> {
        let mut world = self.world();
        world.fails(Call::Socket)?;
        self.check_room(&world, 1)?;
        let end = world.connect(source, to)?;
        let socket = self.add(&mut world, File::Tcp(end))?;
        world.own(socket.file);
        world.send_syn(end);
        world.settle();
        Ok(SimSocket(socket))
    }

    /// The end of the wait of a thread on this epoll instance; `None` if an event is there, or no thread
    /// waits.
    pub fn waits_until(&self, epoll: &SimEpoll) -> Option<Time> {
        self.world().epoll(epoll.0.file).ok().and_then(|epoll| epoll.blocked_until())
    }

    fn bind(&self, at: BoundAt, options: &TcpOptions, sharing: Sharing) -> Result<SimSocket> {
        let mut world = self.world();
        world.calls += 1;
        world.fails(Call::Socket)?;
        self.check_room(&world, 1)?;
        let listener = world.bind(at, *options, sharing == Sharing::SameUser)?;
        let Bound::Ip(BoundAt { address, .. }) = listener.bound else { return Err(Errno::INVAL) };
        let socket = self.add(&mut world, File::Listener(listener))?;
        world.ports.bind(address.port(), socket.file);
        Ok(SimSocket(socket))
    }

    fn bind_unix(&self, path: &Path) -> Result<SimSocket> {
        let mut world = self.world();
        world.calls += 1;
        world.fails(Call::Socket)?;
        self.check_room(&world, 1)?;
        let backlog = world.conditions.backlog;
        let listener = Listener { listens: true, backlog, ..world.bind_unix(path)? };
        let socket = self.add(&mut world, File::Listener(listener))?;
        let inode = world.new_number();
        world.paths.insert(path.to_owned(), (inode, socket.file));
        Ok(SimSocket(socket))
    }
}

impl Kernel for Process {
    type Socket = SimSocket;
    type Pipe = SimPipe;
    type Epoll = SimEpoll;
    type Waker = SimWaker;

    fn now(&self) -> Time {
        self.world().now
    }

    fn system_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.world().now.as_micros())
    }

    fn bind_tcp(
        &self,
        address: SocketAddr,
        options: &ListenOptions,
        sharing: Sharing,
    ) -> Result<SimSocket> {
        self.bind(BoundAt { address, both_families: false }, &options.tcp, sharing)
    }

    fn bind_tcp_any(
        &self,
        port: u16,
        options: &ListenOptions,
        sharing: Sharing,
    ) -> Result<SimSocket> {
        let address = (Ipv6Addr::UNSPECIFIED, port).into();
        self.bind(BoundAt { address, both_families: true }, &options.tcp, sharing)
    }

    /// The simulated host has one user, so that rights on files have no effect.
    fn listen_unix(
        &self,
        path: &Path,
        _: &SocketRights,
    ) -> std::result::Result<SimSocket, NotGranted> {
        self.bind_unix(path).map_err(|errno| NotGranted { key: "listen", errno })
    }

    fn change_socket_rights(
        &self,
        _: &Path,
        _: FileId,
        _: &SocketRights,
        _: &SocketRights,
    ) -> std::result::Result<(), NotGranted> {
        Ok(())
    }

    fn try_socket_rights(
        &self,
        _: &Path,
        _: &SocketRights,
        _: &SocketRights,
    ) -> std::result::Result<(), NotGranted> {
        Ok(())
    }

    fn try_unix(&self, path: &Path) -> Result<()> {
        self.world().bind_unix(path).map(drop)
    }

    fn connect_tcp(&self, address: SocketAddr) -> Result<(SimSocket, Progress)> {
        Ok((self.connect_tcp_from(None, address)?, Progress::UnderWay))
    }

    /// Options of the network have no effect in the simulated one.
    fn connect_with(
        &self,
        address: SocketAddr,
        _: &Outbound,
        _: Buffers,
        _: u64,
    ) -> Result<(SimSocket, Progress)> {
        self.connect_tcp(address)
    }

    fn connect_unix(&self, path: &Path) -> Result<SimSocket> {
        let mut world = self.world();
        world.calls += 1;
        world.fails(Call::Socket)?;
        self.check_room(&world, 1)?;
        world.fails(Call::ConnectUnix)?;
        let side = world.connect_unix(path)?;
        let socket = self.add(&mut world, File::Unix(side))?;
        world.own(socket.file);
        Ok(SimSocket(socket))
    }

    /// The simulated kernel has no interface but the loopback, which has no link-local address.
    fn interface_index(&self, _: &str) -> sys::Result<u32> {
        Err(Errno::NODEV)
    }

    fn is_local_address(&self, address: SocketAddr) -> bool {
        address.ip().is_loopback() || address.ip() == HOST
    }

    fn first_ephemeral_port(&self) -> u16 {
        *self.world().conditions.ephemeral_ports.start()
    }

    fn pipe(&self, sizes: &[usize]) -> std::result::Result<SimPipe, PipeError> {
        let mut world = self.world();
        world.fails(Call::Pipe).map_err(PipeError::Refused)?;
        self.check_room(&world, 2).map_err(PipeError::Refused)?;
        let pipe = world.new_pipe(sizes);
        let capacity = pipe.capacity;
        let file = world.add_file(File::Pipe(pipe));
        let ends = [(); 2].map(|()| self.open(&mut world, file));
        drop(world);
        if capacity < sizes.last().copied().unwrap_or(0) {
            return Err(PipeError::TooSmall);
        }
        Ok(SimPipe { ends, capacity })
    }

    fn epoll(&self) -> Result<SimEpoll> {
        let mut world = self.world();
        world.fails(Call::Epoll)?;
        self.add(&mut world, File::Epoll(Epoll::default())).map(SimEpoll)
    }

    fn waker(&self) -> Result<SimWaker> {
        let mut world = self.world();
        world.fails(Call::Waker)?;
        self.add(&mut world, File::Counter(0)).map(SimWaker)
    }

    fn claim_socket(&self, number: u32) -> Result<SimSocket> {
        self.claim(number).map(SimSocket)
    }

    fn claim_pipe(&self, read: u32, write: u32) -> Result<SimPipe> {
        let ends = [self.claim(read)?, self.claim(write)?];
        let capacity = self.world().pipe(ends[1].file)?.capacity;
        Ok(SimPipe { ends, capacity })
    }

    fn claim_epoll(&self, number: u32) -> Result<SimEpoll> {
        self.claim(number).map(SimEpoll)
    }

    fn file_at(&self, path: &Path) -> Option<FileId> {
        self.world().paths.get(path).map(|(inode, _)| FileId { device: 1, inode: *inode })
    }

    fn file_reached_by(&self, path: &Path) -> Option<FileId> {
        self.file_at(path)
    }

    fn is_socket_file(&self, path: &Path) -> bool {
        self.file_at(path).is_some()
    }

    fn remove_file(&self, path: &Path) {
        if self.is_current() {
            self.world().paths.remove(path);
        }
    }

    fn release_free_memory(&self) {}

    fn wait_for<T>(&self, messages: &Receiver<T>, limit: Duration) -> Option<T> {
        let until = self.now().after(limit);
        loop {
            if let Ok(message) = messages.try_recv() {
                return Some(message);
            }
            // Taken out, so that the hook may use this process.
            let mut step = lock(&self.on_wait).take()?;
            let goes_on = step();
            lock(&self.on_wait).get_or_insert(step);
            if !goes_on || self.now() > until {
                return messages.try_recv().ok();
            }
        }
    }
}
