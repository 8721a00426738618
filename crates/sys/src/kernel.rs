//! The calls that the engine makes, as traits: the engine runs on [`Linux`], and in tests on a simulated
//! kernel, with a seed that decides every result and the order of all events.
//!
//! The engine is generic over a [`Kernel`], not a trait object: on Linux, the compiler sees the plain
//! system calls. The contract of each call is that of the function of the same name in this crate.

mod linux;
pub use linux::Linux;

use crate::listen::{ListenOptions, Sharing};
use crate::socket::{Progress, TcpOptions};
use crate::{Address, Event, FileId, ListensAt, NotGranted, PipeError, Result, TcpInfo};
use flow::{Buffers, Outbound, SocketRights, Time};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

/// A kernel, as seen by one process. Clones are the same process.
pub trait Kernel: Clone + Debug + Send + Sync + 'static {
    /// A socket. Dropping it closes it.
    type Socket: Socket;
    /// A pipe for splicing. Dropping it closes both ends.
    type Pipe: Pipe<Self::Socket>;
    /// An epoll instance. Dropping it closes it.
    type Epoll: Epoll<Self>;
    /// A waker: ends the wait of a thread.
    type Waker: Waker;

    /// The monotonic clock.
    fn now(&self) -> Time;

    /// The wall clock, for records.
    fn system_time(&self) -> SystemTime;

    /// See [`crate::listen::bind_tcp`].
    fn bind_tcp(
        &self,
        address: SocketAddr,
        options: &ListenOptions,
        sharing: Sharing,
    ) -> Result<Self::Socket>;

    /// See [`crate::listen::bind_tcp_any`].
    fn bind_tcp_any(
        &self,
        port: u16,
        options: &ListenOptions,
        sharing: Sharing,
    ) -> Result<Self::Socket>;

    /// See [`crate::listen::unix`].
    fn listen_unix(
        &self,
        path: &Path,
        rights: &SocketRights,
    ) -> std::result::Result<Self::Socket, NotGranted>;

    /// See [`crate::change_socket_rights`].
    fn change_socket_rights(
        &self,
        path: &Path,
        file: FileId,
        before: &SocketRights,
        after: &SocketRights,
    ) -> std::result::Result<(), NotGranted>;

    /// See [`crate::try_socket_rights`].
    fn try_socket_rights(
        &self,
        path: &Path,
        before: &SocketRights,
        after: &SocketRights,
    ) -> std::result::Result<(), NotGranted>;

    /// See [`crate::listen::try_unix`].
    fn try_unix(&self, path: &Path) -> Result<()>;

    /// See [`crate::socket::connect_tcp`].
    fn connect_tcp(&self, address: SocketAddr) -> Result<(Self::Socket, Progress)>;

    /// See [`crate::connect_with`].
    fn connect_with(
        &self,
        address: SocketAddr,
        outbound: &Outbound,
        buffers: Buffers,
        turn: u64,
    ) -> Result<(Self::Socket, Progress)>;

    /// See [`crate::socket::connect_unix`].
    fn connect_unix(&self, path: &Path) -> Result<Self::Socket>;

    /// See [`crate::socket::is_local_address`].
    fn is_local_address(&self, address: SocketAddr) -> bool;

    /// See [`crate::socket::interface_index`].
    fn interface_index(&self, name: &str) -> Result<u32>;

    /// See [`crate::first_ephemeral_port`].
    fn first_ephemeral_port(&self) -> u16;

    /// See [`crate::Pipe::new`].
    fn pipe(&self, sizes: &[usize]) -> std::result::Result<Self::Pipe, PipeError>;

    /// Creates an epoll instance.
    fn epoll(&self) -> Result<Self::Epoll>;

    /// Creates a waker without a pending wake-up.
    fn waker(&self) -> Result<Self::Waker>;

    /// Claims a socket of the previous process image; see [`crate::handoff::claim`].
    fn claim_socket(&self, number: u32) -> Result<Self::Socket>;

    /// Claims both ends of a pipe of the previous process image.
    fn claim_pipe(&self, read: u32, write: u32) -> Result<Self::Pipe>;

    /// Claims the epoll instance of a previous worker, with its registrations.
    fn claim_epoll(&self, number: u32) -> Result<Self::Epoll>;

    /// The file at `path`, without following a symbolic link. `None` if there is none.
    fn file_at(&self, path: &Path) -> Option<FileId>;

    /// The file that connecting to `path` reaches, after following symbolic links.
    fn file_reached_by(&self, path: &Path) -> Option<FileId>;

    /// Whether the file at `path` is a socket.
    fn is_socket_file(&self, path: &Path) -> bool;

    /// Removes the file at `path`. An error is ignored.
    fn remove_file(&self, path: &Path);

    /// See [`crate::release_free_memory`].
    fn release_free_memory(&self);

    /// Waits for a message of another thread, at most for `limit`. `None` if none came, or none can
    /// come any more.
    fn wait_for<T>(&self, messages: &Receiver<T>, limit: Duration) -> Option<T>;
}

/// An open descriptor that can survive execve(2). See [`crate::handoff`].
pub trait Descriptor: Debug + Send + Sync + 'static {
    /// Its number, for the next process image.
    fn number(&self) -> u32;

    /// Keeps it open across execve(2).
    fn keep_over_exec(&self) -> Result<()>;

    /// Makes execve(2) close it, which is the default.
    fn close_on_exec(&self) -> Result<()>;
}

/// A stream socket: a listener, or a connection.
pub trait Socket: Descriptor + Sized {
    /// See [`crate::listen::start`].
    fn listen(&self) -> Result<()>;

    /// See [`crate::listen::set_sharing`].
    fn set_sharing(&self, sharing: Sharing) -> Result<()>;

    /// See [`crate::listen::stop`].
    fn stop_listening(&self);

    /// See [`crate::ignore_new_handshakes`].
    fn ignore_new_handshakes(&self) -> Result<()>;

    /// See [`crate::prepare_activated`].
    fn prepare_activated(&self, options: &TcpOptions) -> Result<()>;

    /// See [`crate::listens_at`].
    fn listens_at(&self) -> Option<ListensAt>;

    /// See [`crate::listen::local_address`].
    fn local_address(&self) -> Result<Option<SocketAddr>>;

    /// See [`crate::can_have`].
    fn can_have(&self, options: &ListenOptions) -> bool;

    /// See [`crate::is_mptcp`].
    fn is_mptcp(&self) -> bool;

    /// See [`crate::socket::prepare_accepted_by_mptcp`].
    fn prepare_accepted_by_mptcp(&self, buffers: Buffers) -> Result<()>;

    /// See [`crate::listen::accept`].
    fn accept(&self) -> Result<(Self, Address)>;

    /// See [`crate::listen::has_pending`].
    fn has_pending(&self) -> bool;

    /// See [`crate::listen::waiting`].
    fn waiting(&self) -> u32;

    /// See [`crate::socket::is_connected_to_itself`].
    fn is_connected_to_itself(&self) -> bool;

    /// See [`crate::socket::set_tcp_options`].
    fn set_tcp_options(&self, options: &TcpOptions) -> Result<()>;

    /// See [`crate::socket::replace_tcp_options`].
    fn replace_tcp_options(&self, options: &TcpOptions) -> Result<()>;

    /// See [`crate::socket::set_pacing_rate`].
    fn set_pacing_rate(&self, limit: Option<u64>) -> Result<()>;

    /// See [`crate::socket::take_error`].
    fn take_error(&self) -> Result<()>;

    /// See [`crate::stream::receive`].
    fn receive(&self, buffer: &mut [u8]) -> Result<usize>;

    /// See [`crate::stream::peek`].
    fn peek(&self, buffer: &mut [u8]) -> Result<usize>;

    /// See [`crate::stream::send`].
    fn send(&self, bytes: &[u8]) -> Result<usize>;

    /// See [`crate::socket::shut_write`].
    fn shut_write(&self) -> Result<()>;

    /// See [`crate::socket::reset`].
    fn reset(self);

    /// See [`crate::socket::unacked`].
    fn unacked(&self) -> u32;

    /// See [`crate::sequence_received`].
    fn sequence_received(&self) -> Option<u64>;

    /// See [`crate::tcp_info`].
    fn tcp_info(&self) -> Option<TcpInfo>;
}

/// A pipe between two sockets `S`. See [`crate::Pipe`].
pub trait Pipe<S>: Debug + Send + Sync + 'static {
    /// See [`crate::Pipe::fill`].
    fn fill(&self, source: &S) -> Result<usize>;

    /// See [`crate::Pipe::drain`].
    fn drain(&self, sink: &S, count: usize) -> Result<usize>;

    /// See [`crate::Pipe::read`].
    fn read(&self, buffer: &mut [u8]) -> Result<usize>;

    /// The numbers of the read end and the write end, for the next process image.
    fn numbers(&self) -> [u32; 2];

    /// Keeps both ends open across execve(2).
    fn keep_over_exec(&self) -> Result<()>;

    /// Makes execve(2) close both ends, which is the default.
    fn close_on_exec(&self) -> Result<()>;
}

/// An epoll instance of a kernel. See [`crate::Epoll`].
pub trait Epoll<K: Kernel>: Descriptor {
    /// Room for the events of one wait.
    type Events;

    /// Room for `count` events.
    fn events(count: usize) -> Self::Events;

    /// The events of the last wait.
    fn iter(events: &Self::Events) -> impl Iterator<Item = Event> + '_;

    /// See [`crate::Epoll::add_connection`].
    fn add_connection(&self, socket: &K::Socket, token: u64) -> Result<()>;

    /// See [`crate::Epoll::add_listener`].
    fn add_listener(&self, socket: &K::Socket, token: u64) -> Result<()>;

    /// See [`crate::Epoll::add_waker`].
    fn add_waker(&self, waker: &K::Waker, token: u64) -> Result<()>;

    /// See [`crate::Epoll::remove`].
    fn remove(&self, socket: &K::Socket) -> Result<()>;

    /// See [`crate::Epoll::wait`]. The simulated kernel does not block: it notes the time at which the
    /// wait would end.
    fn wait(&self, events: &mut Self::Events, timeout: Option<Duration>) -> Result<()>;

    /// See [`crate::Epoll::spin`]. The simulated kernel takes the events that are there.
    fn spin(&self, events: &mut Self::Events, span: Duration) -> Result<()>;
}

/// Ends the wait of a thread: the current one, or the next one.
pub trait Wake {
    /// See [`crate::Waker::wake`].
    fn wake(&self);
}

/// A waker that a thread can wait on. See [`crate::Waker`].
pub trait Waker: Wake + Debug + Send + Sync + 'static {
    /// See [`crate::Waker::wait`]. The simulated kernel does not block: it consumes the wake-ups.
    fn wait(&self);
}
