//! The workers of the engine, run in turns.

use super::World;
use super::greetings::Seen;
use crate::checks::{self, Moved, Overdue};
use crate::random::{Choices, Random};
use crate::script::Forward;
use crate::session::Session;
use crate::stall::Stall;
use crate::waiting;
use crate::waits::Waits;
use engine::parts::{Audit, SessionAudit, WaitsFor, Worker};
use flow::{Peer, Stage, Time};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::sim::Process;

/// Most steps for which a worker is held.
const LONGEST_HOLD: u32 = 200;

/// All workers of the engine.
#[derive(Default)]
pub(crate) struct Workers {
    all: Vec<WorkerState>,
    /// The sessions that workers have had, by the engine's id.
    known: BTreeMap<u64, Known>,
    /// How long bytes of these sessions have waited. It counts on over upgrades.
    waits: BTreeMap<u64, Waits>,
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
    stall: Stall,
}

impl Known {
    fn new(number: Option<u16>, is_inner: bool) -> Self {
        let (overdue, moved, stall) = (Overdue::default(), Moved::default(), Stall::default());
        Self { number, is_inner, target: None, overdue, moved, stall }
    }

    /// Notes the state of the session after a turn of its worker. `stall` is the `stall_timeout` of its forward.
    fn note(
        &mut self,
        process: &Process,
        audit: &Audit,
        session: &SessionAudit,
        stall: Option<Duration>,
    ) {
        self.overdue.note(audit, session);
        self.moved.note(session);
        self.stall.note(process, audit, session, stall);
    }
}

/// Notes the state of a session of the script after a turn of its worker.
fn note_state(scripted: &mut Session, audit: &SessionAudit, now: Time) {
    scripted.id = Some(audit.id);
    scripted.progress.note(&audit.flow, now);
    let stage = audit.flow.stage();
    scripted.was_relaying |= !matches!(stage, Stage::Connecting { .. } | Stage::Greeting { .. });
}

impl Workers {
    /// Begins with the workers of a process image.
    pub(crate) fn begin(&mut self, workers: Vec<Worker<Process>>) {
        let state = |mut worker: Worker<Process>| WorkerState {
            audit: worker.audit(),
            audited_at: 0,
            worker,
            held: 0,
        };
        self.all = workers.into_iter().map(state).collect();
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

    /// The state of a worker after its last turn.
    pub(super) fn audit(&self, at: usize) -> &Audit {
        &self.all[at].audit
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
        let taken = state.audit.process.taken;
        self.greetings.begin_turn();
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
        self.greetings_after_turn(at);
        self.check_taken(at, taken);
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
        let mut seen = Vec::new();
        let changes_streams = !self.plans.values().flatten().all(Forward::keeps_streams);
        let Self { workers, owners, process, sessions, targets, .. } = self;
        let Workers { all, known, waits } = workers;
        for audit in &all[at].audit.sessions {
            let session = known.entry(audit.id).or_insert_with(|| {
                let client = process.connection_of(audit.client);
                let owner = client.and_then(|client| Some((client, *owners.get(&client)?)));
                let is_inner = matches!(owner, Some((_, (_, Peer::Target))));
                if let Some((connection, (number, Peer::Target))) = owner
                    && let Some(session) = sessions.get_mut(&number)
                {
                    session.pass_on(connection);
                    session.is_opaque |= changes_streams;
                }
                let number = owner.map(|(_, (number, _))| number);
                Known::new(number, is_inner)
            });
            let stall = targets.stall_timeout(&audit.forward);
            session.note(process, &all[at].audit, audit, stall);
            waits.entry(audit.id).or_default().note(audit.id, &audit.flow, all[at].audit.now);
            let Some(number) = session.number else { continue };
            if let Some(scripted) = sessions.get_mut(&number).filter(|_| !session.is_inner) {
                note_state(scripted, audit, all[at].audit.now);
                if scripted.takes_header.is_none() {
                    let (forward, awaits) = (audit.forward.to_string(), audit.awaits);
                    seen.push(Seen { number, forward, awaits });
                }
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
        for seen in seen {
            self.session_seen(seen);
        }
    }

    /// Checks the share of a client whose session has taken its places in the last turn of this worker, and no other
    /// one any. The process had `taken` places before.
    fn check_taken(&mut self, at: usize, taken: u32) {
        let process = self.workers.all[at].audit.process;
        let Some(id) = self.greetings.lone_accepted().filter(|_| process.taken == taken + 1) else {
            return;
        };
        self.workers.refresh(self.changes);
        let sessions = || self.workers.audits().flat_map(|audit| &audit.sessions);
        let handed_over = self.workers.audits().flat_map(|audit| &audit.handed_over);
        let permits = sessions().map(|session| &session.permit).chain(handed_over);
        let Some(session) = sessions().find(|session| session.id == id) else { return };
        let client = session.permit.client;
        let held = permits.filter(|permit| permit.client == client).count();
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        self.targets.check_taken(session, held, session.permit.forward, process);
    }
}
