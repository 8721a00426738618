//! The state of an engine as plain data, for the invariants that the simulation checks after each step.

use crate::clients::{Client, ClientPlace, Clients};
use crate::engine::Engine;
use crate::forward::Forward;
use crate::permit::{Claim, Gate, Permit};
use crate::rule::{Route, with_routes_by_hello};
use flow::Time;
use std::collections::BTreeSet;
use std::sync::Arc;
use sys::kernel::Kernel;

/// A limit and the number of sessions that it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateAudit {
    /// Equal for the same gate. Other comparisons have no meaning.
    pub id: usize,
    /// Places taken.
    pub taken: u32,
    /// The limit.
    pub limit: u32,
}

impl GateAudit {
    pub(crate) fn of(gate: &Gate) -> Self {
        Self { id: std::ptr::from_ref(gate).addr(), taken: gate.taken(), limit: gate.limit() }
    }
}

/// The places of one session, beside that in the process.
#[derive(Clone, Copy, Debug)]
pub struct PermitAudit {
    /// The place in its forward.
    pub forward: GateAudit,
    /// The place in its target, after the selection.
    pub target: Option<GateAudit>,
    /// A claim to a place in a target, counted in [`ForwardAudit::claims`].
    pub has_claim: bool,
    /// The number of its client, in [`EngineAudit::clients`]; `None` if it is not counted.
    pub client: Option<u32>,
}

impl PermitAudit {
    pub(crate) fn of(permit: &Permit, claim: Option<&Claim>) -> Self {
        Self {
            forward: GateAudit::of(&permit.route().forward.gate),
            target: permit.target().map(|target| GateAudit::of(&target.gate)),
            has_claim: claim.is_some_and(|claim| claim.is_of(&permit.route().forward.claims)),
            client: permit.client().map(ClientPlace::number),
        }
    }
}

/// The state shared by all workers.
#[derive(Clone, Debug)]
pub struct EngineAudit {
    /// The sessions of the process.
    pub process: GateAudit,
    /// Sessions of each worker, with those that are handed over to it.
    pub loads: Vec<u32>,
    /// The configured forwards, then the removed ones.
    pub forwards: Vec<ForwardAudit>,
    /// Numbers of the listeners' descriptors.
    pub listeners: Vec<u32>,
    /// Clients with places, and the number of these.
    pub clients: Vec<(u32, u32)>,
}

/// The state of a forward.
#[derive(Clone, Debug)]
pub struct ForwardAudit {
    /// Its name.
    pub name: Arc<str>,
    /// Its sessions.
    pub gate: GateAudit,
    /// Claims of accepted clients to a place in the targets that its listeners share.
    pub claims: u32,
    /// Whether it takes no new sessions.
    pub draining: bool,
    /// Its clients with places: prefix and number of places.
    pub clients: Vec<(String, u32)>,
    /// Its routes, as in [`ListenerAudit::route`].
    pub routes: Vec<usize>,
    /// The targets in its present sets, of one listener after the other, each followed by its routes for
    /// certain hellos.
    pub targets: Vec<TargetAudit>,
}

/// The state of a target in the set of a listener.
#[derive(Clone, Debug)]
pub struct TargetAudit {
    /// The listen address.
    pub listen: Arc<str>,
    /// Its address, as configured.
    pub text: Arc<str>,
    /// Its sessions.
    pub gate: GateAudit,
    /// When a client may try it, while it is down.
    pub tried_from: Option<Time>,
    /// Connects, and failed attempts.
    pub connects: [u64; 2],
}

/// A listener of a worker.
#[derive(Clone, Debug)]
pub struct ListenerAudit {
    /// Its number in the epoll instance.
    pub number: u32,
    /// Its descriptor.
    pub descriptor: u32,
    /// Name of its forward.
    pub name: Arc<str>,
    /// The sessions of its forward.
    pub forward: GateAudit,
    /// Claims of accepted clients to a place in one of its targets.
    pub claims: u32,
    /// Equal for the same route. Other comparisons have no meaning.
    pub route: usize,
}

/// The listeners of a worker.
#[derive(Clone, Debug)]
pub struct AcceptorAudit {
    /// All listeners. Those in neither set below are polled.
    pub listeners: Vec<ListenerAudit>,
    /// Not polled: they wait for room.
    pub full: BTreeSet<u32>,
    /// Not polled: a resource was missing.
    pub exhausted: BTreeSet<u32>,
    /// Time at which the exhausted ones are polled again.
    pub retry_at: Option<Time>,
    /// Time at which those that wait for room are polled again: a target may be tried then.
    pub room_at: Option<Time>,
}

impl<K: Kernel> Engine<K> {
    /// The present state.
    #[doc(hidden)]
    pub fn audit(&self) -> EngineAudit {
        use sys::kernel::Descriptor as _;
        let running = self.forwards.running.iter().map(|it| (&it.forward, &it.routes));
        let removed = self.forwards.removed.iter().map(|it| (&it.forward, &it.routes));
        let forward = |(forward, routes): (&Arc<Forward>, &Vec<Arc<Route>>)| {
            let all = with_routes_by_hello(routes);
            let targets = all.iter().flat_map(|route| targets(route)).collect();
            ForwardAudit {
                name: Arc::clone(&forward.name),
                gate: GateAudit::of(&forward.gate),
                claims: forward.claims.taken(),
                draining: forward.is_draining(),
                clients: clients(&self.shared.clients, forward),
                routes: routes.iter().map(|route| Arc::as_ptr(route).addr()).collect(),
                targets,
            }
        };
        let sockets = self.forwards.listeners().flat_map(crate::listener::Listener::sockets);
        EngineAudit {
            process: GateAudit::of(&self.shared.gate),
            loads: self.shared.loads(),
            forwards: running.chain(removed).map(forward).collect(),
            listeners: sockets.map(|(_, socket)| socket.number()).collect(),
            clients: self.shared.clients.places().collect(),
        }
    }
}

fn clients(clients: &Clients, forward: &Forward) -> Vec<(String, u32)> {
    let rules = forward.rules();
    let prefix = |client: &Client| {
        client.address.map_or("others".into(), |bits| rules.clients.prefix_of(bits).to_string())
    };
    let held = clients.of(&forward.clients).into_iter().filter(|client| client.places > 0);
    held.map(|client| (prefix(&client), client.places)).collect()
}

fn targets(route: &Route) -> Vec<TargetAudit> {
    let set = route.targets.load();
    let audit = |member: &crate::targets::Member| {
        let target = &member.target;
        TargetAudit {
            listen: Arc::clone(&route.listen),
            text: Arc::clone(&target.text),
            gate: GateAudit::of(&target.gate),
            tried_from: target.tried_from(),
            connects: target.connects(),
        }
    };
    set.members().iter().map(audit).collect()
}
