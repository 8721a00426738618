//! The state of a worker as plain data, for the invariants that the simulation checks after each step.

use super::{WaitsFor, Worker};
use crate::audit::{AcceptorAudit, GateAudit, PermitAudit};
use crate::holding::Holding;
use crate::message::Message;
use crate::session::Session;
use crate::slots::Key;
use crate::table::Entry;
use flow::{Cause, Direction, Stage, Time};
use std::sync::Arc;
use sys::Address;
use sys::kernel::{Descriptor as _, Kernel, Pipe as _};

/// The state of a worker between two turns.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The condition that ends its present wait.
    pub waits_for: WaitsFor,
    /// Time of its last turn.
    pub now: Time,
    /// Its sessions, in the order of their places in the table.
    pub sessions: Vec<SessionAudit>,
    /// The sessions of the process.
    pub process: GateAudit,
    /// Its listeners.
    pub acceptor: AcceptorAudit,
    /// Length of the run queue, with ended sessions.
    pub run_queue: usize,
    /// Time at which the timing wheel next fires.
    pub wheel: Option<Time>,
    /// Number of walks in progress.
    pub walks: usize,
    /// Time at which unused memory is released.
    pub tidy_at: Option<Time>,
    /// Occurrences by forward and cause that are counted and not reported yet; without a cause, sessions that could
    /// not be connected.
    pub unreported: Vec<(Arc<str>, Option<Cause>, u64)>,
    /// Pipes that exist, lent or spare.
    pub pipes: usize,
    /// Descriptors of the spare pipes.
    pub spare_pipes: Vec<[u32; 2]>,
    /// Messages in the mailbox.
    pub mail: usize,
    /// The places of connections in the mailbox, handed over by other workers.
    pub handed_over: Vec<PermitAudit>,
    /// It takes no new sessions.
    pub draining: bool,
    /// It resets all sessions.
    pub cutting: bool,
}

/// The state of a session.
#[derive(Clone, Debug)]
pub struct SessionAudit {
    /// Its key in the table, as part of its epoll tokens.
    pub key: u64,
    /// Its id, unique in the process.
    pub id: u64,
    /// Name of its forward.
    pub forward: Arc<str>,
    /// Its listen address.
    pub listen: Arc<str>,
    /// Its target; empty before the selection.
    pub to: Arc<str>,
    /// Stage, lanes, and the readiness of both sockets. A copy can be asked for the next action: one
    /// that is not [`flow::Action::Wait`] requires that the session is queued.
    pub flow: flow::Session,
    /// The bytes held by the lanes up and down.
    pub holding: [Option<HoldingAudit>; 2],
    /// The address of its client.
    pub client_address: Address,
    /// The address that lists, shares and limits decide about.
    pub limited_address: Address,
    /// What its client must send next, before its target is selected.
    pub awaits: Option<Awaited>,
    /// Its places.
    pub permit: PermitAudit,
    /// The session's own note that it is in the run queue.
    pub queued: bool,
    /// Whether it is there.
    pub is_in_run_queue: bool,
    /// The session's own note of the time at which the wheel fires; [`Time::NEVER`] without a timer.
    pub timer: Time,
    /// The earliest time at which its entry of the wheel may fire; `None` without an entry.
    pub wheel: Option<Time>,
    /// Its next deadline under the present rules of its forward.
    pub deadline: Option<Time>,
    /// It waits for the resolver.
    pub is_waiting_for_name: bool,
    /// It waits for a place in a target, and for nothing else.
    pub is_waiting_for_place: bool,
    /// Descriptor of the client's socket.
    pub client: u32,
    /// Descriptor of the connected target's socket.
    pub target: Option<u32>,
    /// Descriptors of the sockets that are being connected.
    pub attempts: Vec<u32>,
    /// Places in targets beside that of the permit.
    pub places: Vec<GateAudit>,
}

/// What a client must send before its target is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A header of the PROXY protocol.
    Header,
    /// A TLS ClientHello.
    Hello,
}

/// Bytes that a lane has received and not yet sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldingAudit {
    /// Unsent bytes in a buffer.
    Buffer(Vec<u8>),
    /// The descriptors of a pipe.
    Pipe([u32; 2]),
}

impl<K: Kernel> Worker<K> {
    /// The present state. Not for use during a turn.
    pub fn audit(&mut self) -> Audit {
        let run_queue = self.table.run_queue();
        let keys = self.table.slots().keys();
        let sessions = keys.into_iter().filter_map(|key| self.audit_session(key, &run_queue));
        let sessions = sessions.collect();
        let mut mail = 0;
        let mut handed_over = Vec::new();
        self.context.mailbox.visit(|message| {
            mail += 1;
            if let Message::Adopt(accepted) = message {
                handed_over.push(PermitAudit::of(&accepted.permit, accepted.claim.as_ref()));
            }
        });
        Audit {
            waits_for: self.waits_for(),
            now: self.context.now,
            sessions,
            process: GateAudit::of(&self.context.shared.gate),
            acceptor: self.acceptor.audit(),
            run_queue: run_queue.len(),
            wheel: self.table.next_due_at(),
            walks: self.walks.len(),
            tidy_at: self.tidy_at,
            unreported: self.context.rate_limit.unreported(),
            pipes: self.context.pump.pool.pipes(),
            spare_pipes: self.context.pump.pool.spare().filter_map(pipe).collect(),
            mail,
            handed_over,
            draining: self.draining,
            cutting: self.cutting,
        }
    }

    fn audit_session(&mut self, key: Key, run_queue: &[Key]) -> Option<SessionAudit> {
        let wheel = self.table.fires_from(key);
        let Entry { session, .. } = self.table.entry(key)?;
        let connecting = session.connecting.as_deref();
        let is_waiting_for_place = session.is_waiting_for_place();
        let waits_with = connecting.and_then(|connecting| connecting.claim.as_ref());
        let claim = waits_with.or(session.proxied().and_then(|it| it.claim.as_ref()));
        let permit = PermitAudit::of(&session.permit, claim);
        let attempts =
            connecting.iter().flat_map(|it| it.sockets()).map(K::Socket::number).collect();
        let places = connecting.iter().flat_map(|it| it.places()).map(GateAudit::of).collect();
        Some(SessionAudit {
            key: key.to_bits(),
            id: session.id,
            forward: Arc::clone(&session.route().forward.name),
            listen: Arc::clone(&session.route().listen),
            to: session.last_target().map_or_else(Arc::default, |it| Arc::clone(&it.text)),
            flow: session.flow,
            holding: Direction::BOTH
                .map(|direction| session.holding(direction).as_deref().map(held)),
            client_address: session.client_address,
            limited_address: session.limited_address(),
            awaits: awaited(session),
            permit,
            queued: session.flags.queued(),
            is_in_run_queue: run_queue.contains(&key),
            timer: session.timer,
            wheel,
            deadline: session.deadline(&session.rules()),
            is_waiting_for_name: session.is_waiting_for_name(),
            is_waiting_for_place,
            client: session.client.number(),
            target: session.target.as_ref().map(K::Socket::number),
            attempts,
            places,
        })
    }
}

fn awaited<K: Kernel>(session: &Session<K>) -> Option<Awaited> {
    let is_greeted = !matches!(session.flow.stage(), Stage::Greeting { .. });
    let awaited = if session.awaits_header() { Awaited::Header } else { Awaited::Hello };
    (!is_greeted).then_some(awaited)
}

fn held<K: Kernel>(holding: &Holding<K>) -> HoldingAudit {
    match holding {
        Holding::Buffer(buffer) => HoldingAudit::Buffer(buffer.unsent().to_vec()),
        Holding::Pipe(pipe) => HoldingAudit::Pipe(pipe.numbers()),
    }
}

fn pipe<K: Kernel>(holding: &Holding<K>) -> Option<[u32; 2]> {
    match holding {
        Holding::Buffer(_) => None,
        Holding::Pipe(pipe) => Some(pipe.numbers()),
    }
}
