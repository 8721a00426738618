//! The workers of the engine, run in turns.

use super::World;
use crate::checks::{self, Moved, Overdue};
use crate::random::{Choices, Random};
use crate::waiting;
use engine::parts::{Audit, WaitsFor, Worker};
use flow::{Peer, Stage, Time};
use std::collections::BTreeMap;
use testkit::sim::Process;

/// Most steps for which a worker is held.
const LONGEST_HOLD: u32 = 200;

/// All workers of the engine.
#[derive(Default)]
pub(crate) struct Workers {
    all: Vec<WorkerState>,
    /// The sessions that workers have had, by the engine's id.
    known: BTreeMap<u64, Known>,
}

/// A worker, and its state after its last turn.
pub(crate) struct WorkerState {
    worker: Worker<Process>,
    pub(crate) audit: Audit,
    /// [`World::changes`] at the audit.
    audited_at: u64,
    /// It does not run for this number of steps, as on a host without a free CPU.
    held: u32,
}

/// The counterpart of a session of the engine.
struct Known {
    number: Option<u16>,
    /// It passes on the bytes of another session of the engine, which has the client.
    is_inner: bool,
    /// The descriptor of the target's socket.
    target: Option<u32>,
    overdue: Overdue,
    moved: Moved,
}

impl Workers {
    pub(crate) fn new(workers: Vec<Worker<Process>>) -> Self {
        let state = |mut worker: Worker<Process>| WorkerState {
            audit: worker.audit(),
            audited_at: 0,
            worker,
            held: 0,
        };
        Self { all: workers.into_iter().map(state).collect(), known: BTreeMap::new() }
    }

    /// The states of the workers after their last turns, or after [`Self::refresh`].
    pub(crate) fn audits(&self) -> impl Iterator<Item = &Audit> {
        self.all.iter().map(|state| &state.audit)
    }

    /// Reads the states of the workers again if anything has changed since: mailboxes and gates, for example.
    pub(crate) fn refresh(&mut self, changes: u64) {
        for state in self.all.iter_mut().filter(|state| state.audited_at != changes) {
            state.audit(changes);
        }
    }

    /// Frees the workers of a process image that was replaced.
    pub(crate) fn abandon(&mut self) {
        self.known.clear();
        for state in std::mem::take(&mut self.all) {
            state.worker.abandon();
        }
    }

    /// Whether all workers have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.all.iter().all(|state| state.worker.is_stopped())
    }

    /// The time of the next timer of a worker; [`Time::NEVER`] without one.
    pub(super) fn next_due(&self) -> Time {
        let due = |state: &WorkerState| match state.worker.waits_for() {
            WaitsFor::Events { until, .. } => until,
            _ => Time::NEVER,
        };
        let runs = self.all.iter().filter(|state| state.held == 0);
        runs.map(due).min().unwrap_or(Time::NEVER)
    }

    /// Ends the hold of a worker. False if none is held.
    pub(super) fn release_one(&mut self, random: &mut Random) -> bool {
        let held: Vec<usize> = (0..self.all.len()).filter(|at| self.all[*at].held > 0).collect();
        if held.is_empty() {
            return false;
        }
        self.all[random.pick(&held)].held = 0;
        true
    }

    /// Whether this session of the engine passes on the bytes of another one.
    pub(super) fn is_inner(&self, id: u64) -> bool {
        self.known.get(&id).is_some_and(|known| known.is_inner)
    }

    /// The number of a session of the script, by the engine's id.
    pub(crate) fn number_of(&self, id: u64) -> Option<u16> {
        self.known.get(&id)?.number
    }
}

impl WorkerState {
    /// Reads the state of the worker.
    fn audit(&mut self, changes: u64) {
        (self.audit, self.audited_at) = (self.worker.audit(), changes);
    }

    /// Whether its thread would run.
    fn is_awake(&self, process: &Process, now: Time) -> bool {
        match self.worker.waits_for() {
            WaitsFor::Events { epoll, until } => until <= now || process.has_events(epoll),
            WaitsFor::Wakeup | WaitsFor::Order => true,
            WaitsFor::Nothing => false,
        }
    }
}

impl World {
    /// A worker takes a turn. False if none would run.
    pub(super) fn worker_turns(&mut self) -> bool {
        let now = self.sim.now();
        let Self { workers, process, random, .. } = self;
        let count = workers.all.len();
        let first = random.below(u32::try_from(count).unwrap_or(1).max(1)) as usize;
        let mut found = None;
        for at in (first..count).chain(0..first) {
            let state = &mut workers.all[at];
            state.held = state.held.saturating_sub(1);
            if found.is_none() && state.held == 0 && state.is_awake(process, now) {
                found = Some(at);
            }
        }
        let Some(at) = found else { return false };
        self.turn(at);
        true
    }

    fn turn(&mut self, at: usize) {
        let state = &mut self.workers.all[at];
        let (calls, before) = (self.sim.calls(), state.audit.sessions.len());
        let turn = state.worker.turn();
        assert!(turn.is_ok(), "epoll_wait(2) failed: {turn:?}");
        let calls = self.sim.calls() - calls;
        let is_held = self.random.chance(4);
        state.held = if is_held { self.random.size(LONGEST_HOLD) } else { 0 };
        self.changes += 1;
        state.audit(self.changes);
        let sessions = state.audit.sessions.len();
        checks::calls_of_turn(calls, before.max(sessions));
        self.trace.add(self.sim.now(), "worker", at as u64, &(sessions as u64));
        self.disturb();
        self.identify_sessions(at);
        self.note_closes();
        self.read_reports(self.workers.all[at].audit.now);
        checks::after_turn(self, &self.workers.all[at].audit);
    }

    /// Checks the workers whose threads wait.
    pub(super) fn check_waiting(&mut self) {
        self.workers.refresh(self.changes);
        let now = self.sim.now();
        let waits = |state: &&WorkerState| {
            let is_polling = matches!(state.audit.waits_for, WaitsFor::Events { .. });
            is_polling && !state.is_awake(&self.process, now)
        };
        let waiting: Vec<&Audit> =
            self.workers.all.iter().filter(waits).map(|state| &state.audit).collect();
        waiting::check(self, &waiting, waiting.len() == self.workers.all.len());
    }

    /// Notes the sockets that were closed in a turn. The engine closes the socket of a client, and then that of
    /// its target, which is unknown here if the engine has connected it in the same turn.
    fn note_closes(&mut self) {
        let mut behind = None;
        for closed in self.process.take_closed() {
            let owner = self.owners.get(&closed.connection).copied();
            let Some((number, peer)) = owner else {
                if let Some(session) = behind.take().and_then(|it| self.sessions.get_mut(&it)) {
                    session.closed_behind = Some(closed);
                }
                continue;
            };
            behind = (peer == Peer::Client).then_some(number);
            if let Some(session) = self.sessions.get_mut(&number) {
                session.closed[usize::from(peer == Peer::Target)].push(closed);
            }
        }
    }

    /// Finds out which sessions of the script the worker's sessions are.
    fn identify_sessions(&mut self, at: usize) {
        let Self { workers, owners, process, sessions, .. } = self;
        let Workers { all, known } = workers;
        for audit in &all[at].audit.sessions {
            let session = known.entry(audit.id).or_insert_with(|| {
                let client = process.connection_of(audit.client);
                let owner = client.and_then(|client| Some((client, *owners.get(&client)?)));
                let is_inner = matches!(owner, Some((_, (_, Peer::Target))));
                if let Some((connection, (number, Peer::Target))) = owner
                    && let Some(session) = sessions.get_mut(&number)
                {
                    session.pass_on(connection);
                }
                let number = owner.map(|(_, (number, _))| number);
                Known {
                    number,
                    is_inner,
                    target: None,
                    overdue: Overdue::default(),
                    moved: Moved::default(),
                }
            });
            session.overdue.note(&all[at].audit, audit);
            session.moved.note(audit);
            let Some(number) = session.number else { continue };
            if let Some(scripted) = sessions.get_mut(&number).filter(|_| !session.is_inner) {
                scripted.id = Some(audit.id);
                scripted.progress.note(&audit.flow, all[at].audit.now);
                scripted.was_relaying |= !matches!(audit.flow.stage(), Stage::Connecting { .. });
            }
            // The next attempt to connect may get the same descriptor.
            if let Some(connection) = audit.target.and_then(|target| process.connection_of(target))
                && let Some(session) = sessions.get_mut(&number)
            {
                session.uses(connection);
            }
            for socket in audit.attempts.iter().copied().chain(audit.target) {
                session.target = Some(socket);
                if let Some(target) = process.connection_of(socket) {
                    owners.insert(target, (number, Peer::Target));
                }
            }
        }
    }
}
