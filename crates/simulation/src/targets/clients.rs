//! The rules for clients: each is counted by its prefix, refused at its own limits only, and a forward keeps to its
//! share of the process.

use super::{Forward, Targets};
use engine::parts::{Awaited, ForwardAudit, GateAudit, SessionAudit};
use flow::{ClientLimit, Time};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The begin of a session may be reported later than its client was counted: its worker was held.
const LATE: Duration = Duration::from_millis(150);

/// Places that holders of none alone may take.
fn reserved(limit: u32) -> u32 {
    if limit < 20 { 0 } else { (limit / 100).max(1) }
}

/// Whether a holder of `held` places may take another one, by the definition.
fn may_take(thousandths: u32, held: u32, gate: GateAudit) -> bool {
    let free = gate.limit.saturating_sub(gate.taken);
    let has_room = u64::from(held) * 1000 < u64::from(thousandths) * u64::from(free);
    if held == 0 { free > 0 } else { has_room && free > reserved(gate.limit) }
}

impl Targets {
    /// The clients that the engine counts are those of the open sessions.
    pub(crate) fn check_clients<'a>(
        &self,
        forwards: &[ForwardAudit],
        sessions: impl Iterator<Item = &'a SessionAudit>,
    ) {
        let mut expected: BTreeMap<(&str, String), u32> = BTreeMap::new();
        for session in sessions {
            let Some(forward) = self.forwards.get(&*session.forward) else { continue };
            // Until its header has come, a session counts for the share of its proxy.
            let is_proxy = session.awaits == Some(Awaited::Header)
                && forward.plan.admission.accept_proxy.is_some();
            if is_proxy && forward.plan.clients.share.is_none() {
                continue;
            }
            let address = session.limited_address.ip();
            let name = address.and_then(|address| forward.plan.clients.name(address.ip()));
            if let Some(name) = name {
                *expected.entry((&*session.forward, name)).or_default() += 1;
            }
        }
        for forward in forwards {
            // A removed one keeps the rules that it had, which the model may not know.
            if !self.forwards.get(&*forward.name).is_some_and(|it| it.is_configured) {
                continue;
            }
            let counted: BTreeMap<_, _> = forward.clients.iter().cloned().collect();
            let of_it = expected.iter().filter(|((name, _), _)| *name == &*forward.name);
            let expected: BTreeMap<_, _> =
                of_it.map(|((_, client), places)| (client.clone(), *places)).collect();
            assert_eq!(counted, expected, "places of the clients of {}", forward.name);
        }
    }

    /// A client was refused by a limit of its own. The report may be older than the configuration.
    pub(super) fn client_refused(&self, name: &str, client: &str, limit: ClientLimit, places: u32) {
        match limit {
            ClientLimit::Share { free } => {
                assert!(places > 0 && free > 0, "a newcomer of {name} is refused by its share");
            }
            ClientLimit::Sessions(most) => {
                assert!(places >= most.get(), "{name}: a client with {places} of {most}");
            }
            ClientLimit::Rate => {
                let Some(forward) = self.forwards.get(name) else { return };
                let Some((_, burst)) = forward.rate() else { return };
                let admitted = forward.clients.times.get(client).map_or(0, Vec::len);
                assert!(
                    admitted + self.in_transit >= burst as usize || !forward.clients.are_all_known,
                    "{name}: {client} is refused by its rate after {admitted} of {burst} sessions"
                );
            }
        }
    }

    /// A session of the client with this address has begun.
    pub(crate) fn note_admitted(&mut self, forward: &str, client: Option<IpAddr>, now: Time) {
        if let Some(forward) = self.forwards.get_mut(forward) {
            forward.admitted(client, now);
        }
    }

    /// Some admitted sessions of this forward are not known.
    pub(crate) fn miss_admission(&mut self, forward: &str) {
        if let Some(forward) = self.forwards.get_mut(forward) {
            forward.clients.are_all_known = false;
        }
    }

    /// A session has begun, and no place was taken or returned beside its own: its client had not reached a limit.
    /// `held` are the places of the client with it.
    pub(crate) fn check_taken(
        &self,
        session: &SessionAudit,
        held: u32,
        forward: GateAudit,
        process: GateAudit,
    ) {
        let Some(known) = self.forwards.get(&*session.forward) else { return };
        if session.permit.client.is_none() || known.plans.len() > 1 || held == 0 {
            return;
        }
        let clients = &known.plan.clients;
        let before = |gate: GateAudit| GateAudit { taken: gate.taken.saturating_sub(1), ..gate };
        let (forward, process, held) = (before(forward), before(process), held - 1);
        if let Some(most) = clients.sessions {
            assert!(held < most.into(), "a client with {held} of {most} sessions gets another one");
        }
        let Some(share) = clients.share else { return };
        let mut room = process.limit.saturating_sub(process.taken);
        if self.forwards.values().filter(|forward| forward.is_configured).count() > 1 {
            let may_take = |more: u32| {
                let process = GateAudit { taken: process.taken + more, ..process };
                may_take(share, forward.taken + more, process)
            };
            room = (0..room).take_while(|more| may_take(*more)).count().try_into().unwrap_or(0);
        }
        let limit = forward.limit.min(forward.taken.saturating_add(room));
        let pool = GateAudit { limit, ..forward };
        assert!(
            may_take(share, held, pool),
            "a client with {held} places gets one beyond its share of {pool:?} in {process:?}"
        );
    }

    /// Whether the forward has its share of the places of the process.
    pub(crate) fn has_its_share(&self, name: &str, forward: GateAudit, process: GateAudit) -> bool {
        let configured = self.forwards.values().filter(|forward| forward.is_configured).count();
        let share = self.forwards.get(name).and_then(|forward| forward.plan.clients.share);
        configured > 1 && share.is_some_and(|share| !may_take(share, forward.taken, process))
    }
}

impl Forward {
    /// The time for each new session of a client, and how many may come at once.
    fn rate(&self) -> Option<(Duration, u32)> {
        let clients = &self.plan.clients;
        let new = u32::from(clients.new?);
        Some((Duration::from_secs(1) / new, clients.burst.map_or(new, Into::into)))
    }

    /// A session of the client with this address has begun.
    pub(super) fn admitted(&mut self, address: Option<IpAddr>, now: Time) {
        let Some((interval, burst)) = self.rate() else { return };
        if self.plans.len() > 1 {
            self.clients.are_all_known = false;
            return;
        }
        let Some(client) = address.and_then(|it| self.plan.clients.name(it)) else { return };
        let times = self.clients.times.entry(client.clone()).or_default();
        times.push(now);
        for (at, since) in times.iter().enumerate() {
            let count = (times.len() - at) as u128;
            let span = now.since(*since) + LATE;
            let most = u128::from(burst) + span.as_micros() / interval.as_micros();
            assert!(count <= most, "{client} got {count} new sessions, of {most}, in {span:?}");
        }
    }
}
