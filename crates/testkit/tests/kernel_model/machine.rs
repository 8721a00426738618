//! A kernel under test, with the abilities of peers that the engine does not need.

use crate::readiness::Readiness;
use std::path::Path;
use std::sync::Arc;
use sys::kernel::{Epoll, Kernel, Pipe};
use sys::{Event, Result};

pub(crate) type SocketOf<M> = <<M as Machine>::Kernel as Kernel>::Socket;
pub(crate) type PipeOf<M> = <<M as Machine>::Kernel as Kernel>::Pipe;
pub(crate) type EpollOf<M> = <<M as Machine>::Kernel as Kernel>::Epoll;
pub(crate) type WakerOf<M> = <<M as Machine>::Kernel as Kernel>::Waker;
pub(crate) type EventsOf<M> = <EpollOf<M> as Epoll<<M as Machine>::Kernel>>::Events;

/// One process on a kernel, with the calls of its test peers.
pub(crate) trait Machine {
    type Kernel: Kernel;

    fn kernel(&self) -> &Self::Kernel;

    /// The directory of Unix sockets.
    fn directory(&self) -> &Path;

    /// Sends one urgent byte.
    fn send_urgent(&self, socket: &SocketOf<Self>, byte: u8) -> Result<usize>;

    /// Sends bytes over a Unix socket with a descriptor attached (`SCM_RIGHTS`).
    fn send_with_descriptor(&self, socket: &SocketOf<Self>, bytes: &[u8]) -> Result<usize>;

    /// Connects a socket to its own address, at 127.0.0.1.
    fn connect_to_itself(&self) -> Result<SocketOf<Self>>;

    /// Waits until poll(2) reports the socket as readable or writable, unless only an end is of interest,
    /// or as failed or ended. Gives up after some seconds.
    fn wait_until_ready(&self, socket: &SocketOf<Self>, only_end: bool);

    /// The host of this socket vanishes.
    fn vanish(&mut self, socket: SocketOf<Self>);

    /// Changes the length of the accept queue (listen(2)).
    fn set_backlog(&self, listener: &SocketOf<Self>, length: u32) -> Result<()>;

    /// The state as poll(2) reports it.
    fn poll(&self, socket: &SocketOf<Self>) -> Readiness;

    /// Lets everything arrive that is on its way between these connections.
    fn settle(&self, connections: &[&SocketOf<Self>]);

    /// Begins a wait that blocks until there is an event.
    fn block(&mut self, epoll: &Arc<EpollOf<Self>>, room: usize);

    /// The events of a wait, if it does not block any more. It is over then.
    fn unblocked(&mut self, epoll: &Arc<EpollOf<Self>>) -> Option<Vec<Event>>;

    /// Ends a wait that blocks.
    fn interrupt(&mut self, epoll: &Arc<EpollOf<Self>>);

    /// The number of open descriptors.
    fn open_descriptors(&self) -> usize;

    /// Limits the process to `more` descriptors beyond the open ones.
    fn limit_descriptors(&mut self, more: usize);

    /// execve(2): closes the descriptors that are not kept, in ascending order. The kept ones have no
    /// owner until they are claimed.
    fn exec(&mut self, open: Vec<Handle<Self>>);
}

/// The owner of a descriptor, before execve(2).
pub(crate) struct Handle<M: Machine + ?Sized> {
    pub(crate) kind: HandleKind<M>,
    pub(crate) is_kept: bool,
}

pub(crate) enum HandleKind<M: Machine + ?Sized> {
    Socket(SocketOf<M>),
    Pipe(PipeOf<M>),
    Epoll(Arc<EpollOf<M>>),
    Waker(WakerOf<M>),
}

impl<M: Machine + ?Sized> HandleKind<M> {
    /// The lower number of the descriptors, as far as they have one.
    pub(crate) fn number(&self) -> u32 {
        use sys::kernel::Descriptor as _;
        match self {
            Self::Socket(socket) => socket.number(),
            Self::Pipe(pipe) => pipe.numbers()[0],
            Self::Epoll(epoll) => epoll.number(),
            Self::Waker(_) => u32::MAX,
        }
    }
}
