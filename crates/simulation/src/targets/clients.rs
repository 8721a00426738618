//! The rules for clients: each is counted by its prefix, refused at its own limits only, and a forward keeps to its
//! share of the process.

use super::Targets;
use engine::parts::{ForwardAudit, GateAudit, SessionAudit};
use flow::{ClientLimit, Stage};
use std::collections::BTreeMap;

/// Whether a holder of `held` places may take another one, by the definition.
fn may_take(thousandths: u32, held: u32, gate: GateAudit) -> bool {
    let free = gate.limit.saturating_sub(gate.taken);
    let reserved = if gate.limit < 20 { 0 } else { (gate.limit / 100).max(1) };
    let has_room = u64::from(held) * 1000 < u64::from(thousandths) * u64::from(free);
    if held == 0 { free > 0 } else { has_room && free > reserved }
}

impl Targets {
    /// The clients that the engine counts are those of the open sessions.
    pub(crate) fn check_clients<'a>(
        &self,
        forwards: &[ForwardAudit],
        sessions: impl Iterator<Item = &'a SessionAudit>,
    ) {
        let mut expected: BTreeMap<(&str, String), u32> = BTreeMap::new();
        for session in sessions.filter(|it| !matches!(it.flow.stage(), Stage::Greeting { .. })) {
            let Some(forward) = self.forwards.get(&*session.forward) else { continue };
            let address = session.client_address.ip();
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
    pub(super) fn client_refused(forward: &str, limit: ClientLimit, places: u32) {
        match limit {
            ClientLimit::Share { free } => {
                assert!(places > 0 && free > 0, "a newcomer of {forward} is refused by its share");
            }
            ClientLimit::Sessions(most) => {
                assert!(places >= most.get(), "{forward}: a client with {places} of {most}");
            }
            ClientLimit::Rate => {}
        }
    }

    /// Whether the forward has its share of the places of the process.
    pub(crate) fn has_its_share(&self, name: &str, forward: GateAudit, process: GateAudit) -> bool {
        let configured = self.forwards.values().filter(|forward| forward.is_configured).count();
        let share = self.forwards.get(name).and_then(|forward| forward.plan.clients.share);
        configured > 1 && share.is_some_and(|share| !may_take(share, forward.taken, process))
    }
}
