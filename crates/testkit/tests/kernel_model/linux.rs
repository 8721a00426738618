//! The kernel of this host.

mod waiter;

use crate::machine::{Handle, HandleKind, Machine};
use crate::readiness::Readiness;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{IoSlice, fcntl_dupfd_cloexec};
use rustix::net::{
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, connect, getpeername, listen, send,
    sendmsg, sockopt,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use sys::kernel::Linux;
use sys::listen::{ListenOptions, Sharing, bind_tcp, local_address};
use sys::socket::TcpOptions;
use sys::{Epoll, Errno, Event, Result};
use tempfile::TempDir;
use testkit::Socket;
use waiter::Waiter;

static PROCESS: Mutex<()> = Mutex::new(());

/// The use of this process for programs. They run one at a time, and no other test beside them opens
/// files: descriptors and their limit belong to the process.
pub(crate) struct Host {
    _process: MutexGuard<'static, ()>,
}

impl Host {
    /// Waits until no other test uses the process.
    ///
    /// Keeps the calling thread on one CPU from now on. Loopback segments pass through a queue of the
    /// sender's CPU, so all of them stay in one order.
    pub(crate) fn take() -> Self {
        let process = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        sched_setaffinity(None, &one).expect("a thread may stay on its CPU");
        Self { _process: process }
    }
}

/// Segments that can follow from one segment: its answer, the answer to that, and so on.
const ANSWERS: usize = 4;

/// Bound of the wait for acknowledgements. The longest delay of one is 200 ms (`TCP_DELACK_MAX`).
const ROUNDS: usize = 300;
const ROUND: Duration = Duration::from_millis(1);

/// Bound of the wait for a retransmission, which comes after a second, or for a timeout.
const READY_LIMIT: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// See [`RealMachine::least_own`].
const OWN: u64 = 1_000;

pub(crate) struct RealMachine<'host> {
    kernel: Linux,
    directory: TempDir,
    /// Connected to itself: what it sends arrives behind everything that this thread has sent.
    barrier: UdpSocket,
    /// Descriptors of the test itself.
    foreign: usize,
    limit: Rlimit,
    waiters: Vec<Waiter>,
    /// Sockets of vanished hosts, which must not send a FIN.
    vanished: Vec<Socket>,
    _host: &'host Host,
}

impl<'host> RealMachine<'host> {
    pub(crate) fn new(host: &'host Host) -> Self {
        let barrier = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
        barrier.connect(barrier.local_addr().expect("an address")).expect("a connected socket");
        barrier.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        let directory = tempfile::tempdir().expect("a directory");
        let limit = getrlimit(Resource::Nofile);
        let mut machine = Self {
            kernel: Linux,
            directory,
            barrier,
            foreign: 0,
            limit,
            waiters: Vec::new(),
            vanished: Vec::new(),
            _host: host,
        };
        machine.foreign = machine.numbers().len();
        machine
    }

    /// Numbers from here on belong to the test: programs use the lowest free ones.
    fn least_own(&self) -> u64 {
        self.limit.current.unwrap_or(OWN).min(2 * OWN) / 2
    }

    /// The open descriptors of this process, without those of waiters.
    fn numbers(&self) -> BTreeSet<u64> {
        // Listing them takes a descriptor.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, self.limit).expect("the former limit");
        let entries = std::fs::read_dir("/proc/self/fd").expect("the descriptors of this process");
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut numbers: BTreeSet<u64> =
            entries.filter_map(name).filter_map(|name| name.parse().ok()).collect();
        // The directory itself was listed, too, and is closed now.
        let is_open = |number: &u64| Path::new(&format!("/proc/self/fd/{number}")).is_symlink();
        numbers.retain(|number| *number < self.least_own() && is_open(number));
        setrlimit(Resource::Nofile, limit).expect("the present limit");
        numbers
    }

    /// Segments of this thread, and the answers to them, have arrived when this returns.
    fn pass_barrier(&self) {
        for _ in 0..ANSWERS {
            self.barrier.send(&[0]).expect("a datagram can be sent");
            self.barrier.recv(&mut [0]).expect("it arrives");
        }
    }
}

/// Whether nothing sent is unacknowledged, except what the receiver has no room for.
fn is_quiet(socket: &OwnedFd) -> bool {
    // A socket without a peer is closed, or still connecting.
    getpeername(socket).is_err()
        || sys::tcp_info(socket.as_fd()).is_none_or(|info| info.unacked == 0)
}

impl Machine for RealMachine<'_> {
    type Kernel = Linux;

    fn kernel(&self) -> &Linux {
        &self.kernel
    }

    fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn send_urgent(&self, socket: &OwnedFd, byte: u8) -> Result<usize> {
        send(socket, &[byte], SendFlags::OOB | SendFlags::NOSIGNAL)
    }

    fn send_with_descriptor(&self, socket: &OwnedFd, bytes: &[u8]) -> Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut buffer = SendAncillaryBuffer::new(&mut space);
        let descriptors = [self.barrier.as_fd()];
        buffer.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(socket, &[IoSlice::new(bytes)], &mut buffer, SendFlags::NOSIGNAL)
    }

    fn connect_to_itself(&self) -> Result<OwnedFd> {
        let loopback = (Ipv4Addr::LOCALHOST, 0).into();
        let options = TcpOptions::NONE;
        let socket = bind_tcp(loopback, &ListenOptions::with(options), Sharing::Exclusive)?;
        let address = local_address(&socket)?.ok_or(Errno::INVAL)?;
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
            Err(error) => Err(error),
        }
    }

    fn wait_until_ready(&self, socket: &OwnedFd, only_end: bool) {
        let of_interest =
            if only_end { PollFlags::empty() } else { PollFlags::IN | PollFlags::OUT };
        let mut events = [PollFd::new(socket, of_interest)];
        poll(&mut events, Some(&READY_LIMIT)).expect("poll(2)");
    }

    fn vanish(&mut self, socket: OwnedFd) {
        let least = i32::try_from(self.least_own()).expect("a number of a descriptor");
        let socket = fcntl_dupfd_cloexec(socket, least).expect("a high number").into();
        testkit::vanish(&socket);
        self.vanished.push(socket);
    }

    fn set_backlog(&self, listener: &OwnedFd, length: u32) -> Result<()> {
        listen(listener, i32::try_from(length).unwrap_or(i32::MAX))
    }

    fn poll(&self, socket: &OwnedFd) -> Readiness {
        let asked = PollFlags::IN | PollFlags::OUT | PollFlags::RDHUP | PollFlags::PRI;
        let mut events = [PollFd::new(socket, asked)];
        poll(&mut events, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("poll(2)");
        Readiness::from_flags(events[0].revents().bits().into())
    }

    fn settle(&self, connections: &[&OwnedFd]) {
        for _ in 0..ROUNDS {
            for socket in connections {
                // Sends a delayed acknowledgement now. Fails for a Unix socket.
                let _ = sockopt::set_tcp_quickack(socket, true);
            }
            self.pass_barrier();
            // A vanished host never acknowledges anything.
            if !self.vanished.is_empty() || connections.iter().all(|socket| is_quiet(socket)) {
                return;
            }
            std::thread::sleep(ROUND);
        }
    }

    fn block(&mut self, epoll: &Arc<Epoll>, room: usize) {
        // Its descriptors need room, too.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, self.limit).expect("the former limit");
        let least = i32::try_from(self.least_own()).expect("a number of a descriptor");
        self.waiters.push(Waiter::start(epoll, room, least));
        setrlimit(Resource::Nofile, limit).expect("the present limit");
    }

    fn unblocked(&mut self, epoll: &Arc<Epoll>) -> Option<Vec<Event>> {
        let at = self.waiters.iter().position(|waiter| waiter.is_at(epoll))?;
        let has_returned = self.waiters[at].has_returned();
        has_returned.then(|| self.waiters.remove(at).into_events())
    }

    fn interrupt(&mut self, epoll: &Arc<Epoll>) {
        if let Some(at) = self.waiters.iter().position(|waiter| waiter.is_at(epoll)) {
            self.waiters.remove(at).interrupt();
        }
    }

    fn open_descriptors(&self) -> usize {
        self.numbers().len() - self.foreign
    }

    fn limit_descriptors(&mut self, more: usize) {
        let open = self.numbers();
        let free = (0..).filter(|number| !open.contains(number)).nth(more);
        let limit = Rlimit { current: free, ..self.limit };
        setrlimit(Resource::Nofile, limit).expect("a lower limit");
    }

    fn exec(&mut self, mut open: Vec<Handle<Self>>) {
        open.sort_by_key(|handle| handle.kind.number());
        for Handle { kind, is_kept } in open {
            match kind {
                HandleKind::Socket(socket) if is_kept => std::mem::forget(socket),
                HandleKind::Pipe(pipe) if is_kept => std::mem::forget(pipe),
                HandleKind::Epoll(epoll) if is_kept => std::mem::forget(epoll),
                closed => drop(closed),
            }
        }
    }
}

impl Drop for RealMachine<'_> {
    fn drop(&mut self) {
        // It has been set before, by this process.
        let _ = setrlimit(Resource::Nofile, self.limit);
    }
}
