//! The data plane: carries out the decisions of crate `flow` on one thread per core, with epoll, and
//! without a lock, an allocation or a clock reading per byte.
//!
//! A session passes these stages, one module each. A stage that decides has a file of the same name in
//! `flow`.
//!
//! ```text
//!   accept -> permit -> greet -> rule -> select -> connect -> preamble -> relay -> flush -> close
//! ```
//!
//! `worker` is the thread around them: it waits for events, and calls the current stage of a session.
//! Below, the modules stand in this order, each stage followed by its helpers.

mod accept;

mod permit;

mod greet;

mod rule;

mod select;

mod connect;
mod loop_guard;
mod resolve;

mod preamble;

mod relay;

mod holding;
pub use holding::PIPE_SIZES;

mod pump;

mod flush;

mod close;

mod session;
mod slots;
mod table;
mod wheel;

mod acceptor;
mod context;
mod token;
mod worker;

mod forward;
mod rules;
mod targets;

mod change;
mod message;
mod publish;
pub use publish::{CHANGE_LIMIT, Published};

mod upgrade;
pub use upgrade::{Handoff, NotParked, Parked, TakenOver};

mod view;
pub use view::{LaneView, Reply, SessionFilter, SessionPage, SessionView};

mod observer;
pub use observer::Observer;

mod counters;
pub use counters::{Classes, DURATION_BOUNDS, Sums, Totals};

mod failure;
mod mailbox;
mod rate_limit;
mod report;
mod shared;

/// Parts exposed to the micro-benchmarks. Not for use elsewhere.
#[doc(hidden)]
pub mod parts {
    pub use crate::mailbox::{Mailbox, Wake};
    pub use crate::slots::{Key, Slots};
    pub use crate::wheel::Wheel;
}

mod passed;
pub use passed::PassedSockets;

mod leaving;
mod listener;

mod listen_error;
pub use listen_error::{ListenCause, ListenError};

mod arrange;
pub use arrange::Applied;

mod bind;

mod operator;
pub use operator::NotSwitched;

mod running;
pub use running::Unbound;

mod forward_view;
pub use forward_view::{ForwardState, ForwardView, LostFile};

pub use report::{Report, Reports, SessionRecord};
pub use resolve::{Query, Resolve};
pub use shared::Detail;

use listener::Listener;
use message::Message;
use plan::ListenAddress;
use running::Forwards;
use rustix::fd::{AsFd, BorrowedFd};
use shared::Shared;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use worker::Worker;

/// Stack size of a worker, in bytes: the scratch buffer is on the heap, and no code recurses.
const STACK: usize = 256 * 1024;

/// Properties of an engine that are fixed at its start.
pub struct Options {
    /// Number of worker threads; at least one.
    pub workers: usize,
    /// Initial limit on the sessions of all forwards together.
    pub max_sessions: u32,
    /// Limit on pipes of all workers together. A lane without a pipe copies.
    pub pipes: usize,
    /// Which events of sessions are reported.
    pub detail: Detail,
    /// Resolver of target names.
    pub resolver: Arc<dyn Resolve>,
}

/// The running data plane.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Disconnects when all threads have ended.
    ended: Receiver<()>,
    forwards: Forwards,
}

/// A started thread that waits for its worker.
struct Thread {
    worker: Sender<Worker>,
    handle: JoinHandle<()>,
}

/// Starts a thread before its worker is sent to it: if the host refuses the thread, the worker is kept.
fn start_thread(index: usize, alive: Sender<()>) -> std::io::Result<Thread> {
    let (worker, of_thread) = channel::<Worker>();
    let run = move || {
        if let Ok(worker) = of_thread.recv() {
            worker.run();
        }
        drop(alive);
    };
    let name = format!("worker-{index}");
    let handle = std::thread::Builder::new().name(name).stack_size(STACK).spawn(run)?;
    Ok(Thread { worker, handle })
}

/// Repeats `attempt` until it succeeds or `retry` returns false.
fn insist<T>(
    retry: &dyn Fn(&std::io::Error) -> bool,
    mut attempt: impl FnMut() -> std::io::Result<T>,
) -> std::io::Result<T> {
    loop {
        match attempt() {
            Err(error) if retry(&error) => {}
            result => return result,
        }
    }
}

impl Engine {
    /// Starts the workers. They idle until [`Engine::apply`].
    ///
    /// # Errors
    /// If the host refuses a thread or a descriptor.
    pub fn start(options: &Options, passed: PassedSockets) -> std::io::Result<Self> {
        Self::start_with(options, passed, Vec::new(), &|_| false)
    }

    /// Like [`Engine::start`], with the epoll instances of the previous process image, which are used if
    /// there is one for each worker. If the host refuses a thread or a descriptor, `retry` decides
    /// whether to try again; it may sleep first.
    ///
    /// # Errors
    /// The first error that `retry` rejects.
    pub fn start_with(
        options: &Options,
        passed: PassedSockets,
        epolls: Vec<OwnedFd>,
        retry: &dyn Fn(&std::io::Error) -> bool,
    ) -> std::io::Result<Self> {
        let as_many = epolls.len() == options.workers;
        let mut epolls = epolls.into_iter().filter(|_| as_many);
        let shared = Arc::new(insist(retry, || Ok(Shared::new(options)?))?);
        let (alive, ended) = channel();
        let mut engine =
            Self { shared, threads: Vec::new(), ended, forwards: Forwards::new(passed) };
        for index in 0..options.workers {
            // A failed attempt closes the inherited epoll instance: the next attempt makes a new one.
            let worker = || Ok(Worker::new(index, Arc::clone(&engine.shared), epolls.next())?);
            let worker = insist(retry, worker)?;
            let thread = insist(retry, || start_thread(index, alive.clone()))?;
            // Cannot fail: the thread waits for the worker.
            let _ = thread.worker.send(worker);
            engine.threads.push(thread.handle);
        }
        Ok(engine)
    }

    /// Makes `forwards` the running configuration, at the start and at each reload.
    ///
    /// All or nothing: new addresses are bound first. If that fails for a forward that `may_skip`
    /// rejects, or would leave the process without any listener, nothing has changed. A new address may
    /// overlap a removed one (`:80` and `127.0.0.1:80`): one of the two listens at every moment. A lost
    /// file of a Unix socket is made again. Listeners and sessions of unchanged forwards are not
    /// affected. A changed forward keeps its listeners where their addresses stay, and its sessions,
    /// which get the new limits and timeouts. Sessions of a removed forward go on.
    ///
    /// # Errors
    /// The forwards that prevented the change.
    pub fn apply(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
    ) -> Result<Applied, Vec<Unbound>> {
        self.forwards.apply(forwards, may_skip, &self.shared)
    }

    /// Decides like [`Self::apply`]: binds new addresses without listening, and closes the sockets.
    /// Changes nothing, and affects no client.
    ///
    /// # Errors
    /// Those of [`Self::apply`].
    pub fn try_apply(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
    ) -> Result<Vec<Unbound>, Vec<Unbound>> {
        self.forwards.try_apply(forwards, may_skip, &self.shared)
    }

    /// Retries the unbound addresses of forwards that were skipped by [`Self::apply`] or
    /// [`Self::restore`], and makes lost files of Unix sockets again. Open listeners are not affected.
    /// The result lists the forwards that are still skipped.
    pub fn retry_skipped(&mut self) -> Applied {
        self.forwards.retry_skipped(&self.shared)
    }

    /// Returns to an earlier configuration, as far as its addresses can be bound: a forward with several
    /// addresses listens at those that can. It may leave no listener at all. Forwards named in `drained`
    /// are restored as drained. The result lists the skipped forwards, each with its first address that
    /// could not be bound: their state is [`ForwardState::Skipped`], and [`Self::retry_skipped`]
    /// completes them.
    pub fn restore(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        drained: &BTreeSet<String>,
    ) -> Applied {
        self.forwards.restore(forwards, drained, &self.shared)
    }

    /// Drains a forward: closes its listeners; its sessions go on.
    ///
    /// # Errors
    /// [`NotSwitched::NoForward`], or [`NotSwitched::Already`] if it is drained.
    pub fn drain_forward(&mut self, name: &str) -> Result<Published, NotSwitched> {
        self.forwards.drain(name, &self.shared)
    }

    /// Makes a drained or skipped forward listen again.
    ///
    /// # Errors
    /// Every variant of [`NotSwitched`]; the listeners of the forward then stay as they were.
    pub fn resume_forward(&mut self, name: &str) -> Result<Published, NotSwitched> {
        self.forwards.resume(name, &self.shared)
    }

    /// Forgets removed forwards whose sessions have ended, and resets the sessions of forwards that were
    /// removed at least `removed_timeout` ago.
    pub fn tidy(&mut self, removed_timeout: Option<Duration>) {
        self.forwards.tidy(removed_timeout, &self.shared);
    }

    /// All forwards: the configured ones, in their order, then removed ones with open sessions.
    pub fn forwards(&self) -> impl Iterator<Item = ForwardView<'_>> {
        self.forwards.views()
    }

    /// Counters of all forwards since the start of the process, removed forwards included.
    pub fn sums(&self) -> Sums {
        self.forwards.sums()
    }

    /// A handle for queries from other threads.
    pub fn observer(&self) -> Observer {
        Observer(Arc::clone(&self.shared))
    }

    /// The listen addresses, as configured.
    pub fn listen_addresses(&self) -> impl Iterator<Item = String> + '_ {
        self.forwards.listeners().map(|listener| listener.address.to_string())
    }

    /// Number of open listeners.
    pub fn listeners(&self) -> usize {
        self.forwards.listeners().count()
    }

    /// Sockets of all listeners that this process has bound itself.
    pub fn own_sockets(&self) -> impl Iterator<Item = (&ListenAddress, BorrowedFd<'_>)> {
        let is_own =
            |listener: &&Listener| !matches!(listener.address, ListenAddress::Activated(_));
        self.forwards.listeners().filter(is_own).flat_map(|listener| {
            listener.sockets().map(|(_, socket)| (&listener.address, socket.as_fd()))
        })
    }

    /// Leaves the files of these Unix sockets in place when the process ends, because a service manager
    /// keeps the sockets.
    pub fn leave_files(&mut self, is_kept: impl Fn(&ListenAddress) -> bool) {
        self.forwards.leave_files(is_kept);
    }

    /// The queue of the workers' reports.
    pub fn reports(&self) -> Reports {
        Reports(Arc::clone(&self.shared.outbox))
    }

    /// Number of open sessions.
    pub fn sessions(&self) -> u32 {
        self.shared.gate.taken()
    }

    /// Limit on the sessions of all forwards together.
    pub fn max_sessions(&self) -> u32 {
        self.shared.gate.limit()
    }

    /// Changes [`Self::max_sessions`] for new sessions; open ones stay, even beyond it.
    pub fn set_max_sessions(&self, limit: u32) {
        self.shared.wake(self.shared.gate.set_limit(limit));
    }

    /// Closes all listeners; sessions go on.
    pub fn drain(&mut self) {
        self.shared.broadcast(|| Message::Drain);
        self.forwards.close();
    }

    /// Resets all open sessions.
    pub fn cut(&self) {
        self.shared.broadcast(|| Message::Cut);
    }

    /// Resets all open sessions and ends the workers. Waits for them, at most for `limit`.
    pub fn stop(self, limit: Duration) {
        self.shared.broadcast(|| Message::Stop);
        match self.ended.recv_timeout(limit) {
            // A hanging worker ends with the process.
            Err(RecvTimeoutError::Timeout) => {}
            // All workers have ended. A panic was printed on standard error.
            _ => self.threads.into_iter().for_each(|thread| _ = thread.join()),
        }
        // Connections may have been handed to a worker that had ended.
        for message in self.shared.mailboxes.iter().flat_map(|mailbox| mailbox.take()) {
            if let Message::Adopt(accepted) = message {
                sys::socket::reset(accepted.socket);
                self.shared.release(accepted.permit);
            }
        }
    }
}
