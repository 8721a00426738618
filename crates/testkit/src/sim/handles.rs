//! Handles of the simulated descriptors: the calls on sockets, pipes, epoll instances and wakers.

use super::conditions::Call;
use super::process::{Descriptor, Process};
use super::state::epoll::Interest;
use super::state::file::File;
use super::state::listener::Bound;
use super::state::poll::{DATA, IN, OUT, PRI, RDHUP};
use super::state::ports::BoundAt;
use super::state::slab::Key;
use super::state::unix::Kind;
use flow::Buffers;
use std::net::SocketAddr;
use std::time::Duration;
use sys::kernel::{self, Wake};
use sys::listen::{ListenOptions, Sharing};
use sys::socket::TcpOptions;
use sys::{Address, Errno, Event, ListensAt, Result, TcpInfo};

/// A simulated socket.
#[derive(Debug)]
pub struct SimSocket(pub(crate) Descriptor);

/// A simulated pipe.
#[derive(Debug)]
pub struct SimPipe {
    /// The read end and the write end.
    pub(crate) ends: [Descriptor; 2],
    pub(crate) capacity: usize,
}

/// A simulated epoll instance.
#[derive(Debug)]
pub struct SimEpoll(pub(crate) Descriptor);

/// A simulated eventfd(2).
#[derive(Debug)]
pub struct SimWaker(pub(crate) Descriptor);

/// The events of a wait.
#[derive(Debug)]
pub struct SimEvents {
    room: usize,
    events: Vec<Event>,
}

macro_rules! descriptor {
    ($type:ty) => {
        impl kernel::Descriptor for $type {
            fn number(&self) -> u32 {
                self.0.number
            }

            fn keep_over_exec(&self) -> Result<()> {
                self.0.set_close_on_exec(false)
            }

            fn close_on_exec(&self) -> Result<()> {
                self.0.set_close_on_exec(true)
            }
        }
    };
}

descriptor!(SimSocket);
descriptor!(SimEpoll);

impl SimSocket {
    /// Sends one byte as urgent (`MSG_OOB`).
    pub fn send_urgent(&self, byte: u8) -> Result<usize> {
        self.0.world().send_urgent(self.0.file, byte)
    }

    /// Sends bytes with a descriptor attached (`SCM_RIGHTS`): a read of the peer stops behind them. TCP
    /// ignores the descriptor.
    pub fn send_attached(&self, bytes: &[u8]) -> Result<usize> {
        let mut world = self.0.world();
        if world.is_unix(self.0.file) {
            return world.send_unix(self.0.file, bytes, Kind::Attached);
        }
        world.send(self.0.file, bytes)
    }

    /// listen(2) with another length of the accept queue.
    pub fn set_backlog(&self, length: usize) -> Result<()> {
        self.0.world().listen(self.0.file, length)
    }

    /// The present state, as poll(2) reports it (`POLLIN` and so on).
    pub fn state(&self) -> u32 {
        self.0.world().poll(self.0.file)
    }
}

impl kernel::Socket for SimSocket {
    fn listen(&self) -> Result<()> {
        let mut world = self.0.world();
        let backlog = world.conditions.backlog;
        world.listen(self.0.file, backlog)
    }

    fn set_sharing(&self, sharing: Sharing) -> Result<()> {
        let mut world = self.0.world();
        let listener = world.listener(self.0.file)?;
        if sharing == Sharing::SameUser && listener.is_unix() {
            return Err(Errno::NOTSUP);
        }
        listener.shares = sharing == Sharing::SameUser;
        Ok(())
    }

    fn stop_listening(&self) {
        self.0.world().stop_listening(self.0.file);
    }

    fn ignore_new_handshakes(&self) -> Result<()> {
        self.0.world().listener(self.0.file)?.ignores = true;
        Ok(())
    }

    fn prepare_activated(&self, options: &TcpOptions) -> Result<()> {
        if let ListensAt::Ip { .. } = self.listens_at().ok_or(Errno::INVAL)? {
            self.replace_tcp_options(options)?;
        }
        kernel::Socket::listen(self)
    }

    fn listens_at(&self) -> Option<ListensAt> {
        let mut world = self.0.world();
        let listener = world.listener(self.0.file).ok().filter(|listener| listener.listens)?;
        Some(match &listener.bound {
            Bound::Ip(BoundAt { address, both_families }) => {
                ListensAt::Ip { address: *address, both_families: *both_families }
            }
            Bound::Unix(path) => ListensAt::Unix(Some(path.clone())),
        })
    }

    fn local_address(&self) -> Result<Option<SocketAddr>> {
        let mut world = self.0.world();
        if let Ok((_, end)) = world.end(self.0.file) {
            return Ok(Some(end.local));
        }
        Ok(match &world.listener(self.0.file)?.bound {
            Bound::Ip(at) => Some(at.address),
            Bound::Unix(_) => None,
        })
    }

    fn can_have(&self, _: &ListenOptions) -> bool {
        true
    }

    /// The simulated network has TCP only.
    fn is_mptcp(&self) -> bool {
        false
    }

    fn prepare_accepted_by_mptcp(&self, _: Buffers) -> Result<()> {
        Ok(())
    }

    fn accept(&self) -> Result<(Self, Address)> {
        let mut world = self.0.world();
        let process = &self.0.process;
        // accept(2) allocates the descriptor before it looks at the queue.
        process.check_room(&world, 1)?;
        let (file, address) = world.accept(self.0.file)?;
        let descriptor = process.add(&mut world, file)?;
        world.own(descriptor.file);
        Ok((Self(descriptor), address))
    }

    fn has_pending(&self) -> bool {
        self.0.world().poll(self.0.file) != 0
    }

    fn waiting(&self) -> u32 {
        let mut world = self.0.world();
        let Ok(listener) = world.listener(self.0.file) else { return 0 };
        match listener.bound {
            Bound::Ip(_) => u32::try_from(listener.queue.len()).unwrap_or(u32::MAX),
            Bound::Unix(_) => 0,
        }
    }

    fn is_connected_to_itself(&self) -> bool {
        let mut world = self.0.world();
        world.end(self.0.file).is_ok_and(|(key, end)| end.peer == Some(key))
    }

    fn set_tcp_options(&self, options: &TcpOptions) -> Result<()> {
        self.0.world().set_tcp_options(self.0.file, options)
    }

    fn replace_tcp_options(&self, options: &TcpOptions) -> Result<()> {
        self.0.world().replace_tcp_options(self.0.file, options)
    }

    fn set_pacing_rate(&self, limit: Option<u64>) -> Result<()> {
        self.0.world().set_pacing_rate(self.0.file, limit)
    }

    fn take_error(&self) -> Result<()> {
        self.0.world().take_error(self.0.file)
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        self.0.world().receive(self.0.file, buffer)
    }

    fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        self.0.world().peek(self.0.file, buffer)
    }

    fn send(&self, bytes: &[u8]) -> Result<usize> {
        self.0.world().send(self.0.file, bytes)
    }

    fn shut_write(&self) -> Result<()> {
        self.0.world().shut_write(self.0.file)
    }

    fn reset(mut self) {
        self.0.linger = true;
    }

    fn unacked(&self) -> u32 {
        self.0.world().unacknowledged(self.0.file)
    }

    fn sequence_received(&self) -> Option<u64> {
        let mut world = self.0.world();
        let is_tcp = matches!(world.file(self.0.file), Some(File::Tcp(_)));
        is_tcp.then(|| world.sequence(self.0.file).unwrap_or(0))
    }

    fn tcp_info(&self) -> Option<TcpInfo> {
        self.0.world().tcp_info(self.0.file)
    }
}

impl kernel::Pipe<SimSocket> for SimPipe {
    fn fill(&self, source: &SimSocket) -> Result<usize> {
        source.0.world().fill(self.ends[0].file, source.0.file, self.capacity)
    }

    fn drain(&self, sink: &SimSocket, count: usize) -> Result<usize> {
        sink.0.world().drain(self.ends[0].file, sink.0.file, count)
    }

    fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        self.ends[0].world().read_pipe(self.ends[0].file, buffer)
    }

    fn numbers(&self) -> [u32; 2] {
        [self.ends[0].number, self.ends[1].number]
    }

    fn keep_over_exec(&self) -> Result<()> {
        self.ends.iter().try_for_each(|end| end.set_close_on_exec(false))
    }

    fn close_on_exec(&self) -> Result<()> {
        self.ends.iter().try_for_each(|end| end.set_close_on_exec(true))
    }
}

impl kernel::Epoll<Process> for SimEpoll {
    type Events = SimEvents;

    fn events(count: usize) -> SimEvents {
        SimEvents { room: count, events: Vec::new() }
    }

    fn iter(events: &SimEvents) -> impl Iterator<Item = Event> + '_ {
        events.events.iter().copied()
    }

    fn add_connection(&self, socket: &SimSocket, token: u64) -> Result<()> {
        let interest =
            Interest { token, mask: IN | OUT | RDHUP | PRI, edge: true, exclusive: false };
        self.add(socket.0.file, interest)
    }

    fn add_listener(&self, socket: &SimSocket, token: u64) -> Result<()> {
        let interest = Interest { token, mask: IN, edge: false, exclusive: true };
        match self.add(socket.0.file, interest) {
            Err(Errno::EXIST) => Ok(()),
            result => result,
        }
    }

    fn add_waker(&self, waker: &SimWaker, token: u64) -> Result<()> {
        let interest = Interest { token, mask: IN, edge: true, exclusive: false };
        self.add(waker.0.file, interest)
    }

    fn remove(&self, socket: &SimSocket) -> Result<()> {
        self.0.world().unwatch(self.0.file, socket.0.file)
    }

    fn wait(&self, events: &mut SimEvents, timeout: Option<Duration>) -> Result<()> {
        let mut world = self.0.world();
        // Rounded up to milliseconds, as by sys::Epoll.
        let whole = |timeout: Duration| {
            let millis = timeout.as_micros().div_ceil(1000);
            Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
        };
        let until = match timeout {
            Some(Duration::ZERO) => None,
            Some(timeout) => Some(world.now.after(whole(timeout))),
            None => Some(flow::Time::NEVER),
        };
        events.events.clear();
        world.take_events(self.0.file, events.room, until, &mut events.events)
    }

    fn spin(&self, events: &mut SimEvents, _: Duration) -> Result<()> {
        self.wait(events, Some(Duration::ZERO))
    }
}

impl SimEpoll {
    fn add(&self, file: Key, interest: Interest) -> Result<()> {
        let mut world = self.0.world();
        world.fails(Call::Watch)?;
        world.watch(self.0.file, file, interest)
    }
}

impl Wake for SimWaker {
    fn wake(&self) {
        let mut world = self.0.world();
        if let Some(File::Counter(count)) = world.file_mut(self.0.file) {
            *count += 1;
        }
        world.wake(self.0.file, DATA);
    }
}

impl kernel::Waker for SimWaker {
    fn wait(&self) {
        let mut world = self.0.world();
        if let Some(File::Counter(count)) = world.file_mut(self.0.file) {
            *count = 0;
        }
    }
}

impl Process {
    /// Whether the kernel would let a thread on this waker go on.
    pub fn is_woken(&self, waker: &SimWaker) -> bool {
        matches!(self.world().file(waker.0.file), Some(File::Counter(1..)))
    }
}
