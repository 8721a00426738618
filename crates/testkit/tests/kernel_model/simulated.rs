//! The simulated kernel.

use crate::machine::{Handle, Machine};
use crate::readiness::Readiness;
use std::cell::Cell;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Epoll as _, Kernel};
use sys::{Event, Result};
use testkit::sim::{Conditions, Process, Sim, SimEpoll, SimSocket};

/// Open files, unless a program limits them.
const OPEN_FILES: usize = 1_000;

/// What is due within this time happens at once: no other timer of the kernel is that short.
const ARRIVAL: Duration = Duration::from_millis(50);

/// `POLLERR` and `POLLHUP`
const END: u32 = 0x018;

/// Bound of the wait for a retransmission or a timeout.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// First port of sockets that are connected to themselves: far from those of other sockets.
const OWN_PORT: u16 = 50_000;

pub(crate) struct SimulatedMachine {
    sim: Sim,
    process: Process,
    /// Threads that wait.
    waiters: Vec<(Arc<SimEpoll>, usize)>,
    own_port: Cell<u16>,
}

impl SimulatedMachine {
    pub(crate) fn new() -> Self {
        // Pages, so that a program has enough fragments for several sends of a splice.
        let fragment = 4_096..=4_096;
        let sim = Sim::new(0, Conditions { fragment, ..Conditions::default() });
        let process = sim.process(OPEN_FILES);
        Self { sim, process, waiters: Vec::new(), own_port: Cell::new(OWN_PORT) }
    }

    fn waiter(&self, epoll: &Arc<SimEpoll>) -> Option<usize> {
        self.waiters.iter().position(|(waiting, _)| Arc::ptr_eq(waiting, epoll))
    }
}

/// The events of an epoll instance. Without one, its thread waits for `timeout`.
fn wait(epoll: &SimEpoll, room: usize, timeout: Option<Duration>) -> Vec<Event> {
    let mut events = SimEpoll::events(room);
    epoll.wait(&mut events, timeout).expect("an epoll instance");
    SimEpoll::iter(&events).collect()
}

impl Machine for SimulatedMachine {
    type Kernel = Process;

    fn kernel(&self) -> &Process {
        &self.process
    }

    fn directory(&self) -> &Path {
        Path::new("/simulated")
    }

    fn send_urgent(&self, socket: &SimSocket, byte: u8) -> Result<usize> {
        socket.send_urgent(byte)
    }

    fn send_with_descriptor(&self, socket: &SimSocket, bytes: &[u8]) -> Result<usize> {
        socket.send_attached(bytes)
    }

    fn connect_to_itself(&self) -> Result<SimSocket> {
        // The only port that is left is that of the target.
        let former = self.sim.conditions();
        let port = self.own_port.get();
        // Other sockets get the ports behind it.
        self.own_port.set(port + 100);
        self.sim.set_conditions(Conditions { ephemeral_ports: port..=port, ..former.clone() });
        let socket = self.process.connect_tcp((Ipv4Addr::LOCALHOST, port).into());
        self.sim.set_conditions(former);
        socket.map(|(socket, _)| socket)
    }

    fn wait_until_ready(&self, socket: &SimSocket, only_end: bool) {
        let until = self.sim.now().after(READY_LIMIT);
        let of_interest = if only_end { END } else { u32::MAX };
        while socket.state() & of_interest == 0 {
            let Some(due) = self.sim.next_due().filter(|due| *due <= until) else { return };
            self.sim.advance(due);
        }
    }

    fn vanish(&mut self, socket: SimSocket) {
        socket.vanish();
    }

    fn set_backlog(&self, listener: &SimSocket, length: u32) -> Result<()> {
        listener.set_backlog(length as usize)
    }

    fn poll(&self, socket: &SimSocket) -> Readiness {
        Readiness::from_flags(socket.state())
    }

    fn settle(&self, _: &[&SimSocket]) {
        let until = self.sim.now().after(ARRIVAL);
        while let Some(due) = self.sim.next_due().filter(|due| *due <= until) {
            self.sim.advance(due);
        }
    }

    fn block(&mut self, epoll: &Arc<SimEpoll>, room: usize) {
        self.waiters.push((Arc::clone(epoll), room));
    }

    fn unblocked(&mut self, epoll: &Arc<SimEpoll>) -> Option<Vec<Event>> {
        let at = self.waiter(epoll)?;
        if self.process.waits_until(epoll).is_some() {
            return None;
        }
        // A wake-up without an event does not end the wait.
        let (_, room) = self.waiters[at];
        let events = wait(epoll, room, None);
        (!events.is_empty()).then(|| {
            self.waiters.remove(at);
            events
        })
    }

    fn interrupt(&mut self, epoll: &Arc<SimEpoll>) {
        if let Some(at) = self.waiter(epoll) {
            let (_, room) = self.waiters.remove(at);
            wait(epoll, room, Some(Duration::ZERO));
        }
    }

    fn open_descriptors(&self) -> usize {
        self.process.descriptors().len()
    }

    fn limit_descriptors(&mut self, more: usize) {
        let open: Vec<_> =
            self.process.descriptors().into_iter().map(|(number, _)| number as usize).collect();
        // The standard descriptors are open as well.
        let free = (3..).filter(|number| !open.contains(number)).nth(more).unwrap_or(usize::MAX);
        self.process.set_open_files(free);
    }

    fn exec(&mut self, open: Vec<Handle<Self>>) {
        self.process = self.process.exec();
        // The handles of the former image are inert.
        drop(open);
    }
}
