//! State shared by all workers: accessed when a session begins or ends, never per byte.

use crate::clients::Clients;
use crate::ended::Ended;
use crate::loop_guard::LoopGuard;
use crate::mailbox::Mailbox;
use crate::message::{Inbox, Message};
use crate::options::{Detail, Options};
use crate::permit::{Claim, Gate, Permit, Place, WorkerSet};
use crate::report::Outbox;
use crate::resolve::Resolve;
use crate::rule::Route;
use crate::spins::{SpinCounters, Spins};
use crate::suspects::Suspects;
use crate::target::Target;
use crate::unapplied::Unapplied;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use sys::kernel::Kernel;

/// Load difference at which a new session goes to the least-loaded worker: this constant, so that a few
/// bulk sessions are spread evenly, plus an eighth of that worker's load, so that a handover between
/// workers stays rare among many small sessions.
const SLACK: u32 = 1;
const SLACK_PART: u32 = 8;

pub(crate) struct Shared<K: Kernel> {
    pub(crate) kernel: K,
    pub(crate) mailboxes: Vec<Arc<Inbox<K>>>,
    /// Number of sessions per worker.
    loads: Vec<AtomicU32>,
    /// Descriptor of each worker's epoll instance.
    epolls: Vec<AtomicU32>,
    /// Number of pipes per worker, lent or spare.
    pipes: Vec<AtomicUsize>,
    /// Spins per worker.
    spins: Vec<SpinCounters>,
    /// The limit on sessions of the process, `max_sessions`.
    pub(crate) gate: Gate,
    pub(crate) clients: Clients,
    /// There are two forwards or more, which share the places of the process.
    several_forwards: AtomicBool,
    next_forward: AtomicU32,
    pub(crate) outbox: Arc<Outbox<K::Waker>>,
    pub(crate) ended: Ended,
    pub(crate) loop_guard: Arc<LoopGuard>,
    pub(crate) resolver: Arc<dyn Resolve<K>>,
    pub(crate) suspects: Suspects,
    pub(crate) unapplied: Arc<Unapplied>,
    pub(crate) detail: LiveDetail,
    /// Seed of the workers' random choices.
    pub(crate) seed: u64,
    pub(crate) pipes_per_worker: usize,
    pub(crate) first_ephemeral_port: u16,
    next_id: AtomicU64,
}

/// A [`Detail`] that changes at run time: it grows while a client follows the events.
pub(crate) struct LiveDetail {
    records: AtomicBool,
    steps: AtomicBool,
}

impl LiveDetail {
    fn new(detail: Detail) -> Self {
        Self { records: AtomicBool::new(detail.records), steps: AtomicBool::new(detail.steps) }
    }

    pub(crate) fn set(&self, detail: Detail) {
        self.records.store(detail.records, Ordering::Relaxed);
        self.steps.store(detail.steps, Ordering::Relaxed);
    }

    pub(crate) fn records(&self) -> bool {
        self.records.load(Ordering::Relaxed)
    }

    pub(crate) fn steps(&self) -> bool {
        self.steps.load(Ordering::Relaxed)
    }
}

impl<K: Kernel> Shared<K> {
    pub(crate) fn new(kernel: &K, options: &Options<K>) -> sys::Result<Self> {
        let workers = options.workers;
        // Unbounded mailboxes suffice: few messages are sent per session and listener.
        let mailbox = |_| Ok(Arc::new(Mailbox::new(kernel.waker()?)));
        Ok(Self {
            mailboxes: (0..workers).map(mailbox).collect::<sys::Result<_>>()?,
            loads: (0..workers).map(|_| AtomicU32::new(0)).collect(),
            epolls: (0..workers).map(|_| AtomicU32::new(0)).collect(),
            pipes: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            spins: (0..workers).map(|_| SpinCounters::default()).collect(),
            gate: Gate::new(options.max_sessions),
            clients: Clients::new(options.seed),
            several_forwards: AtomicBool::new(false),
            next_forward: AtomicU32::new(1),
            outbox: Arc::new(Outbox::new(kernel.waker()?)),
            ended: Ended::new(workers, kernel.system_time()),
            loop_guard: Arc::default(),
            resolver: Arc::clone(&options.resolver),
            suspects: Suspects::default(),
            unapplied: Arc::default(),
            detail: LiveDetail::new(options.detail),
            seed: options.seed,
            pipes_per_worker: options.pipes / workers.max(1),
            first_ephemeral_port: kernel.first_ephemeral_port(),
            next_id: AtomicU64::new(1),
            kernel: kernel.clone(),
        })
    }

    /// Publishes the descriptor of a worker's epoll instance.
    pub(crate) fn note_epoll(&self, worker: usize, fd: u32) {
        self.epolls[worker].store(fd, Ordering::Relaxed);
    }

    /// Descriptors of the workers' epoll instances, by worker.
    pub(crate) fn epolls(&self) -> Vec<u32> {
        self.epolls.iter().map(|fd| fd.load(Ordering::Relaxed)).collect()
    }

    /// Publishes the number of a worker's pipes.
    pub(crate) fn note_pipes(&self, worker: usize, pipes: usize) {
        self.pipes[worker].store(pipes, Ordering::Relaxed);
    }

    /// Number of pipes of all workers, lent or spare.
    pub(crate) fn pipes(&self) -> usize {
        self.pipes.iter().map(|pipes| pipes.load(Ordering::Relaxed)).sum()
    }

    /// Counts a spin of a worker.
    pub(crate) fn note_spin(&self, worker: usize, had_events: bool) {
        self.spins[worker].add(had_events);
    }

    /// Spins of all workers.
    pub(crate) fn spins(&self) -> Spins {
        SpinCounters::sum(&self.spins)
    }

    /// Sends a message to every worker.
    pub(crate) fn broadcast(&self, message: impl Fn() -> Message<K>) {
        for mailbox in &self.mailboxes {
            mailbox.send(message());
        }
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The id of the next session, without taking it.
    pub(crate) fn peek_next_id(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    /// Makes the next session's id at least `id`.
    pub(crate) fn raise_next_id(&self, id: u64) {
        self.next_id.fetch_max(id, Ordering::Relaxed);
    }

    /// A number that no forward of the process has had.
    pub(crate) fn next_forward(&self) -> NonZeroU32 {
        let id = self.next_forward.fetch_add(1, Ordering::Relaxed);
        // Reloads would have to make four billion forwards.
        NonZeroU32::new(id).unwrap_or(NonZeroU32::MAX)
    }

    /// Whether there are two forwards or more.
    pub(crate) fn has_several_forwards(&self) -> bool {
        self.several_forwards.load(Ordering::Relaxed)
    }

    /// Publishes the number of configured forwards. True if this turns the sharing of the process's places on or off.
    pub(crate) fn note_forwards(&self, number: usize) -> bool {
        let several = number > 1;
        self.several_forwards.swap(several, Ordering::Relaxed) != several
    }

    /// Chooses the worker for a session accepted by `mine`, and counts the session in its load.
    pub(crate) fn choose_worker(&self, mine: usize) -> usize {
        let load = |worker: usize| self.loads[worker].load(Ordering::Relaxed);
        let least = (0..self.loads.len()).min_by_key(|worker| load(*worker)).unwrap_or(mine);
        let bearable = load(least) + SLACK + load(least) / SLACK_PART;
        let chosen = if load(mine) >= bearable { least } else { mine };
        self.loads[chosen].fetch_add(1, Ordering::Relaxed);
        chosen
    }

    /// Number of sessions of each worker.
    pub(crate) fn loads(&self) -> Vec<u32> {
        self.loads.iter().map(|load| load.load(Ordering::Relaxed)).collect()
    }

    /// Counts a restored session in the load of `worker`.
    pub(crate) fn add_load(&self, worker: usize) {
        self.loads[worker].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an ended session out of the load of `worker`.
    pub(crate) fn remove_load(&self, worker: usize) {
        self.loads[worker].fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes the places of a session restored after an upgrade. May exceed the limits.
    pub(crate) fn restored(&self, route: Arc<Route>, target: Option<Arc<Target>>) -> Permit {
        Permit::restored(route, target, &self.gate)
    }

    /// Returns a claim: its session has a place in a target, or has ended.
    pub(crate) fn release_claim(&self, claim: Option<Claim>) {
        if let Some(claim) = claim {
            claim.release(|waiting| self.wake(waiting));
        }
    }

    /// Returns the place of a session in its target, before another selection.
    pub(crate) fn leave_target(&self, permit: &mut Permit) {
        permit.leave_target(|waiting| self.wake(waiting));
    }

    /// Returns the place in a target to which a session no longer tries to connect.
    pub(crate) fn release_place(&self, place: Place) {
        place.release(|waiting| self.wake(waiting));
    }

    /// Returns the places of a session, and wakes the workers that wait for one.
    pub(crate) fn release(&self, permit: Permit) {
        permit.release(&self.gate, &self.clients, |waiting| self.wake(waiting));
    }

    /// Sends [`Message::RoomAgain`] to these workers.
    pub(crate) fn wake(&self, waiting: WorkerSet) {
        if waiting.is_empty() {
            return;
        }
        for (worker, mailbox) in self.mailboxes.iter().enumerate() {
            if waiting.contains(worker) {
                mailbox.send(Message::RoomAgain);
            }
        }
    }
}
