//! The hosts of targets.

use crate::network::{self, Connection, PeerSocket};
use crate::script::{Host, host_address, host_path};
use flow::SocketRights;
use sys::Errno;
use sys::kernel::Kernel as _;
use testkit::sim::{Process, Reach, Sim, SimSocket};

/// Enough for every history.
const OPEN_FILES: usize = 100_000;

/// The host of a target, with its server process.
pub(crate) struct TargetHost {
    number: u8,
    sim: Sim,
    process: Process,
    /// By TCP, and by a Unix socket. None while it does not listen.
    listeners: Vec<SimSocket>,
    state: Host,
}

/// The effect of a new condition on the connections of a host.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// All of them were closed: the server process has died.
    pub(crate) died: bool,
    /// Those that were lost without a segment.
    pub(crate) lost: Vec<Connection>,
}

impl TargetHost {
    pub(crate) fn new(number: u8, sim: &Sim) -> Self {
        let process = sim.process(OPEN_FILES);
        let mut host =
            Self { number, sim: sim.clone(), process, listeners: Vec::new(), state: Host::Dead };
        host.set(Host::Up);
        host
    }

    /// Changes its condition.
    pub(crate) fn set(&mut self, state: Host) -> Change {
        let address = host_address(self.number).ip();
        self.sim.set_reach(
            address,
            match state {
                Host::Silent => Reach::Silent,
                Host::Unreachable => Reach::Unreachable(Errno::HOSTUNREACH),
                _ => Reach::Alive,
            },
        );
        let died = state == Host::Dead && self.state != Host::Dead;
        if died {
            self.process.kill();
            self.process = self.sim.process(OPEN_FILES);
        }
        let listens = !matches!(state, Host::Dead | Host::Closed);
        if !listens {
            self.listeners.clear();
            self.process.remove_file(&host_path(self.number));
        } else if self.listeners.is_empty() {
            self.listen();
        }
        let lost = if state == Host::Crashed { self.sim.crash(address) } else { Vec::new() };
        self.state = state;
        Change { died, lost }
    }

    fn listen(&mut self) {
        let tcp = network::listen(&self.process, host_address(self.number));
        let unix = self.process.listen_unix(&host_path(self.number), &SocketRights::AUTO);
        let unix = unix.map_err(|error| error.errno);
        self.listeners = [tcp, unix].into_iter().map(|it| it.expect("it is free")).collect();
    }

    /// Whether [`Self::accept`] has a connection to accept.
    pub(crate) fn can_accept(&self) -> bool {
        self.waiting().next().is_some()
    }

    /// Accepts a connection. `None` if none waits, or the host accepts none.
    pub(crate) fn accept(&self) -> Option<PeerSocket> {
        self.waiting().find_map(|listener| PeerSocket::accept(listener).ok())
    }

    /// The listeners with a connection in their queue, unless the host accepts none.
    fn waiting(&self) -> impl Iterator<Item = &SimSocket> {
        let accepts = self.state != Host::NotAccepting;
        self.listeners.iter().filter(move |listener| accepts && listener.queued() > 0)
    }

    /// Whether no segment reaches it.
    pub(crate) fn is_cut_off(&self) -> bool {
        matches!(self.state, Host::Silent | Host::Unreachable)
    }

    /// Whether it resets the connections that it accepts.
    pub(crate) fn resets(&self) -> bool {
        self.state == Host::Resetting
    }
}
