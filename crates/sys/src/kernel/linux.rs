//! The calls of [`super::Kernel`] as system calls of this host.

use super::{Descriptor, Epoll, Kernel, Pipe, Socket, Wake, Waker};
use crate::listen::{self, ListenOptions, Sharing};
use crate::socket::{self, Progress, TcpOptions};
use crate::{Address, Event, Events, FileId, ListensAt, NotGranted, PipeError, Result, TcpInfo};
use crate::{handoff, stream};
use flow::{Buffers, Outbound, SocketRights, Time};
use rustix::fd::{AsFd, OwnedFd};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

/// The kernel of this host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

impl Kernel for Linux {
    type Socket = OwnedFd;
    type Pipe = crate::Pipe;
    type Epoll = crate::Epoll;
    type Waker = crate::Waker;

    #[inline]
    fn now(&self) -> Time {
        Time::from_micros(crate::monotonic_micros())
    }

    #[inline]
    fn system_time(&self) -> SystemTime {
        SystemTime::now()
    }

    fn bind_tcp(
        &self,
        address: SocketAddr,
        options: &ListenOptions,
        sharing: Sharing,
    ) -> Result<OwnedFd> {
        listen::bind_tcp(address, options, sharing)
    }

    fn bind_tcp_any(
        &self,
        port: u16,
        options: &ListenOptions,
        sharing: Sharing,
    ) -> Result<OwnedFd> {
        listen::bind_tcp_any(port, options, sharing)
    }

    fn listen_unix(
        &self,
        path: &Path,
        rights: &SocketRights,
    ) -> std::result::Result<OwnedFd, NotGranted> {
        listen::unix(path, rights)
    }

    fn change_socket_rights(
        &self,
        path: &Path,
        file: FileId,
        before: &SocketRights,
        after: &SocketRights,
    ) -> std::result::Result<(), NotGranted> {
        crate::change_socket_rights(path, file, before, after)
    }

    fn try_socket_rights(
        &self,
        path: &Path,
        before: &SocketRights,
        after: &SocketRights,
    ) -> std::result::Result<(), NotGranted> {
        crate::try_socket_rights(path, before, after)
    }

    fn try_unix(&self, path: &Path) -> Result<()> {
        listen::try_unix(path)
    }

    #[inline]
    fn connect_tcp(&self, address: SocketAddr) -> Result<(OwnedFd, Progress)> {
        socket::connect_tcp(address)
    }

    fn connect_with(
        &self,
        address: SocketAddr,
        outbound: &Outbound,
        buffers: Buffers,
        turn: u64,
    ) -> Result<(OwnedFd, Progress)> {
        crate::connect_with(address, outbound, buffers, turn)
    }

    #[inline]
    fn connect_unix(&self, path: &Path) -> Result<OwnedFd> {
        socket::connect_unix(path)
    }

    fn interface_index(&self, name: &str) -> Result<u32> {
        socket::interface_index(name)
    }

    fn is_local_address(&self, address: SocketAddr) -> bool {
        socket::is_local_address(address)
    }

    fn first_ephemeral_port(&self) -> u16 {
        crate::first_ephemeral_port()
    }

    fn pipe(&self, sizes: &[usize]) -> std::result::Result<crate::Pipe, PipeError> {
        crate::Pipe::new(sizes)
    }

    fn epoll(&self) -> Result<crate::Epoll> {
        crate::Epoll::new()
    }

    fn waker(&self) -> Result<crate::Waker> {
        crate::Waker::new()
    }

    fn claim_socket(&self, number: u32) -> Result<OwnedFd> {
        handoff::claim(number)
    }

    fn claim_pipe(&self, read: u32, write: u32) -> Result<crate::Pipe> {
        crate::Pipe::restored(handoff::claim(read)?, handoff::claim(write)?)
    }

    fn claim_epoll(&self, number: u32) -> Result<crate::Epoll> {
        handoff::claim(number).map(crate::Epoll::restored)
    }

    fn file_at(&self, path: &Path) -> Option<FileId> {
        FileId::at(path)
    }

    fn file_reached_by(&self, path: &Path) -> Option<FileId> {
        FileId::reached_by(path)
    }

    fn is_socket_file(&self, path: &Path) -> bool {
        crate::is_socket_file(path)
    }

    fn remove_file(&self, path: &Path) {
        let _ = std::fs::remove_file(path);
    }

    fn release_free_memory(&self) {
        crate::release_free_memory();
    }

    fn wait_for<T>(&self, messages: &Receiver<T>, limit: Duration) -> Option<T> {
        messages.recv_timeout(limit).ok()
    }
}

impl<T: AsFd + std::fmt::Debug + Send + Sync + 'static> Descriptor for T {
    fn number(&self) -> u32 {
        handoff::number(self)
    }

    fn keep_over_exec(&self) -> Result<()> {
        handoff::keep_over_exec(self)
    }

    fn close_on_exec(&self) -> Result<()> {
        handoff::close_on_exec(self)
    }
}

impl Socket for OwnedFd {
    fn listen(&self) -> Result<()> {
        listen::start(self)
    }

    fn set_sharing(&self, sharing: Sharing) -> Result<()> {
        listen::set_sharing(self, sharing)
    }

    fn stop_listening(&self) {
        listen::stop(self);
    }

    fn ignore_new_handshakes(&self) -> Result<()> {
        crate::ignore_new_handshakes(self)
    }

    fn prepare_activated(&self, options: &TcpOptions) -> Result<()> {
        crate::prepare_activated(self.as_fd(), options)
    }

    fn listens_at(&self) -> Option<ListensAt> {
        crate::listens_at(self.as_fd())
    }

    fn local_address(&self) -> Result<Option<SocketAddr>> {
        listen::local_address(self)
    }

    fn can_have(&self, options: &ListenOptions) -> bool {
        crate::can_have(self, options)
    }

    fn is_mptcp(&self) -> bool {
        crate::is_mptcp(self.as_fd())
    }

    fn prepare_accepted_by_mptcp(&self, buffers: Buffers) -> Result<()> {
        socket::prepare_accepted_by_mptcp(self.as_fd(), buffers)
    }

    #[inline]
    fn accept(&self) -> Result<(Self, Address)> {
        listen::accept(self.as_fd())
    }

    #[inline]
    fn has_pending(&self) -> bool {
        listen::has_pending(self.as_fd())
    }

    fn waiting(&self) -> u32 {
        listen::waiting(self)
    }

    #[inline]
    fn is_connected_to_itself(&self) -> bool {
        socket::is_connected_to_itself(self.as_fd())
    }

    #[inline]
    fn set_tcp_options(&self, options: &TcpOptions) -> Result<()> {
        socket::set_tcp_options(self.as_fd(), options)
    }

    fn replace_tcp_options(&self, options: &TcpOptions) -> Result<()> {
        socket::replace_tcp_options(self.as_fd(), options)
    }

    fn set_pacing_rate(&self, limit: Option<u64>) -> Result<()> {
        socket::set_pacing_rate(self.as_fd(), limit)
    }

    #[inline]
    fn take_error(&self) -> Result<()> {
        socket::take_error(self.as_fd())
    }

    #[inline]
    fn receive(&self, buffer: &mut [u8]) -> Result<usize> {
        stream::receive(self.as_fd(), buffer)
    }

    fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        stream::peek(self.as_fd(), buffer)
    }

    #[inline]
    fn send(&self, bytes: &[u8]) -> Result<usize> {
        stream::send(self.as_fd(), bytes)
    }

    #[inline]
    fn shut_write(&self) -> Result<()> {
        socket::shut_write(self.as_fd())
    }

    #[inline]
    fn reset(self) {
        socket::reset(self);
    }

    #[inline]
    fn unacked(&self) -> u32 {
        socket::unacked(self.as_fd())
    }

    #[inline]
    fn sequence_received(&self) -> Option<u64> {
        crate::sequence_received(self.as_fd())
    }

    #[inline]
    fn tcp_info(&self) -> Option<TcpInfo> {
        crate::tcp_info(self.as_fd())
    }
}

impl Pipe<OwnedFd> for crate::Pipe {
    #[inline]
    fn fill(&self, source: &OwnedFd) -> Result<usize> {
        Self::fill(self, source.as_fd())
    }

    #[inline]
    fn drain(&self, sink: &OwnedFd, count: usize) -> Result<usize> {
        Self::drain(self, sink.as_fd(), count)
    }

    fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        Self::read(self, buffer)
    }

    fn numbers(&self) -> [u32; 2] {
        self.ends().map(|end| handoff::number(&end))
    }

    fn keep_over_exec(&self) -> Result<()> {
        self.ends().into_iter().try_for_each(handoff::keep_over_exec)
    }

    fn close_on_exec(&self) -> Result<()> {
        self.ends().into_iter().try_for_each(handoff::close_on_exec)
    }
}

impl Epoll<Linux> for crate::Epoll {
    type Events = Events;

    fn events(count: usize) -> Events {
        Events::with_room_for(count)
    }

    #[inline]
    fn iter(events: &Events) -> impl Iterator<Item = Event> + '_ {
        events.iter()
    }

    #[inline]
    fn add_connection(&self, socket: &OwnedFd, token: u64) -> Result<()> {
        Self::add_connection(self, socket.as_fd(), token)
    }

    fn add_listener(&self, socket: &OwnedFd, token: u64) -> Result<()> {
        Self::add_listener(self, socket.as_fd(), token)
    }

    fn add_waker(&self, waker: &crate::Waker, token: u64) -> Result<()> {
        Self::add_waker(self, waker.as_fd(), token)
    }

    fn remove(&self, socket: &OwnedFd) -> Result<()> {
        Self::remove(self, socket.as_fd())
    }

    #[inline]
    fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> Result<()> {
        Self::wait(self, events, timeout)
    }

    fn spin(&self, events: &mut Events, span: Duration) -> Result<()> {
        Self::spin(self, events, span)
    }
}

impl Wake for crate::Waker {
    #[inline]
    fn wake(&self) {
        Self::wake(self);
    }
}

impl Waker for crate::Waker {
    fn wait(&self) {
        Self::wait(self);
    }
}
