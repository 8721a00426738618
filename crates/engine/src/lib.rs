//! Carries out what `flow` decides: one thread per core, epoll, and no lock, no allocation and no
//! clock reading per byte.
//!
//! A session passes these stages, one module each. A stage that decides has a file of the same name in
//! `flow`.
//!
//! ```text
//!   accept -> permit -> greet -> rule -> select -> connect -> preamble -> relay -> flush -> close
//! ```
//!
//! `worker` is the thread around them: it waits for events, and calls the stage that a session is in.
//! The modules stand in this order, each stage followed by its helpers.

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

/// Parts that the benchmarks measure by themselves. Not for use elsewhere.
#[doc(hidden)]
pub mod parts {
    pub use crate::mailbox::{Mailbox, Wake};
    pub use crate::slots::{Key, Slots};
    pub use crate::wheel::Wheel;
}

mod given;
pub use given::GivenSockets;

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

/// Workers need little: the scratch buffer is on the heap, and nothing recurses.
const STACK: usize = 256 * 1024;

/// The fixed properties of an engine.
pub struct Options {
    /// Threads that move bytes; at least one.
    pub workers: usize,
    /// Sessions of all forwards together.
    pub max_sessions: u32,
    /// Pipes for bulk, of all workers together. A lane that gets none copies.
    pub pipes: usize,
    /// Which events of sessions are reported.
    pub detail: Detail,
    /// Resolves names of targets.
    pub resolver: Arc<dyn Resolve>,
}

/// The running data plane.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Disconnected when all threads have ended.
    ended: Receiver<()>,
    forwards: Forwards,
}

/// A thread that waits for its worker.
struct Thread {
    worker: Sender<Worker>,
    handle: JoinHandle<()>,
}

/// Starts a thread before it has a worker, so that no worker is lost if the host refuses the thread.
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

/// Repeats `attempt` until it succeeds, or `retry` returns false.
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
    /// Starts the workers. They have nothing to do until [`Engine::apply`].
    pub fn start(options: &Options, given: GivenSockets) -> std::io::Result<Self> {
        Self::start_with(options, given, Vec::new(), &|_| false)
    }

    /// Like [`Engine::start`], with the epoll instances of the previous process image's workers: as
    /// many, or none. If the host refuses a thread or a descriptor, `retry` decides whether to try
    /// again; it may wait before it returns.
    pub fn start_with(
        options: &Options,
        given: GivenSockets,
        epolls: Vec<OwnedFd>,
        retry: &dyn Fn(&std::io::Error) -> bool,
    ) -> std::io::Result<Self> {
        let as_many = epolls.len() == options.workers;
        let mut epolls = epolls.into_iter().filter(|_| as_many);
        let shared = Arc::new(insist(retry, || Ok(Shared::new(options)?))?);
        let (alive, ended) = channel();
        let mut engine =
            Self { shared, threads: Vec::new(), ended, forwards: Forwards::new(given) };
        for index in 0..options.workers {
            // An inherited epoll instance is gone after a failed attempt: the next one makes its own.
            let worker = || Ok(Worker::new(index, Arc::clone(&engine.shared), epolls.next())?);
            let worker = insist(retry, worker)?;
            let thread = insist(retry, || start_thread(index, alive.clone()))?;
            // The thread waits for nothing else.
            let _ = thread.worker.send(worker);
            engine.threads.push(thread.handle);
        }
        Ok(engine)
    }

    /// Makes these the running forwards, the first time and at each change of the configuration.
    ///
    /// All or nothing: everything new is bound first, and if that fails for a forward that may not
    /// be skipped, or would leave no listener where there is one, nothing has changed. A new address
    /// may overlap one that goes (`:80` and `127.0.0.1:80`): there is a listener at every moment. A
    /// Unix socket whose file is gone gets a new one. Listeners and
    /// sessions of unchanged forwards notice nothing. A changed forward keeps its listeners where
    /// their addresses stay, and its sessions, which get the new limits and timeouts. Sessions of a
    /// removed one go on.
    pub fn apply(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
    ) -> Result<Applied, Vec<Unbound>> {
        self.forwards.apply(forwards, may_skip, &self.shared)
    }

    /// Decides like [`Self::apply`]: binds everything new without listening, and closes it again.
    /// Changes nothing, and disturbs no client.
    pub fn try_apply(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        may_skip: &dyn Fn(&plan::Forward) -> bool,
    ) -> Result<Vec<Unbound>, Vec<Unbound>> {
        self.forwards.try_apply(forwards, may_skip, &self.shared)
    }

    /// Retries the addresses that could not be bound, of forwards skipped by [`Self::apply`] or by
    /// [`Self::restore`], and makes lost files of Unix sockets again. Listeners are not disturbed.
    /// The forwards of the result are still skipped.
    pub fn retry_skipped(&mut self) -> Applied {
        self.forwards.retry_skipped(&self.shared)
    }

    /// Returns to the forwards of an earlier configuration, as far as they can be bound: of a forward
    /// with several addresses, those that can be bound listen. It may leave no listener at all.
    /// Forwards that are named in `drained` come back drained. The result has the skipped forwards, each
    /// with the first of its addresses that could not be bound: their state is
    /// [`ForwardState::Skipped`], and [`Self::retry_skipped`] completes them.
    pub fn restore(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        drained: &BTreeSet<String>,
    ) -> Applied {
        self.forwards.restore(forwards, drained, &self.shared)
    }

    /// Lets a forward take no new sessions: its listeners are closed, its sessions go on.
    pub fn drain_forward(&mut self, name: &str) -> Result<Published, NotSwitched> {
        self.forwards.drain(name, &self.shared)
    }

    /// Lets a drained or skipped forward take sessions again.
    pub fn resume_forward(&mut self, name: &str) -> Result<Published, NotSwitched> {
        self.forwards.resume(name, &self.shared)
    }

    /// Forgets removed forwards whose sessions have ended, and resets the sessions of forwards that were removed longer ago than `removed_timeout`.
    pub fn tidy(&mut self, removed_timeout: Option<Duration>) {
        self.forwards.tidy(removed_timeout, &self.shared);
    }

    /// All forwards: those that run, in the order of the configuration, and removed ones that
    /// still have sessions.
    pub fn forwards(&self) -> impl Iterator<Item = ForwardView<'_>> {
        self.forwards.views()
    }

    /// What all forwards have done since the start, those that are gone included.
    pub fn sums(&self) -> Sums {
        self.forwards.sums()
    }

    /// Looks at the running sessions, from any thread.
    pub fn observer(&self) -> Observer {
        Observer(Arc::clone(&self.shared))
    }

    /// The listen addresses, as configured.
    pub fn listen_addresses(&self) -> impl Iterator<Item = String> + '_ {
        self.forwards.listeners().map(|listener| listener.address.to_string())
    }

    /// The number of listeners.
    pub fn listeners(&self) -> usize {
        self.forwards.listeners().count()
    }

    /// The sockets of all listeners that this process has opened itself.
    pub fn own_sockets(&self) -> impl Iterator<Item = (&ListenAddress, BorrowedFd<'_>)> {
        let is_own =
            |listener: &&Listener| !matches!(listener.address, ListenAddress::Activated(_));
        self.forwards.listeners().filter(is_own).flat_map(|listener| {
            listener.sockets().map(|(_, socket)| (&listener.address, socket.as_fd()))
        })
    }

    /// Leaves the files of these Unix sockets in place at the end: a service manager keeps the sockets.
    pub fn leave_files(&mut self, is_kept: impl Fn(&ListenAddress) -> bool) {
        self.forwards.leave_files(is_kept);
    }

    /// The reports of the workers.
    pub fn reports(&self) -> Reports {
        Reports(Arc::clone(&self.shared.outbox))
    }

    /// Sessions open now.
    pub fn sessions(&self) -> u32 {
        self.shared.gate.taken()
    }

    /// The most sessions of all forwards together.
    pub fn max_sessions(&self) -> u32 {
        self.shared.gate.limit()
    }

    /// Changes [`Self::max_sessions`] for new sessions; open ones stay.
    pub fn set_max_sessions(&self, limit: u32) {
        self.shared.wake(self.shared.gate.set_limit(limit));
    }

    /// Closes the listeners; sessions go on.
    pub fn drain(&mut self) {
        self.shared.broadcast(|| Message::Drain);
        self.forwards.close();
    }

    /// Resets every session that is still open.
    pub fn cut(&self) {
        self.shared.broadcast(|| Message::Cut);
    }

    /// Ends the workers, and waits for them, at most for `limit`. Sessions that are open are reset.
    pub fn stop(self, limit: Duration) {
        self.shared.broadcast(|| Message::Stop);
        match self.ended.recv_timeout(limit) {
            // A worker that hangs ends with the process.
            Err(RecvTimeoutError::Timeout) => {}
            // They send nothing. A panic has been printed on standard error.
            _ => self.threads.into_iter().for_each(|thread| _ = thread.join()),
        }
        // A session may have been sent to a worker that had ended before.
        for message in self.shared.mailboxes.iter().flat_map(|mailbox| mailbox.take()) {
            if let Message::Adopt(accepted) = message {
                sys::socket::reset(accepted.socket);
                self.shared.release(accepted.permit);
            }
        }
    }
}
