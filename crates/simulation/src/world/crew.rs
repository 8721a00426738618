//! The workers of the engine, run in turns.

use super::World;
use crate::checks;
use crate::random::{Choices, Random};
use crate::rest;
use engine::parts::{Audit, WaitsFor, Worker};
use flow::{Peer, Stage, Time};
use std::collections::BTreeMap;
use testkit::sim::Process;

/// Most steps for which a worker is held.
const LONGEST_HOLD: u32 = 200;

/// All workers of the engine.
#[derive(Default)]
pub(crate) struct Crew {
    members: Vec<Member>,
    /// The sessions that workers have had, by the engine's id.
    known: BTreeMap<u64, Known>,
}

/// A worker, and its state after its last turn.
pub(crate) struct Member {
    worker: Worker<Process>,
    pub(crate) audit: Audit,
    /// It does not run for this number of steps, as on a host without a free CPU.
    held: u32,
}

/// The counterpart of a session of the engine.
struct Known {
    number: Option<u16>,
    /// The descriptor of the target's socket.
    target: Option<u32>,
}

impl Crew {
    pub(crate) fn new(workers: Vec<Worker<Process>>) -> Self {
        let member =
            |mut worker: Worker<Process>| Member { audit: worker.audit(), worker, held: 0 };
        Self { members: workers.into_iter().map(member).collect(), known: BTreeMap::new() }
    }

    /// The states of the workers after their last turns, or after [`Self::refresh`].
    pub(crate) fn audits(&self) -> impl Iterator<Item = &Audit> {
        self.members.iter().map(|member| &member.audit)
    }

    /// Reads the states of the workers again: their mailboxes may have changed.
    pub(crate) fn refresh(&mut self) {
        for member in &mut self.members {
            member.audit = member.worker.audit();
        }
    }

    /// Frees the workers of a process image that was replaced.
    pub(crate) fn abandon(&mut self) {
        self.known.clear();
        for member in std::mem::take(&mut self.members) {
            member.worker.abandon();
        }
    }

    /// Whether all workers have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.members.iter().all(|member| member.worker.is_stopped())
    }

    /// The time of the next timer of a worker; [`Time::NEVER`] without one.
    pub(super) fn next_due(&self) -> Time {
        let due = |member: &Member| match member.worker.waits_for() {
            WaitsFor::Events { until, .. } => until,
            _ => Time::NEVER,
        };
        let runs = self.members.iter().filter(|member| member.held == 0);
        runs.map(due).min().unwrap_or(Time::NEVER)
    }

    /// Ends the hold of a worker. False if none is held.
    pub(super) fn release_one(&mut self, random: &mut Random) -> bool {
        let held: Vec<usize> =
            (0..self.members.len()).filter(|at| self.members[*at].held > 0).collect();
        if held.is_empty() {
            return false;
        }
        self.members[random.pick(&held)].held = 0;
        true
    }

    /// The number of a session of the script, by the engine's id.
    pub(crate) fn number_of(&self, id: u64) -> Option<u16> {
        self.known.get(&id)?.number
    }
}

impl Member {
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
        let Self { crew, process, random, .. } = self;
        let count = crew.members.len();
        let first = random.below(u32::try_from(count).unwrap_or(1).max(1)) as usize;
        let mut found = None;
        for at in (first..count).chain(0..first) {
            let member = &mut crew.members[at];
            member.held = member.held.saturating_sub(1);
            if found.is_none() && member.held == 0 && member.is_awake(process, now) {
                found = Some(at);
            }
        }
        let Some(at) = found else { return false };
        self.turn(at);
        true
    }

    fn turn(&mut self, at: usize) {
        let member = &mut self.crew.members[at];
        let turn = member.worker.turn();
        assert!(turn.is_ok(), "epoll_wait(2) failed: {turn:?}");
        let is_held = self.random.chance(4);
        member.held = if is_held { self.random.size(LONGEST_HOLD) } else { 0 };
        member.audit = member.worker.audit();
        let sessions = member.audit.sessions.len() as u64;
        self.trace.add(self.sim.now(), "worker", at as u64, &sessions);
        self.disturb();
        self.get_to_know(at);
        self.note_closes();
        self.read_reports();
        checks::after_turn(self, &self.crew.members[at].audit);
    }

    /// Checks the workers whose threads wait.
    pub(super) fn check_waiting(&mut self) {
        self.crew.refresh();
        let now = self.sim.now();
        let waits = |member: &&Member| {
            let is_polling = matches!(member.audit.waits_for, WaitsFor::Events { .. });
            is_polling && !member.is_awake(&self.process, now)
        };
        let waiting: Vec<&Audit> =
            self.crew.members.iter().filter(waits).map(|member| &member.audit).collect();
        rest::of_waiting(self, &waiting, waiting.len() == self.crew.members.len());
    }

    /// Notes the sockets that were closed in a turn.
    fn note_closes(&mut self) {
        for closed in self.process.take_closed() {
            let owner = self.owners.get(&closed.connection).copied();
            let Some((number, peer)) = owner else { continue };
            if let Some(session) = self.sessions.get_mut(&number) {
                session.closed[usize::from(peer == Peer::Target)].push(closed);
            }
        }
    }

    /// Finds out which sessions of the script the worker's sessions are.
    fn get_to_know(&mut self, at: usize) {
        let Self { crew, owners, process, sessions, .. } = self;
        let Crew { members, known } = crew;
        for audit in &members[at].audit.sessions {
            let session = known.entry(audit.id).or_insert_with(|| {
                let client = process.connection_of(audit.client);
                let number =
                    client.and_then(|client| owners.get(&client)).map(|(number, _)| *number);
                Known { number, target: None }
            });
            let Some(number) = session.number else { continue };
            if let Some(session) = sessions.get_mut(&number) {
                session.id = Some(audit.id);
                session.progress.note(&audit.flow, members[at].audit.now);
                session.was_relaying |= !matches!(audit.flow.stage(), Stage::Connecting { .. });
            }
            // The next attempt to connect may get the same descriptor.
            if audit.target.is_some() {
                session.target = audit.target;
                if let Some(target) = audit.target.and_then(|fd| process.connection_of(fd)) {
                    owners.insert(target, (number, Peer::Target));
                }
            }
        }
    }
}
