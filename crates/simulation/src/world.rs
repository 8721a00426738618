//! Everything around the control side of the engine: the network, the peers, the resolver and the
//! workers. One step at a time, chosen by the seed.

mod greetings;
mod image;
mod peers;
mod workers;

use crate::host::TargetHost;
use crate::names::Names;
use crate::network::Connection;
use crate::peer::{CHUNK, ScriptedPeer};
use crate::random::{Choices, Random};
use crate::script::{Forward, HOSTS, Limits};
use crate::session::Session;
use crate::tally::Tally;
use crate::targets::Targets;
use crate::trace::Trace;
use crate::verdict::Circumstances;
use engine::Report;
use flow::{By, Cause, Peer, Phase, Time};
use greetings::Greetings;
use image::EngineHandles;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use testkit::sim::{Process, Sim};
use workers::Workers;

/// Descriptors of the process under test, while none are scarce.
pub(crate) const OPEN_FILES: usize = 4000;
/// Descriptors of all peers: enough for every history.
const FILES_OF_PEERS: usize = 100_000;
/// Longest time that passes while a worker or a peer could run.
const BUSY_ADVANCE: Duration = Duration::from_millis(3);
/// A pause of this length is rare.
const LONG_PAUSE: Duration = Duration::from_millis(100);
/// Most steps of a history that do not advance the clock. A part that never waits exceeds it.
const MOST_BUSY_STEPS: u64 = 500_000;
/// Most steps that advance the clock. In a day, keepalive probes of some idle sessions take a million.
const MOST_ADVANCES: u64 = 10_000_000;

/// The world of one history.
pub(crate) struct World {
    pub(crate) sim: Sim,
    /// The process under test.
    pub(crate) process: Process,
    clients: Process,
    pub(crate) hosts: Vec<TargetHost>,
    pub(crate) names: Arc<Names>,
    pub(crate) sessions: BTreeMap<u16, Session>,
    /// All sessions with an open peer, and some without.
    live: BTreeSet<u16>,
    /// The sessions of connections of clients, and of targets that the engine has connected.
    owners: BTreeMap<Connection, (u16, Peer)>,
    /// The clients that have connected from an address, with the times of their connect(2).
    clients_by_address: BTreeMap<SocketAddr, Vec<(Time, u16)>>,
    /// Applications of targets that have accepted a connection of an unknown session.
    orphans: Vec<ScriptedPeer>,
    pub(crate) workers: Workers,
    /// `None` without a process image.
    handles: Option<EngineHandles>,
    /// Memory for reports.
    read: VecDeque<Report>,
    /// Ended sessions, by their close reasons.
    reasons: BTreeMap<(By, Phase, Cause), u64>,
    /// The records of each forward.
    pub(crate) tallies: BTreeMap<String, Tally>,
    /// The names of the forwards at the last check of the balance, and of those that are or were forgotten.
    pub(crate) seen: BTreeSet<String>,
    pub(crate) forgotten: BTreeSet<String>,
    /// The rules of selection, health and race.
    pub(crate) targets: Targets,
    /// The limits of each forward, in all configurations so far.
    limits: BTreeMap<String, Vec<Limits>>,
    /// All configurations of each forward so far.
    plans: BTreeMap<String, Vec<Forward>>,
    greetings: Greetings,
    /// Clients that were reported as refused.
    refused: u64,
    /// A new process image restores the sessions of the previous one.
    pub(crate) is_restoring: bool,
    pub(crate) circumstances: Circumstances,
    /// The limit of descriptors is lowered.
    pub(crate) has_few_files: bool,
    start: Time,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    pub(crate) steps: u64,
    /// Steps that advanced the clock.
    advances: u64,
    scratch: Vec<u8>,
    /// No peer can take a step before another part has.
    peers_are_idle: bool,
    /// Turns, commands and answers so far: nothing else changes the state of the engine.
    pub(crate) changes: u64,
}

/// The parts of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Worker,
    Peer,
    Host,
    Names,
    Time,
}

/// The order in which parts may take a step: the first that can takes it.
const ORDERS: [&[Part]; 6] = [
    &[Part::Worker, Part::Peer, Part::Host, Part::Names],
    &[Part::Worker, Part::Host, Part::Peer, Part::Names],
    &[Part::Peer, Part::Worker, Part::Host, Part::Names],
    &[Part::Peer, Part::Host, Part::Names, Part::Worker],
    &[Part::Host, Part::Names, Part::Worker, Part::Peer],
    &[Part::Time, Part::Worker, Part::Peer, Part::Host, Part::Names],
];

/// A world that is shared with the waits of the control side.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle for what the world itself owns.
    pub(crate) fn downgrade(&self) -> WeakShared {
        WeakShared(Arc::downgrade(&self.0))
    }
}

/// A handle that does not keep the world.
pub(crate) struct WeakShared(Weak<Mutex<World>>);

impl WeakShared {
    /// The world, unless the history is over.
    pub(crate) fn upgrade(&self) -> Option<Shared> {
        self.0.upgrade().map(Shared)
    }
}

impl World {
    pub(crate) fn new(sim: Sim, process: Process, seed: u64) -> Self {
        Self {
            clients: sim.process(FILES_OF_PEERS),
            hosts: (0..HOSTS).map(|number| TargetHost::new(number, &sim)).collect(),
            names: Arc::new(Names::new(&sim)),
            sessions: BTreeMap::new(),
            live: BTreeSet::new(),
            owners: BTreeMap::new(),
            clients_by_address: BTreeMap::new(),
            orphans: Vec::new(),
            workers: Workers::default(),
            handles: None,
            read: VecDeque::new(),
            reasons: BTreeMap::new(),
            tallies: BTreeMap::new(),
            seen: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            targets: Targets::default(),
            limits: BTreeMap::new(),
            plans: BTreeMap::new(),
            greetings: Greetings::default(),
            refused: 0,
            is_restoring: false,
            circumstances: Circumstances::default(),
            has_few_files: false,
            start: sim.now(),
            random: Random::new(seed),
            trace: Trace::new(),
            steps: 0,
            advances: 0,
            scratch: vec![0; CHUNK],
            peers_are_idle: false,
            changes: 0,
            sim,
            process,
        }
    }

    /// Takes one step. The clock does not pass `until`. False if no step is possible before.
    pub(crate) fn step(&mut self, until: Time) -> bool {
        self.steps += 1;
        let busy_steps = self.steps - self.advances;
        assert!(busy_steps < MOST_BUSY_STEPS, "a worker or a peer does not come to rest");
        assert!(self.advances < MOST_ADVANCES, "the network does not come to rest");
        let order = self.random.pick(&ORDERS);
        for part in order {
            let has_happened = match part {
                Part::Worker => self.worker_turns(),
                Part::Peer => self.peer_steps(),
                Part::Host => self.host_accepts(),
                Part::Names => self.resolver_answers(),
                // Time passes for a while although others could run.
                Part::Time => self.time_passes(until.min(self.sim.now().after(BUSY_ADVANCE))),
            };
            if has_happened {
                return true;
            }
        }
        self.workers.release_one(&mut self.random) || self.time_passes(until)
    }

    /// Advances the clock to the next event of the network, the resolver or a worker. False if that is later
    /// than `until`.
    fn time_passes(&mut self, until: Time) -> bool {
        let due = self.next_due();
        if due > until || due == Time::NEVER || due <= self.sim.now() {
            return false;
        }
        // Often enough for a fault that lasts.
        if self.steps.is_multiple_of(8) || due.since(self.sim.now()) > LONG_PAUSE {
            self.check_waiting();
        }
        self.sim.advance(due);
        self.advances += 1;
        self.peers_are_idle = false;
        self.trace.add(due, "time", 0, &"");
        true
    }

    /// The next time at which the network, the resolver or a worker acts.
    fn next_due(&self) -> Time {
        let of_network = self.sim.next_arrival().unwrap_or(Time::NEVER);
        of_network.min(self.names.next_due()).min(self.workers.next_due())
    }

    /// Takes all steps before `until`, and advances the clock to it.
    pub(crate) fn run_until(&mut self, until: Time) {
        while self.step(until) {}
        self.sim.advance(until.max(self.sim.now()));
        self.peers_are_idle = false;
    }

    /// Takes steps until the next one is more than `span` away, at most for ten such spans.
    pub(crate) fn settle(&mut self, span: Duration) {
        let until = self.sim.now().after(span * 10);
        while self.step(until.min(self.sim.now().after(span))) {}
    }

    /// Runs `act` without the failures of the conditions: only calls of the engine fail.
    fn spared<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let was_spared = self.sim.spare(true);
        let result = act(self);
        let _ = self.sim.spare(was_spared);
        result
    }

    /// The resolver answers a query. False if none is due.
    fn resolver_answers(&mut self) -> bool {
        let has_answered = self.names.answer();
        self.changes += u64::from(has_answered);
        has_answered
    }

    /// Notes a change outside of a step: peers may have something to do.
    pub(crate) fn disturb(&mut self) {
        self.peers_are_idle = false;
    }
}
