//! What the model knows of a forward and of its targets.

use super::admissions::Admissions;
use super::health::Health;
use super::set::{Member, Set};
use crate::script::{self, resolve};
use flow::Time;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A forward, as long as the engine knows it.
#[derive(Debug)]
pub(super) struct Forward {
    pub(super) plan: script::Forward,
    /// The configurations that workers may still follow, the present one among them.
    pub(super) plans: Vec<script::Forward>,
    pub(super) sets: Vec<Set>,
    pub(super) targets: BTreeMap<String, Target>,
    pub(super) clients: Admissions,
    /// The present configuration has it.
    pub(super) is_configured: bool,
    /// The workers may still use listeners and targets of another configuration.
    pub(super) is_changing: bool,
}

/// A target of a forward, by address.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) health: Health,
    /// The last change of its health.
    pub(super) changed: Time,
    /// Connects, and failed attempts; `None` if the engine may have forgotten some.
    pub(super) connects: Option<[u64; 2]>,
}

impl Target {
    pub(super) const NEW: Self = Self::with(Health::NEW, Some([0, 0]));
    pub(super) const UNKNOWN: Self = Self::with(Health::Unknown, None);

    pub(super) const fn with(health: Health, connects: Option<[u64; 2]>) -> Self {
        Self { health, changed: Time::from_micros(0), connects }
    }

    pub(super) fn change_health<T>(
        &mut self,
        now: Time,
        change: impl FnOnce(&mut Health) -> T,
    ) -> T {
        let before = self.health;
        let result = change(&mut self.health);
        if self.health != before {
            self.changed = now;
        }
        result
    }

    pub(super) fn set_health(&mut self, health: Health, now: Time) {
        self.change_health(now, |it| *it = health);
    }
}

impl Forward {
    pub(super) fn new(plan: &script::Forward) -> Self {
        let sets = Set::all(plan);
        let members = sets.iter().flat_map(|set| &set.members);
        let targets = members.map(|member| (member.text.clone(), Target::NEW)).collect();
        Self {
            plan: plan.clone(),
            plans: vec![plan.clone()],
            sets,
            targets,
            clients: Admissions::default(),
            is_configured: true,
            is_changing: true,
        }
    }

    /// Takes the configuration `plan`. A target that stays keeps its state.
    pub(super) fn change(&mut self, plan: &script::Forward) {
        let mut sets = Set::all(plan);
        for member in sets.iter().flat_map(|set| &set.members) {
            if self.member(&member.text).is_some() {
                continue;
            }
            // One that comes back may have been kept by a session.
            let place = self.targets.entry(member.text.clone());
            place.and_modify(|target| *target = Target::UNKNOWN).or_insert(Target::NEW);
        }
        for set in &mut sets {
            let old = self.sets.iter_mut().find(|old| old.rule == set.rule);
            if let Some(old) = old.filter(|old| old.members == set.members) {
                set.turns = std::mem::take(&mut old.turns);
            }
            if self.plan.listen != plan.listen {
                set.turns.disturb();
            }
        }
        self.sets = sets;
        if self.plan.clients != plan.clients || self.plan.admission != plan.admission {
            self.clients = Admissions::unknown();
        }
        self.plan = plan.clone();
        self.plans.push(plan.clone());
        self.is_configured = true;
    }

    /// The targets of clients with this rule.
    pub(super) fn set(&self, rule: Option<u8>) -> Option<&Set> {
        self.sets.iter().find(|set| set.rule == rule)
    }

    pub(super) fn set_mut(&mut self, rule: Option<u8>) -> Option<&mut Set> {
        self.sets.iter_mut().find(|set| set.rule == rule)
    }

    pub(super) fn member(&self, text: &str) -> Option<&Member> {
        let mut members = self.sets.iter().flat_map(|set| &set.members);
        members.find(|member| member.text == text)
    }
}

/// The addresses of a target, in any order. A Unix socket counts as one.
pub(super) fn addresses(target: &str) -> Vec<Option<SocketAddr>> {
    let name = || target.split_once(".example:").and_then(|(_, port)| port.parse().ok());
    match (target.parse(), name()) {
        (Ok(address), _) => vec![Some(address)],
        (_, Some(port)) => {
            let host = &target[..target.len() - format!(":{port}").len()];
            resolve(host, port).into_iter().map(Some).collect()
        }
        _ => vec![None],
    }
}
