//! The balance of the process: opened = closed + open, and taken = returned + held.

use super::Control;
use crate::world::World;
use engine::Totals;
use engine::parts::{Audit, EngineAudit, GateAudit, PermitAudit, SessionAudit, WaitsFor};
use flow::Cause;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An open descriptor, with its kind.
type Descriptor = (u32, &'static str);

impl Control {
    /// Checks gates, loads, counters and descriptors against the sessions of the workers, if anything has changed
    /// since the last check.
    pub(crate) fn check(&mut self) {
        self.poll();
        let Some(engine) = &self.engine else { return };
        let mut world = self.world.lock();
        let changes = world.changes;
        if self.checked_at.replace(changes) == Some(changes) {
            return;
        }
        let shared = engine.audit();
        world.workers.refresh(changes);
        let audits: Vec<&Audit> = world.workers.audits().collect();
        gates(&shared, &audits);
        claims(&shared, &audits);
        places_of_clients(&shared, &audits);
        let mut open: BTreeMap<&str, Vec<&SessionAudit>> = BTreeMap::new();
        for session in audits.iter().flat_map(|audit| &audit.sessions) {
            open.entry(&session.forward).or_default().push(session);
        }
        for forward in engine.forwards() {
            let name = forward.plan.name.as_str();
            counters(
                &world,
                name,
                &forward.totals(),
                open.get(name).map_or(&[], Vec::as_slice),
                &audits,
            );
        }
        let is_handing_over = audits.iter().any(|audit| !audit.handed_over.is_empty());
        let is_changing = self.published.is_some() || is_handing_over;
        routes(&shared, &audits, self.published.is_some());
        let open = world.process.descriptors();
        descriptors(&open, &audits);
        // Until a failed upgrade is undone, the state is marked to stay over execve(2).
        let is_parked = audits.iter().any(|audit| audit.waits_for == WaitsFor::Order);
        let kept = world.process.kept_over_exec();
        assert!(kept.is_empty() || is_parked, "children would inherit the descriptors {kept:?}");
        listeners(&open, &shared, &audits, self.published.is_some());
        if !is_changing {
            configured(&world, &shared, &audits);
        }
        world.targets.check(&shared.forwards, is_changing);
        // A forward that is configured again after the engine has forgotten it counts from zero.
        let is_known = |name: &String| shared.forwards.iter().any(|it| *it.name == **name);
        let gone: Vec<_> = world.seen.iter().filter(|name| !is_known(name)).cloned().collect();
        world.forgotten.extend(gone);
        world.seen = shared.forwards.iter().map(|it| it.name.to_string()).collect();
        world.tallies.retain(|name, _| is_known(name));
    }
}

/// Clients are counted, and rates set, by the present configuration, once all workers have applied it.
fn configured(world: &World, shared: &EngineAudit, audits: &[&Audit]) {
    if audits.iter().any(|audit| audit.mail > 0 || audit.walks > 0) {
        return;
    }
    let sessions = audits.iter().flat_map(|audit| &audit.sessions);
    world.targets.check_clients(&shared.forwards, sessions.clone());
    // A call that sets a rate may fail.
    if !world.circumstances.calls_failed {
        world.targets.check_rates(&world.process, sessions);
    }
}

/// The counters of a forward agree with its sessions, its records and the reports.
fn counters(world: &World, name: &str, totals: &Totals, open: &[&SessionAudit], audits: &[&Audit]) {
    let number = open.len() as u64;
    assert_eq!(totals.open(), number, "open sessions of {name}, as counted and as there are");
    let mut tally = world.tallies.get(name).cloned().unwrap_or_default();
    for session in open {
        tally.add_open(&session.flow);
    }
    tally.check(name, totals);
    for (_, cause, count) in unreported(audits, name) {
        match cause {
            Some(cause) => tally.add_refused(*cause, *count),
            None => tally.add_unconnected(*count),
        }
    }
    // A late report may be of a forward with the same name that was forgotten.
    if !world.forgotten.contains(name) {
        tally.check_reported(name, totals);
    }
}

/// Failures of this forward that the workers have counted and not reported yet.
fn unreported<'a>(
    audits: &'a [&Audit],
    forward: &'a str,
) -> impl Iterator<Item = &'a (Arc<str>, Option<Cause>, u64)> {
    let all = audits.iter().flat_map(|audit| &audit.unreported);
    all.filter(move |(name, ..)| **name == *forward)
}

/// Every descriptor belongs to a session, a pipe or a worker. [`listeners`] checks the listeners.
fn descriptors(open: &[Descriptor], audits: &[&Audit]) {
    let connections: usize = audits
        .iter()
        .map(|audit| {
            let of_session =
                |it: &SessionAudit| 1 + usize::from(it.target.is_some()) + it.attempts.len();
            audit.handed_over.len() + audit.sessions.iter().map(of_session).sum::<usize>()
        })
        .sum();
    let expected = [
        ("connection", connections),
        ("epoll", audits.len()),
        ("pipe", audits.iter().map(|audit| 2 * audit.pipes).sum()),
        ("waker", audits.len() + 1),
    ];
    let mut others = open.len() - of_kind(open, "listener").count();
    for (kind, expected) in expected {
        let open = of_kind(open, kind).count();
        assert_eq!(open, expected, "open descriptors of the kind {kind}");
        others -= open;
    }
    assert_eq!(others, 0, "descriptors of an unknown kind: {open:?}");
}

fn of_kind<'a>(open: &'a [Descriptor], kind: &'a str) -> impl Iterator<Item = u32> + 'a {
    open.iter().filter(move |(_, it)| *it == kind).map(|(number, _)| *number)
}

/// Every listener has a present route of its forward, unless a change is on its way to the workers.
fn routes(shared: &EngineAudit, audits: &[&Audit], is_changing: bool) {
    if is_changing || audits.iter().any(|audit| audit.mail > 0 || audit.walks > 0) {
        return;
    }
    let present: BTreeSet<usize> =
        shared.forwards.iter().flat_map(|it| &it.routes).copied().collect();
    for listener in audits.iter().flat_map(|audit| &audit.acceptor.listeners) {
        assert!(present.contains(&listener.route), "a listener has an old route: {listener:?}");
    }
}

/// Removed listeners stay open until all workers have applied the change.
fn listeners(open: &[Descriptor], shared: &EngineAudit, audits: &[&Audit], is_changing: bool) {
    let open: BTreeSet<u32> = of_kind(open, "listener").collect();
    let of_workers = audits.iter().flat_map(|audit| &audit.acceptor.listeners);
    let mut known: BTreeSet<u32> = of_workers.map(|listener| listener.descriptor).collect();
    known.extend(&shared.listeners);
    let has_mail = audits.iter().any(|audit| audit.mail > 0 || audit.walks > 0);
    let is_even = open == known || (is_changing || has_mail) && open.is_superset(&known);
    assert!(is_even, "listeners are open at {open:?}, and known at {known:?}");
}

/// Accepted clients of a forward with a claim to a place in a target.
fn claims(shared: &EngineAudit, audits: &[&Audit]) {
    let of_sessions = audits.iter().flat_map(|it| &it.sessions).map(|session| session.permit);
    let handed_over = audits.iter().flat_map(|it| it.handed_over.iter().copied());
    let claiming: Vec<PermitAudit> =
        of_sessions.chain(handed_over).filter(|permit| permit.has_claim).collect();
    for forward in &shared.forwards {
        let held = claiming.iter().filter(|it| it.forward.id == forward.gate.id).count();
        assert_eq!(forward.claims as usize, held, "claims to targets of {}", forward.name);
    }
}

/// The places of each client, as counted and as held by sessions.
fn places_of_clients(shared: &EngineAudit, audits: &[&Audit]) {
    let of_sessions = audits.iter().flat_map(|it| &it.sessions).map(|session| session.permit);
    let handed_over = audits.iter().flat_map(|it| it.handed_over.iter().copied());
    let mut held: BTreeMap<u32, u32> = BTreeMap::new();
    for client in of_sessions.chain(handed_over).filter_map(|permit| permit.client) {
        *held.entry(client).or_default() += 1;
    }
    let counted: BTreeMap<u32, u32> = shared.clients.iter().copied().collect();
    assert_eq!(counted, held, "places of clients, as counted and as held by sessions");
}

fn gates(shared: &EngineAudit, audits: &[&Audit]) {
    let load = |audit: &&Audit| audit.sessions.len() + audit.handed_over.len();
    let loads: Vec<usize> = audits.iter().map(load).collect();
    let counted: Vec<usize> = shared.loads.iter().map(|load| *load as usize).collect();
    assert_eq!(counted, loads, "the loads of the workers, as counted and as they are");
    let number = loads.iter().sum::<usize>();
    assert_eq!(shared.process.taken as usize, number, "places taken in the process");
    let sessions = || audits.iter().flat_map(|audit| &audit.sessions);
    let handed_over = audits.iter().flat_map(|audit| &audit.handed_over);
    let permits = sessions().map(|session| &session.permit).chain(handed_over);
    let places = sessions().flat_map(|session| session.places.iter().copied());
    let mut taken: BTreeMap<usize, (GateAudit, usize)> = BTreeMap::new();
    let known = shared.forwards.iter().flat_map(|forward| {
        std::iter::once(forward.gate).chain(forward.targets.iter().map(|target| target.gate))
    });
    for gate in known {
        taken.insert(gate.id, (gate, 0));
    }
    let of_permits = |permit: &PermitAudit| std::iter::once(permit.forward).chain(permit.target);
    for gate in permits.flat_map(of_permits).chain(places) {
        taken.entry(gate.id).or_insert((gate, 0)).1 += 1;
    }
    for (gate, held) in taken.values() {
        assert_eq!(gate.taken as usize, *held, "places taken in a gate, and held by sessions");
    }
}
