//! A deterministic model of the Linux kernel, behind the traits of [`sys::kernel`]: processes,
//! descriptors, TCP over a network with delays, Unix sockets, pipes, epoll, and a virtual clock. One seed
//! decides everything, and nothing blocks.
//!
//! The comments name the functions of Linux whose rules a part follows. `tests/kernel_model` of this
//! crate runs the same programs on both and compares the results; `programs/*.txt` there are the facts of
//! Linux that this model follows.
//!
//! It differs from Linux on purpose, since no call of the engine can rely on the other behaviour:
//!
//! - Buffers have the sizes of the [`Conditions`]. Linux counts its own structures as well, and lets
//!   buffers grow with the use of a connection.
//! - Fragments in a pipe have sizes from the seed. On Linux, they depend on the pages in which the kernel
//!   has stored the bytes of all sockets of a thread.
//! - Of several listeners that share one address, the first one takes all connections. Linux chooses by a
//!   hash of the ports (`reuseport_select_sock`).
//! - A port that bind(2) has chosen stays bound after the end of listening. Linux releases it, as no
//!   program has asked for it (`SOCK_BINDPORT_LOCK`); a configured port is never 0.
//! - Without delays, everything but the acknowledgement of a FIN arrives within the call. On Linux, this
//!   is so on a loopback interface, mostly.

mod calls;
mod conditions;
mod handles;
mod inspect;
mod kernel;
mod network;
mod process;
mod state;
mod table;
mod world;

#[cfg(test)]
mod tests;

pub use conditions::{Call, Conditions};
pub use handles::{SimEpoll, SimEvents, SimPipe, SimSocket, SimWaker};
pub use inspect::Look;
pub use process::Process;
pub use table::Closed;
pub use world::Reach;

use flow::Time;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use world::World;

/// The simulated hosts and their network. Clones are the same simulation.
#[derive(Clone, Debug)]
pub struct Sim(Arc<Mutex<World>>);

impl Sim {
    /// A simulation without processes.
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self(Arc::new(Mutex::new(World::new(seed, conditions))))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process that may have so many open files.
    pub fn process(&self, open_files: usize) -> Process {
        Process::new(Arc::clone(&self.0), open_files)
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.world().now
    }

    /// The next time at which a segment arrives, a timer of the kernel fires, or a wait on an epoll
    /// instance ends. `None` if there is none.
    pub fn next_due(&self) -> Option<Time> {
        let mut world = self.world();
        let due = world.next_due();
        due.into_iter().chain(world.wait_ends()).min()
    }

    /// Moves the clock to `to`, unless it is there, and carries out in order what is due until then.
    pub fn advance(&self, to: Time) {
        let mut world = self.world();
        while let Some(at) = world.next_due().filter(|at| *at <= to) {
            world.now = world.now.max(at);
            world.settle();
        }
        world.now = world.now.max(to);
    }

    /// Replaces the conditions. Present sockets and pipes keep their sizes.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.world().conditions = conditions;
    }

    /// The present conditions.
    pub fn conditions(&self) -> Conditions {
        self.world().conditions.clone()
    }

    /// Sets how the network treats an address.
    pub fn set_reach(&self, address: IpAddr, reach: Reach) {
        self.world().reach.insert(address, reach);
    }

    /// Number of calls of all processes since the start.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }
}
